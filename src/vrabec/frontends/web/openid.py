"""Signing in by an OpenID Connect provider: there, and back with its word for who somebody is."""

from __future__ import annotations

import logging
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from vrabec.frontends.web import entering
from vrabec.frontends.web.access import address_of, page
from vrabec.frontends.web.session import next_path, refused, wanted
from vrabec.lib.errors import NotFound, Unauthenticated, Unavailable, VrabecError
from vrabec.models.identities import Source
from vrabec.services import identities

logger = logging.getLogger(__name__)
PATIENCE_S = 3
"""For each answer of the provider's."""
NEXT = "openid_next"
BAD_ANSWER = "The other side's answer cannot be used. Sign in once more; if it goes on, ask an administrator."


@page(None)
def begin(request: HttpRequest) -> HttpResponse:
    """Go to the provider. What the session keeps makes its answer count for this browser alone."""
    try:
        answer: HttpResponse = _call(_provider().authorize_redirect, request, _here(request))
    except VrabecError as error:
        return refused(request, error)
    request.session[NEXT] = wanted(request)
    return answer


@page(None)
def back(request: HttpRequest) -> HttpResponse:
    """Come back: the provider sends browsers here by GET, with a code that works once."""
    try:
        user = identities.arrive(_vouched(request), address=address_of(request))
    except VrabecError as error:
        return refused(request, error)
    wish = request.session.get(NEXT, "")
    return entering.enter(request, user, next_path(wish, user))


def _vouched(request: HttpRequest) -> identities.Vouched:
    """Who the provider says they are. Raises Unavailable, Unauthenticated."""
    there = _provider()
    token = _call(there.authorize_access_token, request)
    claims = dict(token.get("userinfo") or {})
    config = settings.VRABEC_CONFIG
    if config.oidc_groups_claim not in claims and "userinfo_endpoint" in there.server_metadata:
        claims |= _call(there.userinfo, token=token)
    if not claims.get("sub"):
        raise Unauthenticated(BAD_ANSWER)
    name = str(claims.get(config.oidc_username_claim) or "")
    groups = claims.get(config.oidc_groups_claim) or ()
    return identities.Vouched(
        Source.OPENID,
        subject=str(claims["sub"]),
        username=name,
        full_name=str(claims.get("name") or ""),
        email=str(claims.get("email") or ""),
        groups=frozenset([groups] if isinstance(groups, str) else map(str, groups)),
    )


def _here(request: HttpRequest) -> str:
    """The address that the provider knows us by."""
    path = reverse("openid-back")
    public: str = settings.VRABEC_CONFIG.public_url
    return public.rstrip("/") + path if public else request.build_absolute_uri(path)


def _call(action: Any, *args: Any, **named: Any) -> Any:
    """What a call to the provider gives. Raises Unavailable, Unauthenticated."""
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError
    from requests import RequestException

    try:
        return action(*args, **named)
    except RequestException as error:
        logger.warning("the OpenID Connect provider: %s", error)
        raise Unavailable(
            "The other side does not answer. Try again in a minute; accounts with a password here still "
            "sign in.",
            raw=str(error),
        ) from error
    except (AuthlibBaseError, JoseError, KeyError, ValueError) as error:
        logger.warning("the OpenID Connect provider's answer: %r", error)
        raise Unauthenticated(BAD_ANSWER, raw=str(error)) from error


def _provider() -> Any:
    """Authlib's client of the provider in the settings. Raises NotFound where there is none."""
    config = settings.VRABEC_CONFIG
    if not config.oidc_issuer:
        raise NotFound("There is no such page.")
    secret = config.oidc_client_secret_file
    return _registered(config.oidc_issuer, config.oidc_client_id, secret, config.oidc_scopes)


@lru_cache(maxsize=1)  # it keeps what the provider says of itself, and its keys
def _registered(issuer: str, client_id: str, secret_file: str, scopes: str) -> Any:
    from authlib.integrations.django_client import OAuth
    from authlib.integrations.django_client.apps import DjangoOAuth2App
    from authlib.integrations.requests_client import OAuth2Session

    class Session(OAuth2Session):  # type: ignore[misc]
        """Trusts whom this machine trusts, and waits no longer than people do."""

        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, default_timeout=PATIENCE_S, **named)
            self.verify = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"

    class App(DjangoOAuth2App):  # type: ignore[misc]
        client_cls = Session

    class Registry(OAuth):  # type: ignore[misc]
        oauth2_client_cls = App

    return Registry().register(
        "provider",
        client_id=client_id,
        client_secret=Path(secret_file).read_text().strip() if secret_file else None,
        server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": scopes, "code_challenge_method": "S256"},
    )
