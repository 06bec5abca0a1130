"""How passwords are kept: Argon2id, in a size that a small controller can afford."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """19 MiB, two passes, one lane: the smallest that OWASP's Password Storage Cheat Sheet names.

    Django's own takes 100 MiB a sign-in, a third of what all of Vrabec may, and PBKDF2 half a second of CPU.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
