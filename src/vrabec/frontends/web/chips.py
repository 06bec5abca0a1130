"""The filters over the list of machines: what is chosen, and what can be."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from vrabec.lib.actor import Actor
from vrabec.services.lists import VmQuery
from vrabec.services.places import host_names
from vrabec.services.projects import project_names

_MENU_ROWS = 100
_STATE_WORDS = {
    "crashed": gettext_noop("Crashed"),
    "unknown": gettext_noop("Unknown"),
    "changing": gettext_noop("Changing"),
    "paused": gettext_noop("Paused"),
    "running": gettext_noop("Running"),
    "hibernated": gettext_noop("Hibernated"),
    "off": gettext_noop("Off"),
}
_LEASE_WORDS = {
    "lease<14d": gettext_noop("Less than 14 days"),
    "lease:over": gettext_noop("Ended"),
    "lease:none": gettext_noop("No end"),
}


@dataclass(frozen=True)
class Chip:
    """A filter: what it is called, what is chosen and what can be.

    It is the part `name` of the address, of which `rest` stays when it is dropped.
    """

    name: str
    title: str
    chosen: str
    shown: str
    options: tuple[tuple[str, str], ...]
    rest: str = ""


def chips_of(actor: Actor, query: VmQuery, *, with_hosts: bool) -> tuple[Chip, ...]:
    """The filters that the reader may use, with what the query chooses."""
    states = tuple((key, gettext(word)) for key, word in _STATE_WORDS.items())
    words = dict(states)
    chips = [Chip("state", gettext("State"), query.state, words.get(query.state, ""), states)]
    if with_hosts:
        names = tuple((name, name) for name in host_names(actor)[:_MENU_ROWS])
        chips.append(Chip("host", gettext("Host"), query.host, query.host, names))
    projects = project_names(actor, _MENU_ROWS)
    named = {one.name: one.shown for one in projects}
    shown = named.get(query.project, query.project)
    chips.append(Chip("project", gettext("Project"), query.project, shown, tuple(named.items())))
    if query.tag:  # chosen by a click on a tag
        chips.append(Chip("tag", gettext("Tag"), query.tag, query.tag, ()))
    if any(one.has_leases for one in projects) or _lease_word(query.search):
        chips.append(_lease_chip(query.search))
    return tuple(chips)


def _lease_chip(search: str) -> Chip:
    """It writes a word of the search: what the word finds is said in one place."""
    chosen = _lease_word(search)
    rest = re.sub(_whole(chosen), "", search).strip() if chosen else search
    options = tuple((f"{rest} {word}".strip(), gettext(said)) for word, said in _LEASE_WORDS.items())
    shown = gettext(_LEASE_WORDS[chosen]) if chosen else ""
    return Chip("q", gettext("Lease"), chosen, shown, options, rest)


def _lease_word(search: str) -> str:
    return next((word for word in _LEASE_WORDS if re.search(_whole(word), search)), "")


def _whole(word: str) -> str:
    return rf"(?<!\S){re.escape(word)}(?!\S)"
