"""Views of the list that people keep."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from vrabec.models.users import User


class SavedView(models.Model):
    """A search with an order, columns and rows a page, under a name of its owner's.

    Without `columns` the usual ones; without `per_page` what the reader has chosen for the list.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="views")
    name = models.CharField(max_length=40)
    search = models.CharField(max_length=200, blank=True)
    sort = models.CharField(max_length=20)
    columns = models.JSONField(default=list)
    per_page = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[SavedView]] = models.Manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "name"], name="view_name_once_a_person"),)
