"""Verbs and roles as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop, ngettext

from vrabec.models.roles import ADMINISTRATOR, CLONER, MEMBER, OPERATOR, OWNER, VIEWER
from vrabec.services.roles import Described

NOUNS = {
    "vm": gettext_noop("Machines"),
    "job": gettext_noop("Jobs"),
    "project": gettext_noop("Projects"),
    "template": gettext_noop("Templates"),
    "pool": gettext_noop("Storage"),
    "network": gettext_noop("Networks"),
    "host": gettext_noop("Hosts"),
    "cluster": gettext_noop("Clusters"),
    "user": gettext_noop("People"),
    "group": gettext_noop("Groups"),
    "role": gettext_noop("Roles"),
    "site": gettext_noop("The whole site"),
    "quota": gettext_noop("Quotas"),
    "mail": gettext_noop("Mail"),
    "metrics": gettext_noop("Measurements"),
}
ACTS = {
    "add": gettext_noop("add"),
    "adopt": gettext_noop("give to a project"),
    "balance": gettext_noop("balance"),
    "build": gettext_noop("build"),
    "cancel": gettext_noop("cancel"),
    "capacity": gettext_noop("see what fits"),
    "change": gettext_noop("change"),
    "clone": gettext_noop("copy"),
    "confirm": gettext_noop("confirm the key"),
    "console": gettext_noop("console"),
    "create": gettext_noop("make"),
    "delete": gettext_noop("delete"),
    "describe": gettext_noop("describe"),
    "dismiss": gettext_noop("dismiss"),
    "factors": gettext_noop("remove second factors"),
    "extend": gettext_noop("extend the lease"),
    "hibernate": gettext_noop("hibernate"),
    "lease": gettext_noop("say how long machines stay"),
    "list": gettext_noop("list"),
    "look": gettext_noop("look at new ones"),
    "maintain": gettext_noop("put into maintenance"),
    "migrate": gettext_noop("move"),
    "pause": gettext_noop("pause"),
    "pin": gettext_noop("bind to hosts"),
    "place": gettext_noop("see where one would go"),
    "power_off": gettext_noop("power off"),
    "reboot": gettext_noop("restart"),
    "remove": gettext_noop("remove"),
    "rename": gettext_noop("rename"),
    "reset": gettext_noop("reset"),
    "resize": gettext_noop("resize"),
    "resume": gettext_noop("resume"),
    "retry": gettext_noop("retry"),
    "screen": gettext_noop("see the screen"),
    "send": gettext_noop("send again"),
    "send_keys": gettext_noop("press Ctrl-Alt-Del"),
    "share": gettext_noop("share"),
    "shutdown": gettext_noop("shut down"),
    "sign_out": gettext_noop("end all sessions"),
    "start": gettext_noop("start"),
    "view": gettext_noop("see"),
    "xml": gettext_noop("read the XML"),
}
"""What stands after the noun."""
_ROLES = {
    ADMINISTRATOR: gettext_noop("everything, everywhere"),
    OPERATOR: gettext_noop("what owners may; moves machines, looks after hosts"),
    OWNER: gettext_noop("what members may; resizes, deletes and shares"),
    MEMBER: gettext_noop("sees and uses all machines, makes new ones"),
    CLONER: gettext_noop("makes machines, and sees those alone"),
    VIEWER: gettext_noop("sees machines, their charts and activity"),
}
_ON_ONE = {
    OPERATOR: gettext_noop("what owners may, and moves it"),
    OWNER: gettext_noop("what members may; resizes, deletes and shares"),
    MEMBER: gettext_noop("console, start, stop, copy"),
    VIEWER: gettext_noop("sees it, its charts and activity"),
}
"""Of a single machine."""
_ON_CLUSTER = {MEMBER: gettext_noop("sees and uses all machines")}
"""Of a cluster: nobody makes machines by a role there."""
_WORDS = {"vm": _ROLES | _ON_ONE, "cluster": _ROLES | _ON_CLUSTER}
_FEW = 4


@dataclass(frozen=True)
class Acts:
    """Verbs of one noun: each with its word."""

    noun: str
    title: str
    verbs: tuple[tuple[str, str], ...]


def act_of(verb: str) -> str:
    """vm.power_off -> "power off"."""
    return gettext(ACTS.get(verb.partition(".")[2], verb))


def role_title(role: Described) -> str:
    """The role's title, or its name where it has none."""
    return gettext(role.title) if role.title and role.is_built_in else role.title or role.name


def role_words(role: Described, *, on: str = "") -> str:
    """What a role may, in a few words: on a machine ("vm"), in a cluster, or in general."""
    known = _WORDS.get(on, _ROLES)
    if role.is_built_in and role.name in known:
        return gettext(known[role.name])
    return acts_of(role.verbs)


def acts_of(verbs: Iterable[str]) -> str:
    """The first few: "console, pause and 3 more"."""
    acts = [act_of(verb) for verb in sorted(verbs)]
    more = len(acts) - _FEW
    if more <= 0:
        return ", ".join(acts)
    words = ngettext("%(acts)s and %(n)s more", "%(acts)s and %(n)s more", more)
    return words % {"acts": ", ".join(acts[:_FEW]), "n": more}


def by_noun(verbs: Iterable[str]) -> list[Acts]:
    """Verbs under their nouns, machines first."""
    found: dict[str, list[tuple[str, str]]] = {noun: [] for noun in NOUNS}
    for verb in sorted(verbs):
        found.setdefault(verb.partition(".")[0], []).append((verb, act_of(verb)))
    return [Acts(noun, gettext(NOUNS.get(noun, noun)), tuple(acts)) for noun, acts in found.items() if acts]
