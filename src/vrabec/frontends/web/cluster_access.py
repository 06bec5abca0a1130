"""A cluster's page: who has a role on its hosts and on the machines there."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.grants import Filled, cards, give_to
from vrabec.frontends.web.pages import render
from vrabec.models.clusters import Cluster
from vrabec.services.clusters import get_cluster


@page("site.share")
def show(request: PageRequest, cluster_id: int) -> HttpResponse:
    """Who may do what in it."""
    return _show(request, get_cluster(request.actor, cluster_id=cluster_id))


@page("site.share", methods=("POST",))
def give(request: PageRequest, cluster_id: int) -> HttpResponse:
    """Give a role on it."""
    cluster = get_cluster(request.actor, cluster_id=cluster_id)
    form = give_to(request, cluster)
    if form.problems:
        return _show(request, cluster, form)
    return see_other(request, reverse("cluster-access", args=[cluster.pk]))


def _show(request: PageRequest, cluster: Cluster, form: Filled | None = None) -> HttpResponse:
    context = {"cluster": cluster} | cards(request, cluster, form)
    return render(request, "clusters/access.html", context, status=form.status if form else 200)
