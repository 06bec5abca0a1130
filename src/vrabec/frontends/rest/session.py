"""/, /me and /login: what this is, who you are, and a token for a name and password."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec import __version__
from vrabec.frontends.rest.access import AUTH, action, actor, address_of, require_factor
from vrabec.frontends.rest.schemas import answers
from vrabec.frontends.rest.tokens import NewToken, TokenOut
from vrabec.lib.errors import Forbidden
from vrabec.services import people, tokens
from vrabec.services.second_step import require_code

router = Router(tags=["account"])


class About(Schema):
    """What answers here."""

    name: str
    version: str
    api: str


class Me(Schema):
    """Who you are."""

    id: int
    name: str
    administrator: bool


class Login(Schema):
    """A name and password; `client` names the token that comes back.

    `code`: of an authenticator app, or a recovery code, where the account has a second factor.
    """

    username: Annotated[str, Field(max_length=150)]
    password: Annotated[str, Field(max_length=4096)]
    client: Annotated[str, Field(max_length=64)] = "vrabec command"
    code: Annotated[str, Field(max_length=40)] = ""


@router.get("", response=answers({200: About}), operation_id="about", auth=None)
@action("about.view")
def about(request: HttpRequest) -> About:
    """Name and version."""
    return About(name="vrabec", version=__version__, api="v1")


@router.get("/me", response=answers({200: Me}), operation_id="me", auth=AUTH)
@action("account.view")
def me(request: HttpRequest) -> Me:
    """Who the token or session stands for."""
    who = actor(request)
    return Me(id=who.user_id or 0, name=who.name, administrator=who.is_administrator)


@router.post("/login", response=answers({201: NewToken}), operation_id="login", auth=None)
@action("session.begin")
def login(request: HttpRequest, given: Login) -> Status[NewToken]:
    """Sign in and get a token of 90 days. Where a code is needed and missing the error is `second_factor`."""
    address = address_of(request)
    user = people.sign_in(given.username, given.password, address)
    require_code(user, given.code, address)
    if user.must_change_password:
        raise Forbidden("Set a password first: sign in with the browser.")
    who = people.actor_of(user, address)
    require_factor(who)
    made, secret = tokens.create_token(who, name=given.client or "vrabec command")
    return Status(201, NewToken(**TokenOut.all_of([made])[0].dict(), secret=secret))
