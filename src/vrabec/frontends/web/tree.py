"""One branch of the tree at the left, for a reader who opens it."""

from __future__ import annotations

from django.http import HttpResponse

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import fragment
from vrabec.lib.errors import NotFound
from vrabec.services.permissions import may
from vrabec.services.places import branch


@page("vm.list")
def show(request: PageRequest, branch_id: int) -> HttpResponse:
    """The branch's first machines."""
    found = branch(request.actor, branch_id=branch_id)
    if found is None:
        raise NotFound("There is nothing with this id.")
    kind = "host" if may(request.actor, "host.list") else "project"
    return fragment(request, "parts/branch.html", {"branch": found, "kind": kind})
