"""The REST interface as one object: who is asked in, and how errors become answers."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from vrabec import __version__
from vrabec.frontends.rest import (
    balance,
    capacity,
    clusters,
    consoles,
    grants,
    history,
    hosts,
    jobs,
    leases,
    mail,
    maintenance,
    people,
    pools,
    projects,
    quotas,
    requests,
    session,
    sessions,
    templates,
    tokens,
    views,
    vm_bulk,
    vm_edit,
    vm_migrate,
    vm_place,
    vm_xml,
    vms,
)
from vrabec.lib.errors import Forbidden, Invalid, NotFound, TooLarge, Unauthenticated, VrabecError
from vrabec.services.health import database_fault

logger = logging.getLogger(__name__)
api = NinjaAPI(
    title="Vrabec",
    version=__version__,
    description=(
        "A private cloud on the hypervisors a site already has. Send a token as `Authorization: Bearer …`. "
        "What changes a host answers 202 with a job; the job says how it went. Sizes in MiB, times in UTC."
    ),
    openapi_url="/openapi.json",
    docs_url=None,
    urls_namespace="rest",
)
for module in (
    session,
    sessions,
    vm_bulk,
    vm_place,
    vms,
    vm_edit,
    vm_migrate,
    vm_xml,
    leases,
    history,
    consoles,
    jobs,
    maintenance,
    templates,
    hosts,
    pools,
    clusters,
    capacity,
    balance,
    projects,
    people,
    grants,
    quotas,
    requests,
    mail,
    tokens,
    views,
):
    api.add_router("", module.router)


def body(error: VrabecError) -> dict[str, Any]:
    """The error as JSON: {"error": {code, message, field?, raw?, errors?}}."""
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.field:
        said["field"] = error.field
    if error.raw:
        said["raw"] = error.raw
    if "job_id" in error.params:
        said["job"] = error.params["job_id"]
    if isinstance(error, Invalid):
        said["errors"] = [{"field": e.field, "message": e.message} for e in error.errors]
    return {"error": said}


@api.exception_handler(VrabecError)
def on_error(request: HttpRequest, error: VrabecError) -> HttpResponse:
    """One mapping for all errors raised on purpose."""
    answer = api.create_response(request, body(error), status=error.status)
    if error.status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


@api.exception_handler(OperationalError)
def on_database(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """A full disk, or a database that went away."""
    logger.error("%s %s: %s", request.method, request.path, error)
    return on_error(request, database_fault(error))


@api.exception_handler(ValidationError)
def on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A body or parameter of the wrong shape: name every field."""
    errors = tuple(Invalid("%(why)s.", field=_field(e["loc"]), why=e["msg"]) for e in error.errors)
    first = errors[0]
    whole = Invalid("%(field)s: %(why)s.", errors=errors, why=first.params["why"])
    whole.params["field"] = whole.field = first.field
    return on_error(request, whole)


@api.exception_handler(HttpError)
def on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """What ninja itself refuses: a body that is not JSON, or a missing token."""
    known: dict[int, VrabecError] = {
        401: Unauthenticated("Send a token: Authorization: Bearer …"),
        403: Forbidden("The session's CSRF token is missing or wrong."),
        404: NotFound("There is nothing here."),
        413: TooLarge("The body is larger than 1 MiB."),
    }
    return on_error(
        request, known.get(error.status_code, Invalid("The body is not valid JSON.", field="body"))
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django refuses to read: a body above DATA_UPLOAD_MAX_MEMORY_SIZE."""
    if isinstance(exception, RequestDataTooBig):
        return on_error(request, TooLarge("The body is larger than 1 MiB."))
    return _other(request, 400, "invalid", "The request cannot be read.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """No operation has this path."""
    return on_error(request, NotFound("There is nothing here."))


def server_error(request: HttpRequest) -> HttpResponse:
    """A mistake of ours, which is in the log."""
    return _other(request, 500, "error", "Vrabec made a mistake. It is in the log of the controller.")


def _other(request: HttpRequest, status: int, code: str, message: str) -> HttpResponse:
    return api.create_response(request, {"error": {"code": code, "message": message}}, status=status)


def _field(location: tuple[str | int, ...]) -> str:
    """("body", "wish", "name") names the field "name"; list indexes stay."""
    parts = [str(part) for part in location if part not in ("body", "query", "path", "wish", "wanted")]
    return ".".join(parts) or "body"
