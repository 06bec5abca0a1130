"""The shell around every page: menu, tree, user and jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.drawer import Drawer, drawer_of, shown_in
from vrabec.frontends.web.home import home_of
from vrabec.models.vms import Vm
from vrabec.services.permissions import may, may_somewhere
from vrabec.services.places import Branch, Places, places

OPEN_JOBS_COOKIE = "vrabec_jobs"
OPEN_TREE_COOKIE = "vrabec_tree"
_MAX_OPEN = 40
_WITHIN = {
    "hosts": ("cluster-capacity", "cluster-balance", "cluster-access"),
    "pools": ("pool",),
    "templates": ("networks", "network-share", "template-share"),
    "projects": ("project",),
    "people": ("groups", "group", "roles", "role", "role-new", "site-access"),
}
"""Pages that have no line of their own in the menu."""


@dataclass(frozen=True)
class Place:
    """One line of the menu."""

    title: str
    href: str
    icon: str
    count: int | None
    here: bool


@dataclass(frozen=True)
class Frame:
    """What the shell shows."""

    user: str
    home: str
    places: list[Place]
    branch_kind: str
    tree: tuple[Branch, ...]
    more_projects: int
    here: int | None
    jobs: Drawer


def frame_of(request: Any, vm: Vm | None = None, seen_vms: int | None = None) -> Frame:
    """The shell for the one who asks; `vm` is the machine on the page, `seen_vms` how many they see."""
    known = places(request.actor, opened=_opened(request), here=vm, seen_vms=seen_vms)
    return Frame(
        user=request.actor.name,
        home=reverse(home_of(request.actor)),
        places=_menu(request, known),
        branch_kind=known.branch_kind,
        tree=known.branches,
        more_projects=known.more_projects,
        here=vm.pk if vm else None,
        jobs=drawer_of(
            request.actor,
            show=shown_in(request),
            is_open=request.COOKIES.get(OPEN_JOBS_COOKIE) == "open",
        ),
    )


def _menu(request: Any, known: Places) -> list[Place]:
    lines: list[tuple[str, str, str, int | None]] = [
        (gettext("Machines"), "vms", "device-desktop", known.vms),
        (gettext("Hosts"), "hosts", "server-2", known.hosts),
        (gettext("Storage"), "pools", "database", known.pools),
        (gettext("Templates"), "templates", "stack-2", known.templates),
        (gettext("Projects"), "projects", "folder", known.projects),
        (gettext("Activity"), "activity", "activity", None),
    ]
    if may(request.actor, "user.list"):
        lines.insert(-1, (gettext("People"), "people", "users", None))
    hidden = set() if known.branch_kind == "host" else {"hosts"}
    hidden |= set() if may(request.actor, "pool.list") else {"pools"}
    lines = [line for line in lines if line[1] not in hidden]
    if may_somewhere(request.actor, "vm.create"):
        begins = home_of(request.actor) == "mine"
        lines.insert(0 if begins else 1, (gettext("My machines"), "mine", "user", None))
    return [_place(request, *line) for line in lines]


def _place(request: HttpRequest, title: str, name: str, icon: str, count: int | None) -> Place:
    here = request.resolver_match.url_name if request.resolver_match else ""
    return Place(title, reverse(name), icon, count, here=here == name or here in _WITHIN.get(name, ()))


def _opened(request: HttpRequest) -> list[int]:
    """Branches that the reader opened before, as the browser remembers them: "3.17"."""
    parts = request.COOKIES.get(OPEN_TREE_COOKIE, "").split(".")[:_MAX_OPEN]
    return [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 12]
