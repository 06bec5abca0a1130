"""Mail that waits to be sent, and what was sent of late."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from vrabec.models.users import User


class Mail(models.Model):
    """One mail to one person. It is sent once `not_before` has passed (None: at once).

    `sent_at` or `given_up_at` end it; `error` is what the server said last.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="mail")
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    text = models.TextField()
    created_at = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=["not_before"], condition=Q(sent_at=None, given_up_at=None), name="mail_to_send"
            ),
        )

    @property
    def name(self) -> str:
        """What the record calls it."""
        return self.subject
