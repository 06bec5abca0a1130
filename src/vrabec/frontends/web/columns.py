"""Which columns the list shows: as the address says, else as this browser remembers, else the usual ones."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.models.views import SavedView
from vrabec.services.lists import COLUMNS, USUAL_COLUMNS
from vrabec.services.permissions import may

COOKIE = "vrabec_columns"
NONE = "-"
_YEAR_SECONDS = 31_536_000
_TITLES = {
    "host": gettext_noop("Host"),
    "project": gettext_noop("Project"),
    "address": gettext_noop("Address"),
    "cpu": gettext_noop("CPU, last hour"),
    "memory": gettext_noop("Memory"),
    "disk": gettext_noop("Disk used"),
    "cpus": gettext_noop("CPUs"),
    "template": gettext_noop("Template"),
    "network": gettext_noop("Network"),
    "mac": gettext_noop("MAC address"),
    "by": gettext_noop("Made by"),
    "created": gettext_noop("Created"),
    "lease": gettext_noop("Lease"),
}


@dataclass(frozen=True)
class Choice:
    """A column that can be shown."""

    key: str
    title: str
    on: bool

    @property
    def is_usual(self) -> bool:
        """Whether it is shown where nobody chose."""
        return self.key in USUAL_COLUMNS


def columns_of(request: HttpRequest, *, with_hosts: bool) -> list[Choice]:
    """Every column that the reader may see, and whether it is shown."""
    text = request.GET.get("cols") or request.COOKIES.get(COOKIE, "")
    asked = text.split(".") if text else list(USUAL_COLUMNS)
    return [
        Choice(key, gettext(_TITLES[key]), key in asked) for key in COLUMNS if with_hosts or key != "host"
    ]


def words_for(shown: list[str]) -> str:
    """What the address or the browser says of these columns."""
    return ".".join(shown) or NONE


def address_of(view: SavedView) -> str:
    """Where the list stands as the view has it."""
    asked = {"q": view.search, "sort": view.sort if view.sort != "state" else ""}
    asked["cols"] = words_for(view.columns) if view.columns else ""
    asked["per_page"] = str(view.per_page or "")
    return f"{reverse('vms')}?{urlencode({key: value for key, value in asked.items() if value})}"


@page("vm.list", methods=("POST",))
def choose(request: PageRequest) -> HttpResponse:
    """Remember the columns in this browser, and come back to the list as it was."""
    shown = [key for key in COLUMNS if key in request.POST.getlist("column")]
    if not may(request.actor, "host.view"):
        shown.insert(0, "host")  # not asked, so not refused: it shows once they may see hosts
    return remembered(request, COOKIE, words_for(shown), instead_of="cols")


def remembered(request: PageRequest, cookie: str, value: str, *, instead_of: str) -> HttpResponse:
    """Keep a choice in this browser, and come back to the list as it was but for what its address chose."""
    back = QueryDict(request.POST.get("back", "")[:2000], mutable=True)
    back.pop(instead_of, None)
    answer = see_other(request, f"{reverse('vms')}{'?' if back else ''}{back.urlencode()}")
    answer.set_cookie(cookie, value, max_age=_YEAR_SECONDS, secure=True, httponly=True, samesite="Lax")
    return answer
