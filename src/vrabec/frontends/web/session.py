"""Signing in and out, the link of a first sign-in, and the first password."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from vrabec.frontends.web.access import PROXIED, PageRequest, address_of, page, see_other, vouched_name
from vrabec.frontends.web.entering import enter
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.forms import Problem, problems_of
from vrabec.frontends.web.home import home_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.place import can_have_passkeys
from vrabec.lib.errors import Invalid, TooMany, Unauthenticated, Unavailable, VrabecError
from vrabec.models.changes import changed
from vrabec.models.identities import Source
from vrabec.models.users import User
from vrabec.services import identities, people

MAX_PASSWORD = 4096


@page(None, methods=("GET", "POST"))
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password; who comes with a proxy's word or a certificate is in, unless just out."""
    if request.method == "GET":
        told = vouched_name(request)
        return _by_word(request, *told) if told and "out" not in request.GET else _asked(request, "", {})
    name = request.POST.get("username", "").strip()
    try:
        user = people.sign_in(
            name[:150], request.POST.get("password", "")[:MAX_PASSWORD], address_of(request)
        )
    except (Unauthenticated, TooMany, Unavailable) as error:
        return _asked(request, name, {"": Problem(say(error))}, error.status)
    return enter(request, user, next_path(wanted(request), user))


def _by_word(request: HttpRequest, source: Source, name: str) -> HttpResponse:
    who = identities.Vouched(source, subject=name.lower(), username=name)
    try:
        user = identities.arrive(who, address=address_of(request))
    except Unauthenticated as error:
        return refused(request, error)
    marks = {PROXIED: name} if source == Source.PROXY else {}
    return enter(request, user, next_path(wanted(request), user), marks)


@page(None, methods=("GET", "POST"))
def link(request: HttpRequest, secret: str) -> HttpResponse:
    """A link of `vrabecd create-admin`: a button, since opening a link must change nothing."""
    if request.method == "GET":
        return render(request, "session/link.html", {"problem": None}, bare=True)
    try:
        user = people.use_sign_in_link(secret, address_of(request))
    except Unauthenticated as error:
        return render(request, "session/link.html", {"problem": say(error)}, status=error.status, bare=True)
    return enter(request, user, reverse("set-password"))


@page("session.end", methods=("POST",), before_password=True, before_factor=True)
def sign_out(request: PageRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    changed("grant", request.actor.user_id)
    return see_other(request, reverse("sign-in") + ("?out=1" if vouched_name(request) else ""))


@page("account.password", methods=("GET", "POST"), before_password=True, before_factor=True)
def set_password(request: PageRequest) -> HttpResponse:
    """Set a password: the first one, or another one with the present one beside it."""
    if request.method == "GET":
        return _password_asked(request, {})
    if request.POST.get("password") != request.POST.get("again"):
        return _password_asked(request, problems_of(Invalid("The two are not the same.", field="again")))
    try:
        change_password(request)
    except (Invalid, TooMany) as error:
        return _password_asked(request, problems_of(error), error.status)
    return see_other(request, reverse(home_of(request.actor)))


def change_password(request: PageRequest) -> None:
    """Set what the form says and keep this session. Raises Invalid."""
    people.set_password(
        request.actor,
        password=request.POST.get("password", "")[:MAX_PASSWORD],
        current=request.POST.get("current", "")[:MAX_PASSWORD],
    )
    update_session_auth_hash(request, User.objects.get(pk=request.actor.user_id))


def refused(request: HttpRequest, error: VrabecError) -> HttpResponse:
    """The page to sign in, with why it did not work."""
    return _asked(request, "", {"": Problem(say(error))}, error.status)


def _asked(request: HttpRequest, name: str, problems: dict[str, Problem], status: int = 200) -> HttpResponse:
    config = settings.VRABEC_CONFIG
    told = vouched_name(request)
    context = {
        "name": name,
        "problems": problems,
        "next": wanted(request),
        "openid": config.oidc_label if config.oidc_issuer else "",
        "vouched": told[1] if told else "",
        "passkeys": can_have_passkeys(request),
    }
    return render(request, "session/sign_in.html", context, status=status, bare=True)


def _password_asked(
    request: PageRequest, problems: dict[str, Problem], status: int | None = None
) -> HttpResponse:
    context = {"problems": problems, "first": request.person.must_change_password}
    status = status or (422 if problems else 200)
    return render(request, "session/set_password.html", context, status=status, bare=True)


def wanted(request: HttpRequest) -> str:
    """Where they wanted to go."""
    return (request.POST.get("next") or request.GET.get("next") or "")[:2000]


def next_path(wish: str, user: User) -> str:
    """Where to go after signing in: a page of ours that they wanted, or where `user` begins."""
    ours = wish.startswith("/") and url_has_allowed_host_and_scheme(wish, allowed_hosts=None)
    return wish if ours else reverse(home_of(people.actor_of(user)))
