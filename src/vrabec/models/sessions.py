"""Sessions of browsers: Django's own table knows neither whose they are nor where from."""

from __future__ import annotations

from django.db import models

from vrabec.models.users import User


class Session(models.Model):
    """A browser that somebody signed in with; without a user one that has not got so far.

    `digest` is the SHA-256 of what its cookie says: who reads the table cannot go on with a session.
    `address` and `seen_at` are of the last page, some minutes late.
    """

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="sessions")
    data = models.TextField(blank=True)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
