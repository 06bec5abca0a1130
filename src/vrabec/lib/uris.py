"""A libvirt URI as libvirt reads it: how it goes to the host, and what the query says (virURIParse)."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit


def transport_of(uri: str) -> str:
    """How libvirt will go there: the rules of https://libvirt.org/uri.html, "" for inside this process."""
    parts = urlsplit(uri)
    driver, _, named = parts.scheme.partition("+")
    if named:
        return named
    if parts.hostname:
        return "tls"
    return "" if driver == "test" else "unix"


def parameters(uri: str) -> list[tuple[str, str]]:
    """(name in lower case, value) of each parameter: parted by & or ;, names in any case."""
    parts = (part.partition("=") for part in re.split("[&;]", urlsplit(uri).query) if part)
    return [(unquote(name).lower(), unquote(value)) for name, _, value in parts]


def with_parameters(uri: str, **more: str) -> str:
    """`uri` with these parameters beside its own."""
    query = urlencode([*parameters(uri), *more.items()], quote_via=quote, safe="/")
    return urlsplit(uri)._replace(query=query).geturl()


def certified(uri: str, folder: Path) -> str:
    """`uri` as libvirt is given it over TLS: with cacert, clientcert and clientkey.pem of `folder`."""
    return with_parameters(uri, pkipath=str(folder))
