"""Signing in by LDAP and Active Directory: what django-auth-ldap is told. Its back end: directory_backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ldap
from django_auth_ldap.config import (
    GroupOfNamesType,
    GroupOfUniqueNamesType,
    LDAPSearch,
    NestedActiveDirectoryGroupType,
    PosixGroupType,
)

from vrabec.config.files import Config
from vrabec.lib.errors import Invalid

PATIENCE_S = 3
"""For a connection, and for each answer: people wait for it, in threads of their own."""
GROUP_KINDS = {
    "groupOfNames": GroupOfNamesType,
    "groupOfUniqueNames": GroupOfUniqueNamesType,
    "posixGroup": PosixGroupType,
    "activeDirectory": NestedActiveDirectoryGroupType,
}


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
        "CA": config.ldap_ca,
        "CONNECTION_OPTIONS": {ldap.OPT_REFERRALS: 0, ldap.OPT_TIMEOUT: PATIENCE_S},
        "BIND_DN": config.ldap_bind_dn,
        "BIND_PASSWORD": _password(config.ldap_bind_password_file),
        "USER_SEARCH": LDAPSearch(config.ldap_users, ldap.SCOPE_SUBTREE, login),
        "GROUP_TYPE": kind(),
        "ALWAYS_UPDATE_USER": False,  # identities does
    }
    if config.ldap_groups:
        found["GROUP_SEARCH"] = LDAPSearch(config.ldap_groups, ldap.SCOPE_SUBTREE)
    return {f"AUTH_LDAP_{name}": value for name, value in found.items()}


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
