"""The site that passkeys belong to: the name by which this browser calls the controller."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from vrabec.services.passkeys import Place


def place_of(request: HttpRequest) -> Place:
    """The public URL of the settings or, without one, what the request was sent to."""
    origin = settings.VRABEC_CONFIG.public_url.rstrip("/") or f"https://{request.get_host()}"
    url = urlsplit(origin)
    is_usual = url.port in (None, 443)
    return Place(f"https://{url.hostname}" if is_usual else f"https://{url.netloc}", url.hostname or "")


def can_have_passkeys(request: HttpRequest) -> bool:
    """Browsers make them for names alone, not for addresses."""
    try:
        ip_address(place_of(request).rp_id)
    except ValueError:
        return True
    return False
