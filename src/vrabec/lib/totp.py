"""Codes of authenticator apps: TOTP (RFC 6238) as all of them know it, with SHA-1, six digits, 30 seconds."""

from __future__ import annotations

import base64
import hmac
import os
from urllib.parse import quote, urlencode

STEP_SECONDS = 30
DIGITS = 6
SKEW_STEPS = 1
"""A clock may be so many steps off, either way (RFC 6238, 5.2 and 6)."""
_SEED_BYTES = 20


def new_seed() -> str:
    """A seed in base32, of the length that RFC 4226 recommends."""
    return base64.b32encode(os.urandom(_SEED_BYTES)).decode()


def code_at(seed: str, step: int) -> str:
    """The code of a time step (RFC 4226, 5.3)."""
    mac = hmac.digest(base64.b32decode(seed), step.to_bytes(8, "big"), "sha1")
    at = mac[-1] & 15
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def step_of(seed: str, code: str, *, at: float, after: int = 0) -> int | None:
    """The time step whose code this is, near the time `at`; None for none, or one not later than `after`."""
    now = int(at) // STEP_SECONDS
    fits = [
        step
        for step in range(now - SKEW_STEPS, now + SKEW_STEPS + 1)
        if hmac.compare_digest(code_at(seed, step).encode(), code.encode()) and step > after
    ]
    return min(fits, default=None)


def uri(seed: str, *, account: str, issuer: str) -> str:
    """What a QR code for an app holds (Google Authenticator's "Key Uri Format")."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    query = urlencode({"secret": seed, "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"
