"""Saved views of the list: kept from the list as it stands, listed, forgotten."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.columns import address_of, columns_of, words_for
from vrabec.frontends.web.forms import ask
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.per_page import per_page_in, per_page_of
from vrabec.frontends.web.vms import query_of
from vrabec.lib.errors import Invalid
from vrabec.services.lists import COLUMNS, VmQuery
from vrabec.services.views import ViewWish, delete_view, list_views, save_view

_MAX_TYPED = 1000


@page("view.list")
def index(request: PageRequest) -> HttpResponse:
    """One's own views."""
    views = [(view, address_of(view)) for view in list_views(request.actor)]
    return render(request, "views/list.html", {"views": views})


@page("view.save", methods=("GET", "POST"))
def save(request: PageRequest) -> HttpResponse:
    """Ask for a name of the list as it stands; then keep it."""
    if request.method == "GET":
        columns = [column.key for column in columns_of(request, with_hosts=True) if column.on]
        query = query_of(request.GET)
        typed = {"name": "", "search": words_of(query), "sort": query.sort, "columns": words_for(columns)}
        return _ask(request, typed | {"per_page": per_page_of(request)})
    names = {"search": "view-search"} | {name: name for name in ("name", "sort", "columns", "per_page")}
    typed = {name: request.POST.get(field, "")[:_MAX_TYPED] for name, field in names.items()}
    columns = [key for key in COLUMNS if key in typed["columns"].split(".")]
    rows = per_page_in(typed["per_page"])
    try:
        wish = ViewWish(typed["name"], typed["search"], typed["sort"], columns, rows)
        view = save_view(request.actor, wish)
    except Invalid as wrong:
        return _ask(request, typed, wrong)
    return see_other(request, address_of(view))


def words_of(query: VmQuery) -> str:
    """The search with its chips, in words of the search language."""
    chips = {"state": query.state, "host": query.host, "project": query.project, "tag": query.tag}
    words = [
        f'{key}:"{value}"' if " " in value else f"{key}:{value}" for key, value in chips.items() if value
    ]
    return " ".join(filter(None, [query.search, *words]))


@page("view.delete", methods=("POST",))
def delete(request: PageRequest, view_id: int) -> HttpResponse:
    """Forget a view."""
    delete_view(request.actor, view_id=view_id)
    messages.success(request, gettext("The view is deleted."))
    return see_other(request, reverse("views"))


def _ask(request: PageRequest, typed: dict[str, Any], wrong: Invalid | None = None) -> HttpResponse:
    return ask(request, "views/form.html", {"typed": typed}, wrong, page="views/save.html")
