"""Secrets that must be read again, sealed so that the database alone gives nobody anything.

By AES-256-GCM (NIST SP 800-38D) with a key from a file outside of the database. What is sealed is bound to
its purpose, such as "totp 12": put into another row it does not open. The key file has a key a line: the
first seals, all open, so that a key is changed by a new first line.
"""

from __future__ import annotations

import base64
import hashlib
import os
from binascii import Error as NotBase64
from pathlib import Path

from vrabec.lib.errors import Unavailable

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "1"
"""Written first, so that another form can come."""


def new_key() -> str:
    """A line of a key file."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def seal(text: str, *, purpose: str, key_file: Path) -> str:
    """`text` so that it opens for this purpose, with this key file, alone. Raises Unavailable."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # 20 ms that few processes need

    name, key = next(iter(_keys(key_file).items()))
    nonce = os.urandom(_NONCE_BYTES)
    box = nonce + AESGCM(key).encrypt(nonce, text.encode(), purpose.encode())
    return f"{_FORM}.{name}.{base64.urlsafe_b64encode(box).decode()}"


def unseal(sealed: str, *, purpose: str, key_file: Path) -> str:
    """What `seal` was given. Raises Unavailable with what to do when it cannot be opened."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    keys = _keys(key_file)
    form, _, rest = sealed.partition(".")
    name, _, box = rest.partition(".")
    if form != _FORM or name not in keys:
        raise Unavailable(
            "%(path)s is not the key that this secret was sealed with. Put the file of the backup that the "
            "database is from in its place, or have the secret set anew.",
            path=str(key_file),
        )
    try:
        raw = base64.urlsafe_b64decode(box)
        return AESGCM(keys[name]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], purpose.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise Unavailable(
            "A sealed secret (%(purpose)s) was changed in the database. Have it set anew.", purpose=purpose
        ) from error


def _keys(key_file: Path) -> dict[str, bytes]:
    """The keys by what a sealed secret calls them, the one that seals first. Raises Unavailable."""
    try:
        lines = key_file.read_text().split()
        keys = [base64.urlsafe_b64decode(line) for line in lines]
    except FileNotFoundError as error:
        raise Unavailable(
            "The key for secrets, %(path)s, is missing. Put it back from a backup. Where there is none, "
            "vrabecd migrate makes a new one, and secrets have to be set anew.",
            path=str(key_file),
        ) from error
    except OSError as error:
        raise Unavailable(
            "The key for secrets, %(path)s, cannot be read: %(why)s.", path=str(key_file), why=error.strerror
        ) from error
    except (NotBase64, UnicodeDecodeError, ValueError):
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise Unavailable("%(path)s is no key for secrets: put it back from a backup.", path=str(key_file))
    return {hashlib.sha256(key).hexdigest()[:8]: key for key in keys}
