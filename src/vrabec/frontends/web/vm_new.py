"""The form that makes a machine: what it offers, what was typed, and the command that does the same."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields, replace

from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.forms import Problem, count_of, problems_of
from vrabec.frontends.web.leases import days_of, leases_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.quotas_after import After, Rows, after, over_of
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Conflict, Forbidden, Invalid, NoCapacity
from vrabec.lib.units import parse_mib
from vrabec.models.projects import Project
from vrabec.models.templates import Template, TemplateState
from vrabec.models.vms import Firmware
from vrabec.services.clusters import list_clusters
from vrabec.services.networks import Listed, list_networks
from vrabec.services.permissions import may
from vrabec.services.placement import rooms
from vrabec.services.projects import projects_for
from vrabec.services.quotas import Amounts, budgets
from vrabec.services.sizes import SIZE_OF, SIZES, Size
from vrabec.services.templates import list_templates
from vrabec.services.vms import create_vm
from vrabec.services.wishes import FULL, LINKED, VmWish

CUSTOM = "custom"
MAX_ROOMS = 5


@dataclass(frozen=True)
class Typed:
    """The form's fields as they were typed. `memory` and `disk` count for the custom size only."""

    name: str = ""
    project: str = ""
    template: str = ""
    size: str = ""
    cpus: str = "2"
    memory: str = "1 GiB"
    disk: str = "10 GiB"
    network: str = ""
    address: str = ""
    gateway: str = ""
    ssh_keys: str = ""
    password: str = ""
    firmware: str = Firmware.BIOS.value
    clone: str = LINKED
    farm: str = ""
    cluster: str = ""
    hosts: str = ""
    user_data: str = ""
    lease: str = ""


@dataclass(frozen=True)
class SizeCard:
    """A size to choose; `problem`: no host has room for it. `over` says what of it is beyond a quota."""

    size: Size
    problem: bool
    over: str


@dataclass(frozen=True)
class Room:
    """A host's memory: what is promised of the whole, and what may still be."""

    name: str
    why_not: str
    total: int
    promised: int
    free: int


@page("vm.create", methods=("GET", "POST"))
def new(request: PageRequest) -> HttpResponse:
    """The form; sent, it makes the machine and shows it."""
    projects = list(projects_for(request.actor, "vm.create"))
    if not projects:
        raise Forbidden("Only a member of a project may make machines. Ask an administrator for a project.")
    if request.method == "GET":
        return _form(request, typed_of(request.GET), projects)
    typed = typed_of(request.POST)
    try:
        job = create_vm(request.actor, wish=wish_of(typed))
    except (Invalid, Conflict, NoCapacity) as error:
        return _form(request, typed, projects, problems_of(error), error.status)
    return see_other(request, reverse("vm", args=[job.vm_id]))


def wish_of(typed: Typed) -> VmWish:
    """What was typed, as a wish. Raises Invalid holding every amount that cannot be read."""
    cpus, memory_mib, disk_mib = _amounts(typed)
    return VmWish(
        name=typed.name.strip(),
        project=typed.project,
        template=typed.template,
        cpus=cpus,
        memory_mib=memory_mib,
        disk_mib=disk_mib,
        network=typed.network,
        address=typed.address.strip(),
        gateway=typed.gateway.strip(),
        ssh_keys=tuple(line.strip() for line in typed.ssh_keys.splitlines() if line.strip()),
        password=typed.password,
        firmware=typed.firmware,
        clone=typed.clone,
        farm=typed.farm.strip(),
        cluster=typed.cluster,
        hosts=_names(typed.hosts),
        user_data=_as_sent(typed.user_data),
        lease_days=days_of(typed.lease, "lease_days"),
    )


def command_of(typed: Typed) -> str:
    """The command that makes the same machine; `static/js/create.js` writes it anew while one types."""
    lines = [["vrabec", "vm", "create", typed.name or "NAME"]]
    lines.append(["--template", typed.template, *_size_words(typed)])
    lines.append(["--project", typed.project])
    for option in ("network", "address", "gateway"):
        value = getattr(typed, option)
        lines += [[f"--{option}", value]] if value else []
    lines += [["--ssh-key", "FILE"]] if typed.ssh_keys.strip() else []
    lines += [["--password-stdin"]] if typed.password else []
    lines += [["--firmware", typed.firmware]] if typed.firmware != Firmware.BIOS else []
    lines += [["--clone", typed.clone]] if typed.clone != LINKED else []
    lines += [
        [f"--{option}", getattr(typed, option)] for option in ("farm", "cluster") if getattr(typed, option)
    ]
    lines += [["--lease", typed.lease]] if typed.lease else []
    lines += [["--host", host] for host in _names(typed.hosts)]
    lines += [["--user-data", "FILE"]] if typed.user_data.strip() else []
    return " \\\n    ".join(shlex.join(words) for words in lines)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _as_sent(text: str) -> str:
    """A browser ends lines as HTTP does; empty lines alone are nothing."""
    return text.replace("\r\n", "\n") if text.strip() else ""


def _size_words(typed: Typed) -> list[str]:
    if typed.size != CUSTOM:
        return ["--size", typed.size]
    amounts = (("--cpus", typed.cpus), ("--memory", typed.memory), ("--disk", typed.disk))
    return [word for option, value in amounts for word in (option, value.replace(" ", ""))]


def typed_of(sent: QueryDict) -> Typed:
    """What was sent of the form."""
    given = {field.name: sent.get(field.name, "") for field in fields(Typed)}
    return Typed(**{name: value[:100_000] for name, value in given.items() if value})


def _amounts(typed: Typed) -> tuple[int, int, int]:
    """CPUs, memory and disk in MiB: of the size, or as typed. Raises Invalid."""
    if typed.size in SIZE_OF:
        size = SIZE_OF[typed.size]
        return size.cpus, size.memory_mib, size.disk_mib
    if typed.size != CUSTOM:
        raise Invalid("Choose a size.", field="size")
    wrong: list[Invalid] = []
    found = [0, 0]
    for index, field in enumerate(("memory", "disk")):
        try:
            found[index] = parse_mib(getattr(typed, field), f"{field}_mib")
        except Invalid as error:
            wrong.append(error)
    cpus = 0
    try:
        cpus = count_of(typed.cpus, "cpus")
    except Invalid as error:
        wrong.append(error)
    if wrong:
        raise Invalid(wrong[0].template, field=wrong[0].field, errors=tuple(wrong))
    return cpus, found[0], found[1]


def _form(
    request: PageRequest,
    typed: Typed,
    projects: list[Project],
    problems: dict[str, Problem] | None = None,
    status: int = 200,
) -> HttpResponse:
    templates = [t for t in list_templates(request.actor) if t.state == TemplateState.READY]
    networks = list_networks(request.actor)
    known = _rooms()
    typed = _with_defaults(typed, projects, templates, networks)
    payer = next((project for project in projects if project.name == typed.project), None)
    found = budgets(request.actor, project=payer)
    quotas = after(found, request.person.username, After(_asked(typed)))
    context = {
        "leases": leases_of(projects),
        "quotas": quotas,
        "typed": typed,
        "problems": problems or {},
        "projects": [(project.name, project.shown_name) for project in projects],
        "templates": templates,
        "sizes": _cards(known, quotas),
        "firmwares": Firmware.choices,
        "clones": [
            (LINKED, gettext("Linked: made at once, shares the template's blocks")),
            (FULL, gettext("Full: a copy of its own")),
        ],
        "networks": networks,
        "clusters": _clusters(request.actor),
        "rooms": known[:MAX_ROOMS] if may(request.actor, "host.view") else [],
        "more_rooms": max(0, len(known) - MAX_ROOMS),
        "command": command_of(typed),
        "summary": _summary(typed, templates),
        "may_build": may(request.actor, "template.build"),
        "chosen": SIZE_OF.get(typed.size),
    }
    return render(request, "vms/new.html", context, status=status)


def _clusters(actor: Actor) -> list[tuple[str, str]]:
    """What there is to choose from, for who may know it."""
    if not may(actor, "cluster.list"):
        return []
    names = [cluster.name for cluster in list_clusters(actor)]
    return [("", gettext("Any")), *((name, name) for name in names)] if len(names) > 1 else []


def _with_defaults(
    typed: Typed, projects: list[Project], templates: list[Template], networks: list[Listed]
) -> Typed:
    """Ready means pressing one button: the main project, its first template, the smallest size."""
    names = [project.name for project in projects]
    project = typed.project or ("main" if "main" in names else names[0])
    known = [network.name for network in networks if network.is_for_all or project in network.projects]
    network = "default" if "default" in known else next(iter(known), "")
    fitting = (t for t in templates if t.is_for_all or project in (p.name for p in t.projects.all()))
    wanted = (t for t in templates if t.name == typed.template) if typed.template else fitting
    chosen = next(wanted, None)
    return replace(
        typed,
        template=chosen.name if chosen else typed.template,
        size=typed.size or _least(chosen),
        project=project,
        network=typed.network or network,
    )


def _least(template: Template | None) -> str:
    """The smallest size that the template fits in."""
    least = (template.memory_mib, template.disk_mib) if template else (0, 0)
    fits = (s.name for s in SIZES if s.memory_mib >= least[0] and s.disk_mib >= least[1])
    return next(fits, SIZES[-1].name)


def _rooms() -> list[Room]:
    """The hosts, most room first."""
    found = [Room(r.name, r.why_not, r.memory_mib, r.promised_mib, r.free_mib) for r in rooms()]
    return sorted(found, key=lambda room: (room.why_not != "", -room.free, room.name))


def _cards(known: list[Room], quotas: list[Rows]) -> list[SizeCard]:
    most = max((room.free for room in known if not room.why_not), default=0)
    return [
        SizeCard(size, problem=bool(known) and size.memory_mib > most, over=over_of(quotas, _limited(size)))
        for size in SIZES
    ]


def _limited(size: Size) -> dict[str, int]:
    return {"cpus": size.cpus, "memory_mib": size.memory_mib, "disk_mib": size.disk_mib}


def _asked(typed: Typed) -> Amounts:
    """What the machine would take; of amounts that cannot be read it is one machine alone."""
    try:
        cpus, memory_mib, disk_mib = _amounts(typed)
    except Invalid:
        return Amounts(1)
    return Amounts(1, cpus, memory_mib, disk_mib, cpus, memory_mib)


def _summary(typed: Typed, templates: list[Template]) -> str:
    """What is chosen, in one line: Debian 13, small: 1 CPU, 512 MiB, 4 GiB disk."""
    title = next((t.title for t in templates if t.name == typed.template), typed.template)
    size = SIZE_OF.get(typed.size)
    if size is None:
        return title
    return f"{title}, {size.title.lower()}: {show.size(size.cpus, size.memory_mib, size.disk_mib)}"
