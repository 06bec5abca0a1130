"""/tokens: your own API tokens."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.models.users import Token
from vrabec.services import tokens

router = Router(tags=["account"], auth=AUTH)
Word = Annotated[str, Field(max_length=64)]


class TokenIn(Schema):
    """A token to make: for all that you may or, narrow, for these verbs and in these projects alone."""

    name: Annotated[str, Field(max_length=300)]
    days: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 90
    verbs: Annotated[list[Word], Field(max_length=500, examples=[["vm.view", "vm.start"]])] = []
    projects: Annotated[list[Word], Field(max_length=500)] = []


class TokenOut(Schema):
    """A token, without its secret. No verbs: all that you may; no projects: null, any."""

    id: int
    name: str
    verbs: list[str]
    projects: list[str] | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None

    @staticmethod
    def all_of(found: Iterable[Token]) -> list[TokenOut]:
        """The schemas of rows: one query more."""
        rows = list(found)
        names = tokens.project_names_of(rows)
        return [
            TokenOut(
                id=row.pk,
                verbs=row.verb_line.split(),
                projects=None if row.project_ids is None else names[row.pk],
                **{name: getattr(row, name) for name in ("name", "created_at", "expires_at", "used_at")},
            )
            for row in rows
        ]


class NewToken(TokenOut):
    """A token just made; `secret` is said this once."""

    secret: str


@router.get("/tokens", response=answers({200: list[TokenOut]}), operation_id="list_tokens")
@action("token.view")
def index(request: HttpRequest) -> list[TokenOut]:
    """Your live tokens."""
    return TokenOut.all_of(tokens.list_tokens(actor(request)))


@router.post("/tokens", response=answers({201: NewToken}), operation_id="create_token")
@action("token.create")
def create(request: HttpRequest, token: TokenIn) -> Status[NewToken]:
    """Make a token of your own."""
    made, secret = tokens.create_token(actor(request), **token.dict())
    return Status(201, NewToken(**TokenOut.all_of([made])[0].dict(), secret=secret))


@router.delete("/tokens/{token_id}", response=answers({204: None}), operation_id="revoke_token")
@action("token.revoke")
def revoke(request: HttpRequest, token_id: int) -> Status[None]:
    """End one of your tokens."""
    tokens.revoke_token(actor(request), token_id=token_id)
    return Status(204, None)
