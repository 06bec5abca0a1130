"""The site's URLs, an event stream that says what a test puts in `STREAM`, and views that fail."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from vrabec.config.urls import urlpatterns as product
from vrabec.frontends.web.access import page
from vrabec.lib.errors import Unavailable

STREAM: queue.Queue[tuple[str, Any] | None] = queue.Queue()
"""Events for the one stream that is open; None ends it."""


def events(request: HttpRequest) -> StreamingHttpResponse:
    """The stream: hello, then whatever comes."""
    return StreamingHttpResponse(_lines(), content_type="text/event-stream")


def _lines() -> Iterator[bytes]:
    yield _event("hello", {"version": "test"})
    while True:
        try:
            said = STREAM.get(timeout=0.5)
        except queue.Empty:
            yield b": still here\n\n"
            continue
        if said is None:
            return
        yield _event(*said)


def _event(name: str, data: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def forbidden(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def mistake(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of ours")


def large(request: HttpRequest) -> HttpResponse:
    raise RequestDataTooBig


@page("vm.list")
def unavailable(request: HttpRequest) -> HttpResponse:
    raise Unavailable("kvm1 does not answer.", raw="timed out")


handler400 = "vrabec.frontends.web.errors.bad_request"
handler403 = "vrabec.frontends.web.errors.forbidden"
handler404 = "vrabec.frontends.web.errors.not_found"
handler500 = "vrabec.frontends.web.errors.server_error"
urlpatterns = [
    path("live/events", events),
    path("test/forbidden", forbidden),
    path("test/mistake", mistake),
    path("test/large", large),
    path("test/unavailable", unavailable),
    *product,
]
