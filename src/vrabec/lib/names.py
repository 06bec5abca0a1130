"""Names that people give: what they may look like, and a name near one that may not."""

from __future__ import annotations

import re
import unicodedata

from vrabec.lib.errors import Invalid

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""A host-name label (RFC 1123 section 2.1, RFC 1035 2.3.1): it is the guest's host name, too."""

USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}", re.ASCII)
"""What directories call people, an address for mail among it; small letters, so that nobody is two."""


def check_username(value: str, field: str = "username") -> str:
    """Return `value` if people can be called so. Raises Invalid."""
    if USERNAME.fullmatch(value):
        return value
    raise Invalid(
        "Use small letters a–z, digits, dots, hyphens, underscores and @, 64 at most.",
        field=field,
        near=nearest_label(value),
    )


def check_label(value: str, field: str = "name") -> str:
    """Return `value` if it is a host-name label.

    Raises Invalid, naming the field and, where one exists, a name near it in `params["near"]`.
    """
    if LABEL.fullmatch(value):
        return value
    raise Invalid(
        "Use letters a–z, digits and hyphens, 63 at most, a letter first.",
        field=field,
        near=nearest_label(value),
    )


def nearest_label(value: str) -> str:
    """The label a person probably meant by `value`, or "" when nothing of it can stand."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode().lower()
    label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-").lstrip("0123456789-")[:63].rstrip("-")
    return label if LABEL.fullmatch(label) else ""
