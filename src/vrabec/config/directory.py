"""Signing in by LDAP and Active Directory: django-auth-ldap, told of our settings and of our accounts."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ldap
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest
from django_auth_ldap import backend
from django_auth_ldap.config import (
    GroupOfNamesType,
    GroupOfUniqueNamesType,
    LDAPSearch,
    NestedActiveDirectoryGroupType,
    PosixGroupType,
)

from vrabec.config.files import Config
from vrabec.lib.errors import Invalid, Unavailable

logger = logging.getLogger(__name__)
PATIENCE_S = 3
"""For a connection, and for each answer: people wait for it, in threads of their own."""
GROUP_KINDS = {
    "groupOfNames": GroupOfNamesType,
    "groupOfUniqueNames": GroupOfUniqueNamesType,
    "posixGroup": PosixGroupType,
    "activeDirectory": NestedActiveDirectoryGroupType,
}


class Directory(backend.LDAPBackend):  # type: ignore[misc]
    """Asks the directory for people who have no password here; their accounts come by services.identities."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> AbstractBaseUser | None:
        """The user of this name and password there, or None. Raises Unavailable, Unauthenticated."""
        from vrabec.models.identities import Source
        from vrabec.models.users import User

        name = (username or "").strip().lower()
        if User.objects.filter(username=name).exclude(identities__source=Source.LDAP).exists():
            return None  # the directory has no say about local accounts, and hears no password of theirs
        found: AbstractBaseUser | None = super().authenticate(request, name, password)
        return found

    def get_or_build_user(self, username: str, ldap_user: Any) -> tuple[AbstractBaseUser, bool]:
        """The account of somebody who has just shown their password."""
        from vrabec.models.identities import Source
        from vrabec.services.identities import Vouched, account_of

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


def settings(config: Config) -> dict[str, Any]:
    """Django's settings for a directory. Raises Invalid."""
    kind = GROUP_KINDS.get(config.ldap_group_kind)
    if kind is None:
        raise Invalid(
            "ldap_group_kind must be one of: %(kinds)s.",
            field="ldap_group_kind",
            kinds=", ".join(GROUP_KINDS),
        )
    login = f"({config.ldap_login}=%(user)s)"
    found = {
        "SERVER_URI": config.ldap_url,
        "START_TLS": config.ldap_url.startswith("ldap:"),  # passwords never go in the clear
        "CONNECTION_OPTIONS": _options(config),
        "BIND_DN": config.ldap_bind_dn,
        "BIND_PASSWORD": _password(config.ldap_bind_password_file),
        "USER_SEARCH": LDAPSearch(config.ldap_users, ldap.SCOPE_SUBTREE, login),
        "GROUP_TYPE": kind(),
        "ALWAYS_UPDATE_USER": False,  # identities does
    }
    if config.ldap_groups:
        found["GROUP_SEARCH"] = LDAPSearch(config.ldap_groups, ldap.SCOPE_SUBTREE)
    return {f"AUTH_LDAP_{name}": value for name, value in found.items()}


def _options(config: Config) -> dict[int, Any]:
    trust = {ldap.OPT_X_TLS_CACERTFILE: config.ldap_ca} if config.ldap_ca else {}
    return {
        ldap.OPT_REFERRALS: 0,
        ldap.OPT_NETWORK_TIMEOUT: PATIENCE_S,
        ldap.OPT_TIMEOUT: PATIENCE_S,
        **trust,
        ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
        ldap.OPT_X_TLS_NEWCTX: 0,  # the last: it makes what stands above count
    }


def _password(path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise Invalid(
            "ldap_bind_password_file %(path)s cannot be read: %(why)s.",
            field="ldap_bind_password_file",
            path=path,
            why=error.strerror,
        ) from error


def _say(sender: object, *, exception: Exception, **_: Any) -> None:
    """The library logs what went wrong and says "no such user"; people are to know that it was not they."""
    logger.warning("the directory: %r", exception)
    raise Unavailable(
        "The directory does not answer. Try again in a minute; accounts with a password here still sign in.",
        raw=f"{type(exception).__name__}: {exception}",
    ) from exception


backend.ldap_error.connect(_say)
