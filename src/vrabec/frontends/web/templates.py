"""Templates: what machines are made from."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from vrabec.frontends.web.access import PageRequest, is_fragment, page, see_other
from vrabec.frontends.web.pages import fragment, render
from vrabec.models.jobs import Job
from vrabec.services import templates
from vrabec.services.permissions import may


@page("template.list")
def index(request: PageRequest) -> HttpResponse:
    """All templates, with the job that builds one, and what can be built."""
    rows = list(templates.list_templates(request.actor))
    active = Job.objects.visible_to(request.actor).active().filter(template__in=rows)
    context = {
        "rows": rows,
        "building": {job.template_id: job for job in active},
        "offers": list(templates.offers()) if may(request.actor, "template.build") else [],
    }
    return render(request, "templates/list.html", context)


@page("template.build", methods=("POST",))
def build(request: PageRequest) -> HttpResponse:
    """Queue building one."""
    sent = request.POST
    templates.build_template(request.actor, builder=sent.get("builder", ""), suite=sent.get("suite", ""))
    if is_fragment(request):
        return fragment(request, "parts/flash.html", {"flashes": []})
    return see_other(request, reverse("templates"))
