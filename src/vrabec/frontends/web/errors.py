"""Errors as pages: the one place where our errors, and Django's own, become answers for a browser."""

from __future__ import annotations

import logging

from django.core.exceptions import RequestDataTooBig
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web.pages import Flash, fragment, render
from vrabec.lib.errors import Forbidden, Invalid, NotFound, TooLarge, VrabecError
from vrabec.services.health import database_fault

logger = logging.getLogger(__name__)

TITLES = {
    400: gettext_noop("This request was not understood"),
    403: gettext_noop("Not for you to do"),
    404: gettext_noop("Nothing here"),
    409: gettext_noop("Not now"),
    413: gettext_noop("Too large"),
    422: gettext_noop("Not possible so"),
    429: gettext_noop("Too many tries"),
    500: gettext_noop("Vrabec made a mistake"),
    502: gettext_noop("The host refused"),
    503: gettext_noop("It does not answer"),
}


def show(request: HttpRequest, error: VrabecError) -> HttpResponse:
    """An error raised on purpose: a page, or a strip for a request of htmx."""
    title = gettext(TITLES.get(error.status, TITLES[409]))
    sentence = say(error)
    if request.headers.get("HX-Request") == "true":
        return _strip(request, error.status, title, sentence)
    context = {"title": title, "sentence": sentence, "raw": error.raw, "status": error.status}
    return render(request, "errors/error.html", context, status=error.status)


def database(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """A full disk, or a database that went away: drawn without the shell, which would ask it again."""
    logger.error("%s %s: %s", request.method, request.path, error)
    fault = database_fault(error)
    title = gettext(TITLES[fault.status])
    if request.headers.get("HX-Request") == "true":
        return _strip(request, fault.status, title, say(fault))
    context = {"title": title, "sentence": say(fault)}
    return render(request, "errors/error.html", context, status=fault.status, bare=True)


def say(error: VrabecError) -> str:
    """The error's sentence in the reader's language."""
    text = gettext(error.template)
    return text % error.params if error.params else text


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler404."""
    return show(request, NotFound("There is no page at this address."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler403."""
    return show(request, Forbidden("You may not do this."))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """handler400; Django calls it for a body above DATA_UPLOAD_MAX_MEMORY_SIZE, too."""
    if isinstance(exception, RequestDataTooBig):
        return show(request, TooLarge("The form is larger than 1 MiB."))
    refused = Invalid("The request is not one that this page sends.")
    refused.status = 400  # type: ignore[misc]
    return show(request, refused)


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500: drawn without the shell, since the database may be what failed."""
    title = gettext(TITLES[500])
    sentence = gettext("It is in the log of the controller. Try again; if it stays, report it.")
    if request.headers.get("HX-Request") == "true":
        return _strip(request, 500, title, sentence)
    return render(request, "errors/error.html", {"title": title, "sentence": sentence}, status=500, bare=True)


def page_without_request(status: int, sentence: str) -> str:
    """An error page for what is refused before Django sees it."""
    context = {"shell": None, "title": gettext(TITLES[status]), "sentence": gettext(sentence), "raw": ""}
    return render_to_string("errors/error.html", context)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """CSRF_FAILURE_VIEW: mostly a page that was open while its session ended."""
    logger.info("CSRF check failed: %s", reason)
    return show(request, Forbidden("This page was open for too long. Go back, reload it and try again."))


def _strip(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    answer = fragment(
        request, "parts/flash.html", {"flashes": [Flash("bad", sentence, f"{title}.")]}, status=status
    )
    answer["HX-Retarget"] = "#flash"
    answer["HX-Reswap"] = "innerHTML"
    return answer
