"""The back end by which Django asks a directory. It needs Django's models, so settings cannot import it."""

from __future__ import annotations

import logging
from functools import partial
from types import SimpleNamespace
from typing import Any

import ldap
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django_auth_ldap import backend

from vrabec.config.directory import PATIENCE_S
from vrabec.config.directory_tls import connect
from vrabec.lib.errors import Unavailable
from vrabec.models.identities import Source
from vrabec.models.users import User
from vrabec.services.identities import Vouched, account_of

logger = logging.getLogger(__name__)


class Directory(backend.LDAPBackend):  # type: ignore[misc]
    """Asks the directory for people who have no password here; their accounts come by services.identities."""

    default_settings = {"CA": ""}

    @property
    def ldap(self) -> SimpleNamespace:
        """python-ldap, as the library uses it, with our way to connect."""
        initialize = partial(connect, ca=self.settings.CA, patience_s=PATIENCE_S)
        return SimpleNamespace(**vars(ldap) | {"initialize": initialize})

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> AbstractBaseUser | None:
        """The user of this name and password there, or None. Raises Unavailable, Unauthenticated."""
        name = (username or "").strip().lower()
        if User.objects.filter(username=name).exclude(identities__source=Source.LDAP).exists():
            return None  # the directory has no say about local accounts, and hears no password of theirs
        found: AbstractBaseUser | None = super().authenticate(request, name, password)
        return found

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[AbstractBaseUser, bool]:
        """The account of somebody who has just shown their password."""

        def first(name: str) -> str:
            return str((ldap_user.attrs.get(name) or [""])[0])

        asks_groups = self.settings.GROUP_SEARCH is not None
        who = Vouched(
            Source.LDAP,
            subject=username.lower(),
            username=username,
            full_name=first("displayName") or first("cn"),
            email=first("mail"),
            groups=frozenset(ldap_user.group_names) if asks_groups else None,
        )
        user = account_of(who)
        user.vouched_by = Source.LDAP.value
        return user, False


def _say(sender: object, *, exception: Exception, **_: Any) -> None:
    """The library logs what went wrong and says "no such user"; people are to know that it was not they."""
    logger.warning("the directory: %r", exception)
    raise Unavailable(
        "The directory does not answer. Try again in a minute; accounts with a password here still sign in.",
        raw=f"{type(exception).__name__}: {exception}",
    ) from exception


backend.ldap_error.connect(_say)
