"""Views of the list of machines that a person keeps: a name for a search, an order and columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid, NotFound
from vrabec.models.composed import composed
from vrabec.models.views import SavedView
from vrabec.services.lists import COLUMNS, PER_PAGE, SORTS
from vrabec.services.permissions import require
from vrabec.services.record import record
from vrabec.services.search import matching

MAX_VIEWS = 50
MAX_SEARCH = 200


@dataclass(frozen=True)
class ViewWish:
    """What to keep: a search, an order, columns (none: the usual), rows a page (None: as one has it)."""

    name: str
    search: str = ""
    sort: str = "state"
    columns: Sequence[str] = ()
    per_page: int | None = None


def list_views(actor: Actor) -> QuerySet[SavedView]:
    """The actor's own views, by name."""
    return SavedView.objects.filter(user_id=actor.user_id).order_by("name")


def few_views(actor: Actor, most: int) -> list[SavedView]:
    """The first of `list_views`: every list shows them."""
    found = composed(_first_of, actor.viewpoint, most)
    return list(SavedView.objects.raw(found.text, found.values))


def _first_of(actor: Actor, most: int) -> QuerySet[SavedView]:
    return list_views(actor)[:most]


def save_view(actor: Actor, wish: ViewWish) -> SavedView:
    """Keep a view of the actor's own; one of the same name is replaced. Raises Invalid naming the field."""
    require(actor, "view.save")
    name, search = wish.name.strip(), wish.search.strip()
    wish = replace(wish, name=name, search=search, columns=list(dict.fromkeys(wish.columns)))
    _check(actor, wish)
    given = {"search": search, "sort": wish.sort, "columns": wish.columns, "per_page": wish.per_page}
    with transaction.atomic():
        view, _ = SavedView.objects.update_or_create(user_id=actor.user_id, name=name, defaults=given)
        if list_views(actor).count() > MAX_VIEWS:
            raise Invalid("At most %(max)s views: delete one first.", field="name", max=MAX_VIEWS)
        record(actor, "view.save", of=view)
    return view


def _check(actor: Actor, wish: ViewWish) -> None:
    if not (1 <= len(wish.name) <= 40 and wish.name.isprintable()):
        raise Invalid("Give the view a name of 1 to 40 signs.", field="name")
    if len(wish.search) > MAX_SEARCH:
        raise Invalid("A search has at most %(max)s signs.", field="search", max=MAX_SEARCH)
    matching(actor, wish.search)
    if wish.sort not in SORTS:
        raise Invalid("Choose one of: %(known)s.", field="sort", known=", ".join(SORTS))
    if not set(wish.columns) <= set(COLUMNS):
        raise Invalid("Choose of: %(known)s.", field="columns", known=", ".join(COLUMNS))
    if wish.per_page not in (None, *PER_PAGE):
        raise Invalid("Choose one of: %(known)s.", field="per_page", known=", ".join(map(str, PER_PAGE)))


def delete_view(actor: Actor, *, view_id: int) -> None:
    """Forget one of the actor's own views. Raises NotFound."""
    require(actor, "view.delete")
    with transaction.atomic():
        view = list_views(actor).filter(pk=view_id).first()
        if view is None:
            raise NotFound("You have no view with this id.")
        record(actor, "view.delete", of=view)
        view.delete()
