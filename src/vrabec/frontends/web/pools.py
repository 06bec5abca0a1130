"""Storage: the pools of all hosts, and what lies in one of them."""

from __future__ import annotations

from django.http import HttpResponse

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.services import pools

MAX_TYPED = 200


@page("pool.list")
def index(request: PageRequest) -> HttpResponse:
    """All pools, or those of one host."""
    host = request.GET.get("host", "")[:MAX_TYPED]
    rows, pager = paged(request, pools.list_pools(request.actor, host=host))
    return render(request, "pools/list.html", {"rows": rows, "pager": pager, "host": host})


@page("pool.list")
def show(request: PageRequest, pool_id: int) -> HttpResponse:
    """The volumes of one pool."""
    pool = pools.get_pool(request.actor, pool_id=pool_id)
    typed = request.GET.get("q", "").strip()[:MAX_TYPED]
    rows, pager = paged(request, pools.list_volumes(request.actor, pool=pool, text=typed))
    context = {"pool": pool, "rows": rows, "pager": pager, "typed": typed}
    return render(request, "pools/object.html", context | {"layers": pools.layers_over(pool, rows)})
