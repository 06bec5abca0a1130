"""Drawing a page or a part of one: the shell around it, and what the last act left to say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as draw

from vrabec.frontends.web.frame import frame_of
from vrabec.services.permissions import may

_KINDS = {messages.SUCCESS: "ok", messages.WARNING: "warn", messages.ERROR: "bad"}


@dataclass(frozen=True)
class Flash:
    """What the last act answered: `kind` is ok, warn or bad."""

    kind: str
    text: str
    strong: str = ""


def render(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    status: int = 200,
    bare: bool = False,
) -> HttpResponse:
    """A whole page; in the shell for somebody who is signed in, unless `bare`. There `may` asks for verbs."""
    signed_in = not bare and _is_in(request)
    context = dict(context or {})
    shell = frame_of(request, context.get("vm"), context.get("seen_vms")) if signed_in else None
    if signed_in:
        context["may"] = partial(may, request.actor)  # type: ignore[attr-defined]
    context |= {"shell": shell, "flashes": [] if bare else _flashes(request)}
    return draw(request, template, context, status=status)


def _is_in(request: Any) -> bool:
    """Whether somebody is signed in, and has nothing to do first."""
    return (
        hasattr(request, "actor")
        and not request.person.must_change_password
        and not request.actor.needs_factor
    )


def fragment(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """A part of a page, for htmx."""
    return draw(request, template, context or {}, status=status)


def _flashes(request: HttpRequest) -> list[Flash]:
    return [Flash(_KINDS.get(m.level, "ok"), str(m.message)) for m in messages.get_messages(request)]
