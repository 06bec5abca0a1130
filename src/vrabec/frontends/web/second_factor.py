"""Second factors on one's account: an authenticator app, passkeys, recovery codes."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext
from markupsafe import Markup

from vrabec.frontends.web.access import PageRequest, page, see_other
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.forms import problems_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.place import can_have_passkeys, place_of
from vrabec.frontends.web.second_step import MAX_CODE, STATE, answer_of
from vrabec.frontends.web.session import MAX_PASSWORD
from vrabec.lib.errors import Conflict, Invalid, TooMany, Unauthenticated, VrabecError
from vrabec.lib.totp import uri
from vrabec.services import passkeys, second_factors

_REFUSALS = (Invalid, Conflict, TooMany, Unauthenticated)


@page("factor.view", before_factor=True)
def index(request: PageRequest) -> HttpResponse:
    """What is set up, and what can be."""
    return _page(request)


@page("factor.change", methods=("POST",), before_factor=True)
def begin_app(request: PageRequest) -> HttpResponse:
    """Make a seed for an app."""
    second_factors.begin_app(request.actor)
    return see_other(request, reverse("factor-app-confirm"))


@page("factor.change", methods=("GET", "POST"), before_factor=True)
def confirm_app(request: PageRequest) -> HttpResponse:
    """Show the seed to scan, and take the app into use by its first code."""
    seed = second_factors.seed_to_scan(request.actor)
    if request.method == "GET":
        return _scan(request, seed)
    code = request.POST.get("code", "")[:MAX_CODE]
    try:
        codes = second_factors.confirm_app(request.actor, code=code, session=request.session.row_id)
    except (Invalid, Conflict) as error:
        return _scan(request, seed, error)
    return _added(request, codes)


@page("factor.change", methods=("POST",), before_factor=True)
def passkey_options(request: PageRequest) -> HttpResponse:
    """What the browser needs to make a passkey."""
    try:
        wanted, state = passkeys.begin_adding(request.actor, place_of(request))
    except Conflict as error:
        return JsonResponse({"message": say(error)}, status=error.status)
    request.session[STATE] = state
    return JsonResponse(wanted)


@page("factor.change", methods=("POST",), before_factor=True)
def add_passkey(request: PageRequest) -> HttpResponse:
    """Keep the passkey that the browser made."""
    state = request.session.pop(STATE, None)
    try:
        codes = passkeys.add_passkey(
            request.actor,
            place_of(request),
            name=request.POST.get("name", "")[:200],
            made=passkeys.Made(state, answer_of(request)),
            session=request.session.row_id,
        )
    except (Invalid, Conflict) as error:
        return _page(request, problems=problems_of(error), status=error.status)
    return _added(request, codes)


@page("factor.change", methods=("GET", "POST"))
def renew_codes(request: PageRequest) -> HttpResponse:
    """New recovery codes for who gives their password once more."""
    title = gettext("New recovery codes")
    if request.method == "GET":
        return _confirm(request, title)
    try:
        codes = second_factors.renew_codes(request.actor, typed=_typed(request))
    except _REFUSALS as error:
        return _confirm(request, title, error)
    return _added(request, codes)


@page("factor.change", methods=("GET", "POST"))
def remove_app(request: PageRequest) -> HttpResponse:
    """Remove the app of who gives their password once more."""
    return _remove(request, gettext("Remove the authenticator app"), None)


@page("factor.change", methods=("GET", "POST"))
def remove_passkey(request: PageRequest, passkey_id: int) -> HttpResponse:
    """Remove a passkey of who gives their password once more."""
    return _remove(request, gettext("Remove the passkey"), passkey_id)


def _remove(request: PageRequest, title: str, passkey_id: int | None) -> HttpResponse:
    if request.method == "GET":
        return _confirm(request, title)
    try:
        second_factors.remove_own(request.actor, typed=_typed(request), passkey_id=passkey_id)
    except _REFUSALS as error:
        return _confirm(request, title, error)
    messages.success(request, gettext("It is removed."))
    return see_other(request, reverse("second-factor"))


def _typed(request: PageRequest) -> str:
    return request.POST.get("current", "")[:MAX_PASSWORD]


def _page(request: PageRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "factors": second_factors.factors_of(request.actor),
        "is_needed": request.actor.needs_factor,
        "can_have_passkeys": can_have_passkeys(request),
        "problems": {},
    }
    return render(request, "account/second_factor.html", context | more, status=status)


def _added(request: PageRequest, codes: list[str]) -> HttpResponse:
    """The recovery codes, in this answer and nowhere else; without any, the page of what is set up."""
    if not codes:
        messages.success(request, gettext("It is set up."))
        return see_other(request, reverse("second-factor"))
    return render(request, "account/recovery_codes.html", {"codes": codes}, status=201, bare=True)


def _scan(request: PageRequest, seed: str, error: VrabecError | None = None) -> HttpResponse:
    import segno  # 20 ms that few pages need

    link = uri(seed, account=f"{request.person.username}@{request.get_host()}", issuer="Vrabec")
    drawn = segno.make(link, error="m", micro=False).svg_inline(omitsize=True, dark="#000", light="#fff")
    spaced = " ".join(seed[at : at + 4] for at in range(0, len(seed), 4))
    context = {
        "qr": Markup(drawn),  # noqa: S704 - drawn here, of paths and numbers
        "seed": spaced,
        "problems": problems_of(error) if error else {},
    }
    return render(request, "account/app.html", context, status=error.status if error else 200, bare=True)


def _confirm(request: PageRequest, title: str, error: VrabecError | None = None) -> HttpResponse:
    context = {
        "title": title,
        "by_code": not request.person.has_usable_password(),
        "problems": problems_of(error) if error else {},
    }
    return render(request, "account/confirm.html", context, status=error.status if error else 200, bare=True)
