"""Many machines at once: the bar over the list, the questions before, and what became of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from vrabec.frontends.web import show
from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.forms import ask
from vrabec.frontends.web.leases import NO_END, offered, wish_of
from vrabec.frontends.web.pages import fragment
from vrabec.frontends.web.vms import query_of
from vrabec.lib.errors import Invalid, NotFound
from vrabec.models.vms import Seen, Vm
from vrabec.services.leases import day_in, reach_by
from vrabec.services.vm_bulk import (
    EXTEND,
    MAX_MACHINES,
    TAG,
    WORDS,
    BulkAction,
    Chosen,
    Outcome,
    Selection,
    Summary,
    act_on_many,
    choose_many,
    refusals,
    summarize,
)

ASKED = ("reset", "power_off", "delete", EXTEND, TAG)
"""What is asked before it is done: because something is lost, or because there is something to say."""
ICONS = {
    "start": "player-play", "resume": "player-play", "shutdown": "power", "reboot": "refresh",
    "pause": "player-pause", "hibernate": "zzz", "reset": "bolt", "power_off": "power", "delete": "trash",
    TAG: "tag", EXTEND: "calendar-plus",
}  # fmt: skip
_AT_ONCE = ("start", "resume", "shutdown", "reboot")
"""These stand in the bar itself where some machine takes them; the others are in its menu."""
_SAID = (TAG, EXTEND)
"""There is something to say with these, and nothing is lost."""
_TYPED = ("tag", "untag", "how_many", "until", NO_END)
_NAMES_SHOWN = 8
_MAX_TYPED = 2000


@dataclass(frozen=True)
class Offer:
    """A verb of the bar: `count` machines take it now, `words` say so of all."""

    verb: str
    title: str
    icon: str
    count: int
    words: str
    is_asked: bool


@dataclass(frozen=True)
class Refused:
    """A machine that refused, and its sentence."""

    name: str
    why: str


@page("vm.bulk")
def bar(request: PageRequest) -> HttpResponse:
    """What the chosen machines take, how many of them, and what they add up to."""
    if not is_fragment(request):
        return see_other(request, reverse("vms"))
    chosen = choose_many(request.actor, _selection(request, request.GET))
    offers = [_offer(request, chosen, verb) for verb in WORDS]
    taken = [offer for offer in offers if offer.count]
    context = {
        "total": chosen.total,
        "size": show.size(*_sums(chosen.vms)) if chosen.vms else "",
        "at_once": [offer for offer in taken if offer.verb in _AT_ONCE],
        "others": [offer for offer in taken if offer.verb not in (*_AT_ONCE, TAG, "delete")],
        "last": [offer for verb in (TAG, "delete") for offer in taken if offer.verb == verb],
        "fields": _fields(request),
    }
    return fragment(request, "vms/bulk.html", context)


@page("vm.bulk", methods=("GET", "POST"))
def act(request: PageRequest, verb: str) -> HttpResponse:
    """Do it to all that take it. GET asks, where something is lost or a tag is to be named."""
    if verb not in WORDS:
        raise NotFound("There is no page at this address.")
    if request.method == "GET":
        return _ask(request, verb, _selection(request, request.GET))
    selection = _selection(request, request.POST)
    if verb == "delete" and request.POST.get("how_many", "").strip() != str(len(selection.ids)):
        wrong = Invalid("This is not their number: %(n)s.", field="how_many", n=len(selection.ids))
        return _ask(request, verb, selection, wrong)
    try:
        done = act_on_many(request.actor, selection=selection, action=_wanted(request, verb))
    except Invalid as wrong:
        if verb not in _SAID:
            raise
        return _ask(request, verb, selection, wrong)
    return _done(request, verb, done)


def _wanted(request: PageRequest, verb: str) -> BulkAction:
    """What the form asks for. Raises Invalid."""
    tag, untag = (tuple(_typed(request, name).replace(",", " ").split()) for name in ("tag", "untag"))
    lease = {name: _typed(request, name).strip() for name in ("until", NO_END)}
    return BulkAction(verb, tag=tag, untag=untag, lease=wish_of(lease) if verb == EXTEND else None)


def _ask(request: PageRequest, verb: str, selection: Selection, wrong: Invalid | None = None) -> HttpResponse:
    """The question in the dialog. It names the machines it means, so that no other one is meant later."""
    chosen = choose_many(request.actor, selection)
    refused = refusals(request.actor, chosen, verb)
    vms = [vm for vm in chosen.vms if vm.pk not in refused]
    context = {
        "verb": verb,
        "title": gettext(WORDS[verb]),
        "icon_name": ICONS[verb],
        "ids": ",".join(str(vm.pk) for vm in vms),
        "count": len(vms),
        "names": [vm.name for vm in vms[:_NAMES_SHOWN]],
        "more": max(0, len(vms) - _NAMES_SHOWN),
        "disk": sum(vm.disk_mib for vm in vms),
        "running": sum(vm.seen == Seen.RUNNING for vm in vms),
        "hibernated": sum(vm.seen == Seen.HIBERNATED for vm in vms),
        "words": sentence(summarize(verb, chosen.total, refused.values())) if refused else "",
        "typed": {name: _typed(request, name) for name in _TYPED},
    }
    if verb == EXTEND:
        context |= _lease_context(request, chosen, vms)
    return ask(request, "vms/bulk_form.html", context, wrong, page="vms/bulk_page.html")


def _lease_context(request: PageRequest, chosen: Chosen, vms: list[Vm]) -> dict[str, Any]:
    """What may be said of leases: the form begins with a day that suits all of them by their projects."""
    within = [reach_by(chosen.known[vm.pk].rights, vm.project) for vm in vms]
    usual = min(map(offered, vms, within), default=day_in(1))
    typed = {name: _typed(request, name) for name in _TYPED}
    typed["until"] = typed["until"] if request.method == "POST" else usual.isoformat()
    goes_beyond = any(one.goes_beyond for one in within)
    return {"typed": typed, "least": day_in(1).isoformat(), "goes_beyond": goes_beyond}


def _done(request: PageRequest, verb: str, done: list[Outcome]) -> HttpResponse:
    refused = [one for one in done if one.refusal]
    said = sentence(summarize(verb, len(done), (one.refusal for one in refused if one.refusal)))
    if not is_fragment(request):
        messages.success(request, said)
        return see_other(request, reverse("vms"))
    rows = [Refused(one.name or f"#{one.vm_id}", say(one.refusal.error)) for one in refused if one.refusal]
    kind = "ok" if not refused else "warn" if len(refused) < len(done) else "bad"
    answer = fragment(request, "vms/bulk_done.html", {"kind": kind, "said": said, "refused": rows})
    answer["HX-Retarget"], answer["HX-Reswap"] = "#flash", "innerHTML"
    # Tags and leases are no cells that change by themselves: the rows come anew.
    answer["HX-Trigger-After-Swap"] = "vrabec:done, vrabec:said" if verb in _SAID else "vrabec:done"
    return answer


def sentence(summary: Summary) -> str:
    """The summary in the reader's language: "Start 12 of 30: 18 run already."."""
    clauses = (ngettext(one, more, n) % {"n": show.number(n)} for (one, more), n in summary.clauses)
    counts = {"done": show.number(summary.done), "total": show.number(summary.total)}
    parts = {"what": gettext(WORDS[summary.verb]), "why": ", ".join(clauses)} | counts
    if not summary.clauses:
        return gettext("%(what)s %(done)s of %(total)s.") % parts
    return gettext("%(what)s %(done)s of %(total)s: %(why)s.") % parts


def _offer(request: PageRequest, chosen: Chosen, verb: str) -> Offer:
    summary = summarize(verb, chosen.total, refusals(request.actor, chosen, verb).values())
    words = sentence(summary)
    return Offer(verb, gettext(WORDS[verb]), ICONS[verb], summary.done, words, verb in ASKED)


def _sums(vms: Iterable[Vm]) -> tuple[int, int, int]:
    found = list(vms)
    sizes = (sum(vm.cpus for vm in found), sum(vm.memory_mib for vm in found))
    return *sizes, sum(vm.disk_mib for vm in found)


def _selection(request: HttpRequest, given: Any) -> Selection:
    """The machines that a form or an address names; with `all` those that the list's own address finds."""
    if given.get("all"):
        return Selection(query=query_of(given))
    parts = given.get("vms", "").split(",")[: MAX_MACHINES + 1]
    return Selection(tuple(dict.fromkeys(int(part) for part in parts if _is_id(part))))


def _fields(request: HttpRequest) -> list[tuple[str, str]]:
    """What says again which machines were chosen."""
    names = ("vms", "all", "q", "state", "host", "project", "tag")
    return [(name, request.GET[name]) for name in names if request.GET.get(name)]


def _typed(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "")[:_MAX_TYPED]


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
