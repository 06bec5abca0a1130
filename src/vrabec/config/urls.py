"""Which front end answers which path, and which one says what went wrong before a view was found."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path

from vrabec.frontends.rest import api as rest
from vrabec.frontends.web import errors as web

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", rest.api.urls),
    path("", include("vrabec.frontends.rest.monitoring")),
    path("", include("vrabec.frontends.web.urls")),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django does not read: too large, or of a strange form."""
    return rest.bad_request(request, exception) if _is_rest(request) else web.bad_request(request, exception)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No path of ours."""
    return rest.not_found(request, exception) if _is_rest(request) else web.not_found(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """A mistake of ours."""
    return rest.server_error(request) if _is_rest(request) else web.server_error(request)


handler403 = "vrabec.frontends.web.errors.forbidden"


def _is_rest(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
