"""The search language of lists: `web state:running memory>=4G -project:lab "two words"`.

All words must hold. `key:value` asks one property (`state:off,paused`: one of several), `memory>4G` compares
an amount, a minus before a word turns it round, quotes hold blanks together. Any other word is looked for in
names, addresses and projects. A search of any length is one condition of one query.

`lease<14d` depends on the time: who keeps a condition says of which moment it is (`moment_of`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q

from vrabec.lib.actor import Actor
from vrabec.lib.clock import now
from vrabec.lib.errors import Invalid
from vrabec.lib.units import parse_mib
from vrabec.models.grants import owned
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import ACTIVE, Job
from vrabec.models.projects import Project
from vrabec.models.vms import Seen, Vm
from vrabec.services.permissions import may

FIELD = "search"


def has_tag(tag: str) -> Q:
    """The condition that a machine has this tag."""
    return Q(tag_line__contains=f" {tag} ")


def on_host(name: str) -> Q:
    """The condition that a machine is on the host of this name: by its id, so that an index can answer."""
    return Q(host__in=Host.objects.filter(name=name))


def in_project(name: str) -> Q:
    """The condition that a machine is in the project of this name."""
    return Q(project__in=Project.objects.filter(name=name))


_UNREACHABLE = Q(host__in=Host.objects.filter(state=HostState.UNREACHABLE))
STATES = {
    "crashed": Q(seen=Seen.CRASHED) & ~_UNREACHABLE,
    "unknown": _UNREACHABLE | Q(seen=Seen.UNKNOWN),
    "changing": Q(pk__in=Job.objects.filter(state__in=ACTIVE, vm__isnull=False).values("vm")),
    "paused": Q(seen=Seen.PAUSED) & ~_UNREACHABLE,
    "running": Q(seen=Seen.RUNNING) & ~_UNREACHABLE,
    "hibernated": Q(seen=Seen.HIBERNATED) & ~_UNREACHABLE,
    "off": Q(seen=Seen.OFF) & ~_UNREACHABLE,
}
_TWINS = Vm.objects.present().filter(uuid=OuterRef("uuid")).exclude(pk=OuterRef("pk"))
_MARKS = {
    "ready": Q(is_ready=True),
    "managed": Q(is_managed=True),
    "found": Q(is_managed=False),
    "twin": Q(Exists(_TWINS)),
}
_PROPERTIES: dict[str, Callable[[str], Q]] = {
    "name": lambda value: Q(name__icontains=value),
    "host": on_host,
    "project": in_project,
    "template": lambda value: Q(template__name=value),
    "network": lambda value: Q(network=value),
    "address": lambda value: Q(address__startswith=value),
    "mac": lambda value: Q(mac__startswith=value.lower()),
    "tag": has_tag,
    "by": lambda value: Q(created_by__username=value),
    "owner": lambda value: Q(owner__username=value) | Q(owner_group__name=value),
    "state": lambda value: _one_of(STATES, value),
    "is": lambda value: _one_of(_MARKS, value),
}
ME = "me"
"""In `owner:me`: whoever asks, also by a group."""
_AMOUNTS = {"cpus": "cpus", "memory": "memory_mib", "disk": "disk_mib"}
LEASE = "lease"
_LEASES: dict[str, Callable[[datetime], Q]] = {
    "none": lambda at: Q(lease_ends_at=None),
    "over": lambda at: Q(lease_ends_at__lte=at),
}
_DAYS = re.compile(r"(\d{1,4})d?", re.ASCII)
_LOOKUPS = {":": "exact", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
_WORD = re.compile(r'(?P<minus>-)?(?:(?P<key>[a-z]+)(?P<sign>:|[<>]=?))?(?P<value>"[^"]*"|\S*)', re.ASCII)
_ADDRESS = re.compile(r"[0-9a-f]{0,4}(:[0-9a-f]{0,4})+", re.ASCII | re.IGNORECASE)
"""Part of an IPv6 or MAC address, whose colon is no key's."""
_BEGINS = re.compile(r"[0-9a-f.:]+", re.ASCII | re.IGNORECASE)
"""What an IP or MAC address may begin with."""


def matching(actor: Actor, text: str, at: datetime | None = None) -> Q:
    """The condition that a search asks for, now or `at` a moment.

    Raises Invalid, which says what may be asked instead.
    """
    found = Q()
    for word in _WORD.finditer(text.replace("\0", " ")):  # PostgreSQL takes no NUL
        if word[0].strip('-"'):
            found &= _condition(actor, word, at or now())
    return found


def moment_of(text: str) -> datetime | None:
    """The minute that a search is about; None where the time does not matter."""
    return now().replace(second=0, microsecond=0) if LEASE in text else None


def _condition(actor: Actor, word: re.Match[str], at: datetime) -> Q:
    key, sign, value = word["key"], word["sign"], word["value"].strip('"')
    plain = word[0].removeprefix("-").strip('"')
    if key is None or _ADDRESS.fullmatch(plain):
        asked = _anywhere(plain)
    elif key in _AMOUNTS:
        asked = Q(**{f"{_AMOUNTS[key]}__{_LOOKUPS[sign]}": _amount(key, value)})
    elif key == LEASE:
        asked = _lease(sign, value, at)
    elif key in known_keys(actor) and sign == ":":
        asked = _any_of(actor, key, value)
    else:
        known = ", ".join(f"{name}:" for name in known_keys(actor))
        amounts = ", ".join(f"{name}>" for name in (*_AMOUNTS, LEASE))
        raise Invalid(
            "Nothing can be searched by %(asked)s. Use %(known)s, %(amounts)s, or plain words.",
            field=FIELD, asked=key + sign, known=known, amounts=amounts,
        )  # fmt: skip
    return ~asked if word["minus"] else asked


def known_keys(actor: Actor) -> list[str]:
    """The properties that `actor` may ask: hosts are for those who see hosts."""
    return [key for key in _PROPERTIES if key != "host" or may(actor, "host.view")]


def _any_of(actor: Actor, key: str, values: str) -> Q:
    found = Q(pk__in=())
    for value in filter(None, values.split(",")):
        found |= owned(actor) if (key, value) == ("owner", ME) else _PROPERTIES[key](value)
    return found


def _anywhere(text: str) -> Q:
    found = Q(name__icontains=text) | in_project(text)
    if _BEGINS.fullmatch(text):  # each condition more is asked of each machine
        found |= Q(address__startswith=text) | Q(mac__startswith=text.lower())
    return found


def _amount(key: str, value: str) -> int:
    if key != "cpus":
        return parse_mib(value, FIELD)
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise Invalid("Write a number of CPUs, such as cpus>=2.", field=FIELD)
    return int(value)


def _lease(sign: str, values: str, at: datetime) -> Q:
    """By what is left of their lease, in days; `none` and `over` are named."""
    found = Q(pk__in=())
    for value in filter(None, values.split(",")):
        named = _LEASES.get(value) if sign == ":" else None
        found |= named(at) if named else _days_left(sign, value, at)
    return found


def _days_left(sign: str, value: str, at: datetime) -> Q:
    """Whole days, as pages count them: from the date of today to that of the end, in UTC."""
    typed = _DAYS.fullmatch(value)
    if not typed:
        raise Invalid("Write days, such as lease<14d, or lease:none, lease:over.", field=FIELD)
    first = datetime.combine(at.date(), time(), UTC) + timedelta(days=int(typed[1]))
    after = first + timedelta(days=1)
    return {
        "<": Q(lease_ends_at__lt=first),
        "<=": Q(lease_ends_at__lt=after),
        ">": Q(lease_ends_at__gte=after),
        ">=": Q(lease_ends_at__gte=first),
        ":": Q(lease_ends_at__gte=first, lease_ends_at__lt=after),
    }[sign]


def _one_of(table: dict[str, Q], value: str) -> Q:
    if value not in table:
        raise Invalid("There is no %(value)s to search for. Choose one of: %(known)s.", field=FIELD,
                      value=value, known=", ".join(table))  # fmt: skip
    return table[value]
