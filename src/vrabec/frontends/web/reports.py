"""What browsers say our content security policy made them refuse."""

from __future__ import annotations

import json
import logging

from django.http import HttpRequest, HttpResponse

from vrabec.frontends.web.access import page

logger = logging.getLogger(__name__)
_MAX_BYTES = 4096
_WANTED = ("document-uri", "violated-directive", "blocked-uri", "source-file", "line-number")


@page(None, methods=("POST",))
def receive(request: HttpRequest) -> HttpResponse:
    """Log it: the policy allows all that our pages use, so it is a fault of ours or an attack."""
    try:
        told = json.loads(request.read(_MAX_BYTES))
    except ValueError:
        told = None
    report = told.get("csp-report") if isinstance(told, dict) else None
    if isinstance(report, dict):
        logger.warning("refused by the policy: %s", {key: str(report.get(key))[:300] for key in _WANTED})
    return HttpResponse(status=204)
