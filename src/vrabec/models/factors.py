"""Second factors: what somebody has beside their password."""

from __future__ import annotations

from django.db import models

from vrabec.models.users import User


class Authenticator(models.Model):
    """An app that shows codes. `seed` is sealed; without `confirmed_at` it is being set up, and counts not.

    `last_step` is the time step of the last code that was taken: none is taken twice.
    """

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="authenticator")
    seed = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.BigIntegerField(default=0)


class Passkey(models.Model):
    """A key of a device or a security key, for the site `rp_id` alone.

    `credential` is its id and public key as WebAuthn writes them, in base64; `digest` the SHA-256 of its id.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=64)
    rp_id = models.CharField(max_length=253)
    digest = models.CharField(max_length=64, unique=True)
    credential = models.TextField()
    sign_count = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True, blank=True)


class RecoveryCode(models.Model):
    """A code that works once when all else is lost. Only its SHA-256 is stored; it has 80 random bits."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64, unique=True)
    used_at = models.DateTimeField(null=True, blank=True)
