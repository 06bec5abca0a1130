"""The query of a libvirt URI as libvirt reads it (virURIParse): parted by & or ;, names in any case."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit


def parameters(uri: str) -> list[tuple[str, str]]:
    """(name in lower case, value) of each parameter."""
    parts = (part.partition("=") for part in re.split("[&;]", urlsplit(uri).query) if part)
    return [(unquote(name).lower(), unquote(value)) for name, _, value in parts]
