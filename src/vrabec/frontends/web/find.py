"""Ctrl K: a few words to a machine, a host, a page, or to doing something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from urllib.parse import quote

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.pages import fragment
from vrabec.frontends.web.vm_bulk import ICONS
from vrabec.models.jobs import Job
from vrabec.models.vms import Vm
from vrabec.services.find import Found, aim, find
from vrabec.services.permissions import may
from vrabec.services.states import shown_vm
from vrabec.services.vm_bulk import WORDS

MAX_TYPED = 200
VERBS = {
    "start": "start", "wake": "start", "boot": "start",
    "stop": "shutdown", "shutdown": "shutdown", "shut down": "shutdown",
    "restart": "reboot", "reboot": "reboot",
    "pause": "pause", "resume": "resume", "hibernate": "hibernate", "sleep": "hibernate",
    "power off": "power_off", "kill": "power_off", "reset": "reset", "delete": "delete", "remove": "delete",
    "extend": "extend",
}  # fmt: skip
"""What people type for a verb."""
_ROUTES = {verb: f"vm-{verb.replace('_', '-')}" for verb in WORDS}
_ASKED = ("power_off", "delete", "extend")
_OFFERED = ("start", "resume", "shutdown", "reboot")
_PAGES = (
    ("vms", "device-desktop", gettext_noop("Machines"), "vm.list"),
    ("mine", "user", gettext_noop("My machines"), "vm.list"),
    ("requests", "clipboard-text", gettext_noop("Requests"), "request.list"),
    ("vm-new", "plus", gettext_noop("New machine"), "vm.list"),
    ("hosts", "server-2", gettext_noop("Hosts"), "host.list"),
    ("pools", "database", gettext_noop("Storage"), "pool.list"),
    ("templates", "stack-2", gettext_noop("Templates"), "template.list"),
    ("networks", "server-2", gettext_noop("Networks"), "network.list"),
    ("projects", "folder", gettext_noop("Projects"), "project.list"),
    ("activity", "activity", gettext_noop("Activity"), "audit.list"),
    ("jobs", "clock", gettext_noop("Jobs"), "job.list"),
    ("account", "user", gettext_noop("Account and tokens"), "account.view"),
)


@dataclass(frozen=True)
class Option:
    """A line of the list: `how` is go (a page), do (a POST), ask (a dialog) or no (it is refused now)."""

    icon: str
    title: str
    path: str
    how: str = "go"
    note: str = ""
    state: str = ""


@page("vm.list")
def index(request: PageRequest) -> HttpResponse:
    """What the words typed so far may mean."""
    text = " ".join(request.GET.get("q", "")[:MAX_TYPED].replace("\0", " ").split())
    verb, rest = _verb_of(text)
    options = list(_aimed(request, verb, rest) if verb else ())
    options += list(_found(request, text)) if text else list(_pages(request, ""))
    return fragment(request, "parts/find.html", {"options": options, "typed": text})


def _verb_of(text: str) -> tuple[str, str]:
    """("stop web") is ("shutdown", "web"); no verb is ""."""
    for word in sorted(VERBS, key=len, reverse=True):
        if text.lower() == word or text.lower().startswith(f"{word} "):
            return VERBS[word], text[len(word) :].strip()
    return "", text


def _aimed(request: PageRequest, verb: str, text: str) -> Iterator[Option]:
    aimed = aim(request.actor, verb, text)
    for vm in aimed.vms.rows:
        refusal = aimed.refused.get(vm.pk)
        if refusal:
            yield Option(ICONS[verb], _title(verb, vm), "", "no", say(refusal.error))
        else:
            yield _action(verb, vm, aimed.vms.jobs.get(vm.pk))


def _found(request: PageRequest, text: str) -> Iterator[Option]:
    found = find(request.actor, text)
    return chain(_machines(found), _places(found), _pages(request, text), [_search(text)])


def _machines(found: Found) -> Iterator[Option]:
    for place, vm in enumerate(found.vms.rows):
        shown = shown_vm(vm, found.vms.jobs.get(vm.pk), vm.host)
        yield Option("", vm.name, reverse("vm", args=[vm.pk]), note=gettext(shown.label), state=shown.key)
        if place == 0:
            yield from (_action(verb, vm, None) for verb in found.verbs if verb in _OFFERED)


def _action(verb: str, vm: Vm, job: Job | None) -> Option:
    how = "ask" if verb in _ASKED else "do"
    note = gettext(shown_vm(vm, job, vm.host).label)
    return Option(ICONS[verb], _title(verb, vm), reverse(_ROUTES[verb], args=[vm.pk]), how, note)


def _title(verb: str, vm: Vm) -> str:
    return gettext("%(what)s %(name)s") % {"what": gettext(WORDS[verb]), "name": vm.name}


def _places(found: Found) -> Iterator[Option]:
    machines = reverse("vms")
    for name in found.hosts:
        yield Option("server-2", name, f"{machines}?host={quote(name)}", note=gettext("Host"))
    for project in found.projects:
        path = f"{machines}?project={quote(project.name)}"
        yield Option("folder", project.shown_name, path, note=gettext("Project"))


def _pages(request: PageRequest, text: str) -> Iterator[Option]:
    for name, icon, title, action in _PAGES:
        if text.lower() in gettext(title).lower() and may(request.actor, action):
            yield Option(icon, gettext(title), reverse(name), note=gettext("Page"))


def _search(text: str) -> Option:
    title = gettext("All machines that match “%(text)s”") % {"text": text}
    return Option("search", title, f"{reverse('vms')}?q={quote(text)}")
