"""Templates: built by jobs on the controller, used by everybody."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.changes import changed
from vrabec.models.jobs import Job
from vrabec.models.templates import Template
from vrabec.services.permissions import require
from vrabec.services.queue import queue_template_job
from vrabec.services.record import record


@dataclass(frozen=True)
class Builder:
    """A kind of template that Vrabec builds itself. `memory_mib` is the least a machine of it runs with."""

    title: str
    description: str
    memory_mib: int


BUILDERS = {
    "tiny": Builder(
        "Tiny", "Debian's kernel, busybox and the guest agent: up in seconds, for trying out", 96
    ),
}


def list_templates(actor: Actor) -> QuerySet[Template]:
    """All templates, by name."""
    require(actor, "template.list")
    return Template.objects.order_by("name")


def build_template(actor: Actor, *, builder: str) -> Job:
    """Queue building a template; machines already cloned keep what they have.

    Raises Invalid, Conflict, Forbidden.
    """
    require(actor, "template.build")
    if builder not in BUILDERS:
        known = ", ".join(BUILDERS)
        raise Invalid(
            "There is no builder %(name)s; there is: %(known)s.",
            field="builder",
            name=builder[:64],
            known=known,
        )
    made = BUILDERS[builder]
    with transaction.atomic():
        template, _ = Template.objects.get_or_create(
            name=builder,
            defaults={
                "title": made.title,
                "description": made.description,
                "builder": builder,
                "memory_mib": made.memory_mib,
            },
        )
        job = queue_template_job(actor, "template.build", template)
        record(actor, "template.build", of=template, job=job)
        changed("template", template.pk)
    return job
