"""Accounts as other systems know them, whose word is taken for who somebody is."""

from __future__ import annotations

from django.db import models

from vrabec.models.users import User


class Source(models.TextChoices):
    """A system that vouches for people."""

    LDAP = "ldap", "LDAP"
    OPENID = "openid", "OpenID Connect"
    PROXY = "proxy", "a proxy in front"
    CERTIFICATE = "certificate", "a client certificate"


class Identity(models.Model):
    """Somebody as a source knows them. `subject` is what stays theirs there when their name changes."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="identities")
    source = models.CharField(max_length=16, choices=Source.choices)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["source", "subject"], name="identity_once"),
            models.UniqueConstraint(fields=["user", "source"], name="identity_one_a_source"),
        )
