"""What `vrabecd doctor` says of the directory: whether it answers, and takes what the settings say."""

from __future__ import annotations

from collections.abc import Iterator

from vrabec.config.files import Config
from vrabec.config.findings import Finding, Grade


def look_at_directory(config: Config) -> Iterator[Finding]:
    """Sign in as Vrabec does, and look for the people; nothing where the settings name no directory."""
    if config.ldap_url:
        why = _what_is_wrong(config)
        text = f"{config.ldap_url} {why or 'answers, and has ldap_users'}"
        yield Finding(Grade.FAIL if why else Grade.OK, "directory", text)


def _what_is_wrong(config: Config) -> str:
    import ldap

    from vrabec.config import directory
    from vrabec.config.directory_tls import connect

    told = directory.settings(config)
    try:
        line = connect(config.ldap_url, ca=config.ldap_ca, patience_s=directory.PATIENCE_S)
        for option, value in told["AUTH_LDAP_CONNECTION_OPTIONS"].items():
            line.set_option(option, value)
        line.simple_bind_s(config.ldap_bind_dn, told["AUTH_LDAP_BIND_PASSWORD"])
        line.search_s(config.ldap_users, ldap.SCOPE_BASE)
    except ldap.CONNECT_ERROR as error:
        return f"has no TLS to trust ({_raw(error)}): an authority of your own is named in ldap_ca."
    except ldap.INVALID_CREDENTIALS:
        return "refuses ldap_bind_dn, or the password in ldap_bind_password_file."
    except ldap.NO_SUCH_OBJECT:
        return f"shows us no {config.ldap_users}: look at ldap_users, and at what ldap_bind_dn may see."
    except ldap.LDAPError as error:
        return f"does not answer as it should ({_raw(error)}): its people cannot sign in."
    return ""


def _raw(error: Exception) -> str:
    said = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return str(said.get("info") or said.get("desc") or type(error).__name__)
