"""Where a machine of the form would go, and of every host why or why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, is_fragment, page
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.pages import fragment, render
from vrabec.frontends.web.vm_new import typed_of, wish_of
from vrabec.lib.errors import Invalid
from vrabec.services.permissions import may, require_somewhere
from vrabec.services.placement import Loss, Placement, Verdict
from vrabec.services.vms import place_vm

MAX_HOSTS = 50
MAX_NAMED = 5


@dataclass(frozen=True)
class Said:
    """What is said of one host, in the reader's language."""

    host: str
    cluster: str
    fits: bool
    free_mib: int
    why: str


@page("vm.place", methods=("POST",))
def show(request: PageRequest) -> HttpResponse:
    """The answer, as a part of the form or as a page."""
    require_somewhere(request.actor, "vm.place")
    try:
        context = _context(request, place_vm(request.actor, wish=wish_of(typed_of(request.POST))))
    except Invalid as error:
        context = {"refused": " ".join(say(one) for one in error.errors)}
    if is_fragment(request):
        return fragment(request, "vms/placement.html", context)
    return render(request, "vms/placement_page.html", context)


def _context(request: PageRequest, found: Placement) -> dict[str, Any]:
    names = may(request.actor, "host.view")
    return {
        "refused": "",
        "found": found,
        "names": names,
        "several": len({verdict.cluster for verdict in found.verdicts}) > 1,
        "verdicts": [_said(verdict, names) for verdict in found.verdicts[:MAX_HOSTS]],
        "more": max(0, len(found.verdicts) - MAX_HOSTS),
        "losses": [_lost(loss) for loss in found.losses[:MAX_NAMED] if names],
    }


def _said(verdict: Verdict, names: bool) -> Said:
    template, params = verdict.words if names else verdict.nameless_words
    why = gettext(template) % params
    return Said(verdict.host.name, verdict.cluster, verdict.fits, verdict.free_mib, why)


def _lost(loss: Loss) -> str:
    names = [name or gettext("this machine") for name in loss.machines]
    more = gettext(" and %(n)s more") % {"n": len(names) - MAX_NAMED} if len(names) > MAX_NAMED else ""
    return gettext("If %(host)s died, there would be no place for %(machines)s.") % {
        "host": loss.host,
        "machines": ", ".join(names[:MAX_NAMED]) + more,
    }
