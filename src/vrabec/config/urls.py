"""Which front end answers which path."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from vrabec.frontends.rest.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
    path("", include("vrabec.frontends.rest.monitoring")),
    path("", include("vrabec.frontends.web.urls")),
]

handler400 = "vrabec.frontends.web.errors.bad_request"
handler403 = "vrabec.frontends.web.errors.forbidden"
handler404 = "vrabec.frontends.web.errors.not_found"
handler500 = "vrabec.frontends.web.errors.server_error"
