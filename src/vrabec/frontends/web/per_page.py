"""How many rows a page of the list has: as the address says, else as this browser remembers, else 50."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.columns import remembered
from vrabec.services.lists import PER_PAGE

COOKIE = "vrabec_per_page"
_KNOWN = {str(count): count for count in PER_PAGE}


def per_page_of(request: HttpRequest) -> int:
    """One of PER_PAGE; what is none of them is left out, so that an old bookmark still opens."""
    asked = (request.GET.get("per_page", ""), request.COOKIES.get(COOKIE, ""))
    return next((_KNOWN[text] for text in asked if text in _KNOWN), PER_PAGE[0])


def per_page_in(text: str) -> int | None:
    """What a form sent of it."""
    return _KNOWN.get(text)


@page("vm.list", methods=("POST",))
def choose(request: PageRequest) -> HttpResponse:
    """Remember the number in this browser, and come back to the list as it was, at its first page."""
    chosen = per_page_in(request.POST.get("per_page", "")) or PER_PAGE[0]
    return remembered(request, COOKIE, str(chosen), instead_of="per_page")
