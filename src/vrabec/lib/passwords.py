"""Hash a guest's password as Linux logins want it, so that the plain text is never stored.

By the system's libcrypt, which every Debian has (its login needs it): Python 3.13 has no crypt module,
passlib is no longer maintained, and a compiled dependency would wrap this same call.
"""

from __future__ import annotations

import base64
import ctypes
import secrets

from vrabec.lib.errors import HostError, Invalid

_CRYPT_DATA_BYTES = 32768
"""sizeof(struct crypt_data) of libxcrypt, part of its ABI."""


def hash_password(password: str) -> str:
    """SHA-512 crypt of `password`, freshly salted: "$6$salt$hash". Raises Invalid."""
    phrase = password.encode(errors="replace")
    if b"\0" in phrase or len(phrase) > 511:
        raise Invalid("A password has at most 511 bytes, and no NUL among them.", field="password")
    salt = base64.b64encode(secrets.token_bytes(12), altchars=b"./").decode()
    return _crypt(phrase, f"$6${salt}".encode()).decode()


def _crypt(phrase: bytes, setting: bytes) -> bytes:
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt_rn.restype = ctypes.c_char_p
    library.crypt_rn.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int)
    space = ctypes.create_string_buffer(_CRYPT_DATA_BYTES)
    hashed = library.crypt_rn(phrase, setting, space, _CRYPT_DATA_BYTES)
    if not isinstance(hashed, bytes):
        raise HostError("The controller's libcrypt cannot hash passwords with SHA-512.")
    return hashed
