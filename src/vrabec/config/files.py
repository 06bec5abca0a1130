"""The configuration file: which settings exist, their defaults, and sentences for what is wrong in it.

A TOML file named by VRABEC_CONFIG (default /etc/vrabec/vrabec.toml); docs/reference/settings.md lists it.
"""

from __future__ import annotations

import os
import re
import socket
import tomllib
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from vrabec.lib.errors import Invalid

DEFAULT_PATH = Path("/etc/vrabec/vrabec.toml")
SEAL_KEY = "seal.key"
"""The file in data_dir with the key for secrets in the database (lib/sealed.py)."""


@dataclass(frozen=True)
class Config:
    """Every setting, with its default."""

    data_dir: str = "/var/lib/vrabec"
    """Database, templates, keys, the machines' history of load."""
    run_dir: str = "/run/vrabec"
    """Sockets between the processes."""
    database: str = ""
    """"" for SQLite in data_dir, or postgresql://user:password@host/name."""
    listen: str = "0.0.0.0"  # noqa: S104 - one port for the whole site is what the product is
    """The address to listen on."""
    port: int = 8443
    """The port to listen on."""
    certificate: str = ""
    """PEM file; "" for data_dir/tls/certificate.pem."""
    certificate_key: str = ""
    """PEM file; "" for data_dir/tls/key.pem."""
    client_ca: str = ""
    """PEM file with authorities whose certificates sign people in, by the common name; "": none."""
    names: tuple[str, ...] = ("*",)
    """Host names by which browsers may call this controller."""
    images_dir: str = "/var/lib/libvirt/images/vrabec"
    """Where, on every host, the pool of our volumes lies."""
    job_threads: int = 8
    """Jobs that run at once."""
    metrics_from: tuple[str, ...] = ()
    """Addresses and networks that may read /metrics without a token, calling directly: ["192.0.2.7"]."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies in front, whose X-Forwarded-For is believed: ["127.0.0.1"]."""
    syslog: str = ""
    """Where lines of the record go as well: tls://loghost:6514, tcp://, udp://, /dev/log; "": nowhere."""
    syslog_ca: str = ""
    """PEM file with the authority of a tls:// log host's certificate; "" for those of this machine."""
    ldap_url: str = ""
    """A directory whose people sign in here: ldaps://ldap.example.org, or ldap:// with StartTLS; "": none."""
    ldap_ca: str = ""
    """PEM file with the authority of the directory's certificate; "" for those of this machine."""
    ldap_bind_dn: str = ""
    """Who looks people up there: "cn=vrabec,dc=example,dc=org"; "": nobody in particular."""
    ldap_bind_password_file: str = ""
    """A file with their password, which Vrabec alone should be able to read."""
    ldap_users: str = ""
    """Below what people are there: "ou=people,dc=example,dc=org"."""
    ldap_login: str = "uid"
    """The attribute with the name to sign in with; Active Directory: "sAMAccountName"."""
    ldap_groups: str = ""
    """Below what groups are there: "ou=groups,dc=example,dc=org"; "": groups are not asked for."""
    ldap_group_kind: str = "groupOfNames"
    """How groups name their members: groupOfNames, groupOfUniqueNames, posixGroup or activeDirectory."""
    oidc_issuer: str = ""
    """An OpenID Connect provider whose people sign in here: "https://sso.example.org/main"; "": none."""
    oidc_client_id: str = ""
    """Who Vrabec is there. Its address to come back to is /sign-in/openid/back."""
    oidc_client_secret_file: str = ""
    """A file with its secret, which Vrabec alone should be able to read; "": a public client."""
    oidc_label: str = "Sign in with your organisation's account"
    """What stands on the button."""
    oidc_scopes: str = "openid profile email"
    """What it is asked for; some tell groups only when asked: "openid profile email groups"."""
    oidc_username_claim: str = "preferred_username"
    """The claim with the name that a new account gets."""
    oidc_groups_claim: str = "groups"
    """The claim with the names of somebody's groups."""
    proxy_user_header: str = ""
    """A header by which a proxy in front says who somebody is: "X-Remote-User"; "": none is believed."""
    proxy_user_from: tuple[str, ...] = ()
    """Addresses and networks of those proxies, as they reach Vrabec: ["127.0.0.1"]."""
    require_second_factor: tuple[str, ...] = ()
    """Built-in roles that ask for a second factor: ["administrator"]. A site's own say so themselves."""
    mail_server: str = ""
    """The SMTP server that takes Vrabec's mail to people: "smtp.example.org"; "": nobody gets any."""
    mail_port: int = 587
    """Its port: 587 with starttls, 465 with tls, 25 for a relay that knows this machine."""
    mail_security: str = "starttls"
    """How the line to it is kept private: "starttls", "tls" or "none"."""
    mail_ca: str = ""
    """PEM file with the authority of its certificate; "" for those of this machine."""
    mail_user: str = ""
    """Who Vrabec is there; "": it asks for nobody."""
    mail_password_file: str = ""
    """A file with the password there, which Vrabec alone should be able to read."""
    mail_from: str = ""
    """The address that mail comes from: "vrabec@example.org"."""
    public_url: str = ""
    """How people reach Vrabec behind a proxy: "https://cloud.example.org"; "" for this host and port."""

    @property
    def reached_at(self) -> str:
        """The address of this controller, as people reach it."""
        return self.public_url.rstrip("/") or f"https://{socket.gethostname()}:{self.port}"

    @property
    def certificate_path(self) -> Path:
        """The certificate's file."""
        return Path(self.certificate or f"{self.data_dir}/tls/certificate.pem")

    @property
    def certificate_key_path(self) -> Path:
        """The certificate's private key."""
        return Path(self.certificate_key or f"{self.data_dir}/tls/key.pem")


def config_path() -> Path:
    """The file in use."""
    return Path(os.environ.get("VRABEC_CONFIG", DEFAULT_PATH))


def read_config(path: Path) -> Config:
    """The settings in `path`; a file that is not there means the defaults. Raises Invalid."""
    try:
        found = tomllib.loads(path.read_text())
    except FileNotFoundError:
        found = {}
    except OSError as error:
        raise Invalid(
            "%(path)s cannot be read (%(why)s): use sudo.", path=str(path), why=error.strerror
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid("%(path)s is not valid TOML: %(why)s.", path=str(path), why=str(error)) from error
    known = {field.name: type(field.default) for field in fields(Config)}
    for name, value in found.items():
        _check(path, name, value, known)
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    for name in NETWORKS:
        _check_networks(path, name, values.get(name, ()))
    _check_public_url(path, values.get("public_url", ""))
    _check_roles(path, values.get("require_second_factor", ()))
    _check_syslog(path, values.get("syslog", ""))
    _check_oidc(path, values.get("oidc_issuer", ""), values.get("oidc_client_id", ""))
    _check_proxy_user(path, values.get("proxy_user_header", ""), values.get("proxy_user_from", ()))
    _check_ldap(path, values.get("ldap_url", ""), values.get("ldap_users", ""))
    made = Config(**values)
    _check_mail(path, made)
    return made


BUILT_IN_ROLES = ("administrator", "operator", "owner", "member", "cloner", "viewer")
"""As models/roles.py has them, which needs settings to be read; a test compares."""
NETWORKS = ("metrics_from", "trusted_proxies", "proxy_user_from")
"""Settings that list addresses or networks."""


def _check_public_url(path: Path, value: str) -> None:
    url = urlsplit(value)
    if value and (url.scheme != "https" or not url.hostname or url.path.strip("/") or url.query):
        raise Invalid(
            "%(path)s: public_url must be https://, a name and nothing behind it, not %(value)s.",
            path=str(path),
            value=value,
            field="public_url",
        )


def _check_roles(path: Path, values: tuple[object, ...]) -> None:
    for value in values:
        if value not in BUILT_IN_ROLES:
            raise Invalid(
                "%(path)s: require_second_factor has %(value)s; the built-in roles are %(known)s.",
                path=str(path),
                value=str(value),
                known=", ".join(BUILT_IN_ROLES),
                field="require_second_factor",
            )


def _check_syslog(path: Path, value: str) -> None:
    url = urlsplit(value)
    is_remote = url.scheme in ("tls", "tcp", "udp") and url.hostname and not url.path and _has_port(url)
    if value and not value.startswith("/") and not is_remote:
        raise Invalid(
            "%(path)s: syslog must be tls://, tcp:// or udp:// and name:port, or a socket's path, "
            "not %(value)s.",
            path=str(path),
            value=value,
            field="syslog",
        )


def _has_port(url: SplitResult) -> bool:
    """Whether its port, where it has one, is a number."""
    try:
        return url.port is None or url.port > 0
    except ValueError:
        return False


def _check_ldap(path: Path, value: str, users: str) -> None:
    url = urlsplit(value)
    if value and (url.scheme not in ("ldap", "ldaps") or not url.hostname or url.path.strip("/")):
        raise Invalid(
            "%(path)s: ldap_url must be ldaps:// or ldap:// and a name, not %(value)s.",
            path=str(path),
            value=value,
            field="ldap_url",
        )
    if value and not users:
        raise Invalid("%(path)s: ldap_url needs ldap_users, too.", path=str(path), field="ldap_users")


def _check_oidc(path: Path, issuer: str, client: str) -> None:
    url = urlsplit(issuer)
    is_near = url.scheme == "http" and url.hostname in ("localhost", "127.0.0.1", "::1")
    if issuer and (not (url.scheme == "https" or is_near) or not url.hostname):
        raise Invalid(
            "%(path)s: oidc_issuer must begin with https://, not be %(value)s.",
            path=str(path),
            value=issuer,
            field="oidc_issuer",
        )
    if issuer and not client:
        raise Invalid(
            "%(path)s: oidc_issuer needs oidc_client_id, too.", path=str(path), field="oidc_client_id"
        )


def _check_proxy_user(path: Path, header: str, believed: tuple[str, ...]) -> None:
    if header and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", header, re.ASCII):
        raise Invalid(
            "%(path)s: proxy_user_header must be letters, digits and hyphens, not %(value)s.",
            path=str(path),
            value=header,
            field="proxy_user_header",
        )
    if bool(header) != bool(believed):
        raise Invalid(
            "%(path)s: proxy_user_header and proxy_user_from go together: set both.",
            path=str(path),
            field="proxy_user_from",
        )


def _check_mail(path: Path, config: Config) -> None:
    known = ("starttls", "tls", "none")
    if config.mail_security not in known:
        raise Invalid(
            "%(path)s: mail_security must be one of %(known)s.",
            path=str(path),
            known=", ".join(known),
            field="mail_security",
        )
    name, at, domain = config.mail_from.rpartition("@")
    if config.mail_server and not (name and at and domain and config.mail_from.isprintable()):
        raise Invalid(
            "%(path)s: mail_server needs mail_from, too: an address such as vrabec@example.org.",
            path=str(path),
            field="mail_from",
        )


def _check_networks(path: Path, name: str, values: tuple[object, ...]) -> None:
    for value in values:
        try:
            ip_network(str(value))
        except ValueError as error:
            raise Invalid(
                "%(path)s: %(name)s has %(value)s, which is no address or network (%(why)s).",
                path=str(path),
                name=name,
                value=str(value),
                why=str(error),
                field=name,
            ) from error


def _check(path: Path, name: str, value: object, known: dict[str, type]) -> None:
    if name not in known:
        raise Invalid("%(path)s: there is no setting %(name)s.", path=str(path), name=name, field=name)
    wanted = list if known[name] is tuple else known[name]
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise Invalid(
            "%(path)s: %(name)s must be a %(type)s.",
            path=str(path),
            name=name,
            type={str: "text", int: "whole number", list: "list of texts"}[wanted],
            field=name,
        )


def database_settings(config: Config) -> dict[str, object]:
    """Django's DATABASES entry for `config.database`. Raises Invalid for a URL we do not know."""
    if not config.database:
        return _sqlite(f"{config.data_dir}/vrabec.sqlite3")
    url = urlsplit(config.database)
    if url.scheme == "sqlite":
        return _sqlite(url.path)
    if url.scheme not in ("postgresql", "postgres"):
        raise Invalid("database must begin with postgresql:// or sqlite:///.", field="database")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": unquote(url.hostname or ""),
        "PORT": str(url.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }


def _sqlite(name: str) -> dict[str, object]:
    # IMMEDIATE: without it concurrent writers fail at once with "database is locked" instead of waiting.
    pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        "CONN_MAX_AGE": None,
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": pragmas},
    }
