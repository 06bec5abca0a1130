"""People and the tokens that stand for them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class UserManager(BaseUserManager["User"]):
    """Django's sign-in back end finds people by their natural key."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """Create a user; without a password nobody can sign in by one."""
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser):
    """A person. What they may do stands in their grants.

    `second_factor_since` is set as long as they have one, so that no page has to look for it.
    """

    username = models.CharField(max_length=64, unique=True)
    full_name = models.CharField(max_length=120, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    must_change_password = models.BooleanField(default=False)
    second_factor_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    vouched_by: str = ""
    """Whose word they have just signed in by, for the record; not stored."""

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    @property
    def shown_name(self) -> str:
        """The name to show other people."""
        return self.full_name or self.username


class Group(models.Model):
    """People who are given roles together.

    `outside` names groups of other systems, one a line: who is in one of them there is in this one here.
    """

    name = models.CharField(max_length=63, unique=True)
    title = models.CharField(max_length=120, blank=True)
    outside = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    @property
    def follows(self) -> frozenset[str]:
        """The names of `outside`, as they are compared: directories do not tell letters by their case."""
        return frozenset(line.casefold() for line in self.outside.splitlines())


class Membership(models.Model):
    """A person is in a group: by hand, or as long as a source says so (`identities.Source`)."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    source = models.CharField(max_length=16, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "group"], name="member_once"),)


class TokenKind(models.TextChoices):
    """What a token opens."""

    API = "api", "API"
    SIGN_IN = "sign_in", "one-time sign-in link"
    WAY_BACK = "way_back", "one-time sign-in link of vrabecd"


class Token(models.Model):
    """A secret that stands for a user. Only its SHA-256 is stored; it always expires.

    `verb_line` holds the only verbs that it allows, as a role's does, "" for all that its person may;
    `project_ids` the only projects, None for any. A project that is gone stays in it, and lets nobody in.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=16, choices=TokenKind.choices, default=TokenKind.API)
    name = models.CharField(max_length=64)
    verb_line = models.TextField(blank=True)
    project_ids = models.JSONField(null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
