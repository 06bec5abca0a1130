"""/views: your own saved views of the list of machines."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.services import views
from vrabec.services.lists import COLUMNS

router = Router(tags=["machines"], auth=AUTH)
ColumnNames = Annotated[
    list[Annotated[str, Field(max_length=20)]], Field(max_length=40, examples=[list(COLUMNS)])
]


class ViewIn(Schema):
    """A view to keep: `search` and `sort` as in the list; no `columns` are the usual ones.

    `per_page` is 50, 100 or 200; null: what the reader has chosen for the list.
    """

    name: Annotated[str, Field(max_length=300)]
    search: Annotated[str, Field(max_length=1000)] = ""
    sort: Annotated[str, Field(max_length=20)] = "state"
    columns: ColumnNames = []
    per_page: Annotated[int | None, Field(ge=-(2**31), lt=2**31, examples=[100])] = None


class ViewOut(Schema):
    """A view."""

    id: int
    name: str
    search: str
    sort: str
    columns: list[str]
    per_page: int | None


@router.get("/views", response=answers({200: list[ViewOut]}), operation_id="list_views")
@action("view.list")
def index(request: HttpRequest) -> list[ViewOut]:
    """Your saved views."""
    return [ViewOut.from_orm(row) for row in views.list_views(actor(request))]


@router.post("/views", response=answers({201: ViewOut}), operation_id="save_view")
@action("view.save")
def save(request: HttpRequest, wish: ViewIn) -> Status[ViewOut]:
    """Keep a view; one of the same name is replaced."""
    return Status(201, ViewOut.from_orm(views.save_view(actor(request), views.ViewWish(**wish.dict()))))


@router.delete("/views/{view_id}", response=answers({204: None}), operation_id="delete_view")
@action("view.delete")
def delete(request: HttpRequest, view_id: int) -> Status[None]:
    """Forget one of your views."""
    views.delete_view(actor(request), view_id=view_id)
    return Status(204, None)
