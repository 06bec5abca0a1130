"""/tokens: your own API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.services import tokens

router = Router(tags=["account"], auth=AUTH)


class TokenIn(Schema):
    """A token to make."""

    name: Annotated[str, Field(max_length=300)]
    days: Annotated[int, Field(ge=-(2**31), lt=2**31)] = 90


class TokenOut(Schema):
    """A token, without its secret."""

    id: int
    name: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class NewToken(TokenOut):
    """A token just made; `secret` is said this once."""

    secret: str


@router.get("/tokens", response=answers({200: list[TokenOut]}), operation_id="list_tokens")
@action("token.view")
def index(request: HttpRequest) -> list[TokenOut]:
    """Your live tokens."""
    return [TokenOut.from_orm(row) for row in tokens.list_tokens(actor(request))]


@router.post("/tokens", response=answers({201: NewToken}), operation_id="create_token")
@action("token.create")
def create(request: HttpRequest, token: TokenIn) -> Status[NewToken]:
    """Make a token of your own."""
    made, secret = tokens.create_token(actor(request), name=token.name, days=token.days)
    return Status(201, NewToken(**TokenOut.from_orm(made).dict(), secret=secret))


@router.delete("/tokens/{token_id}", response=answers({204: None}), operation_id="revoke_token")
@action("token.revoke")
def revoke(request: HttpRequest, token_id: int) -> Status[None]:
    """End one of your tokens."""
    tokens.revoke_token(actor(request), token_id=token_id)
    return Status(204, None)
