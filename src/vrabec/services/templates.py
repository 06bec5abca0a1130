"""Templates: built by jobs on the controller, for everybody or for some projects alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid, NotFound
from vrabec.models.changes import changed
from vrabec.models.jobs import Job
from vrabec.models.projects import Project
from vrabec.models.templates import Template
from vrabec.services.permissions import require
from vrabec.services.queue import queue_template_job
from vrabec.services.record import record
from vrabec.services.sharing import share


@dataclass(frozen=True)
class Builder:
    """A kind of template that Vrabec builds itself. `memory_mib` is the least a machine of it runs with.

    `suites` are the releases to choose from, with the title of each; none where there is nothing to choose.
    """

    title: str
    description: str
    memory_mib: int
    has_uefi: bool = False
    takes_user_data: bool = False
    suites: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """One template that can be built."""

    builder: str
    suite: str
    title: str

    @property
    def name(self) -> str:
        """The template's name: debian-bookworm."""
        return f"{self.builder}-{self.suite}" if self.suite else self.builder


BUILDERS = {
    "tiny": Builder(
        "Tiny", "Debian's kernel, busybox and the guest agent: up in seconds, for trying out", 96
    ),
    "debian": Builder(
        "Debian",
        "A whole Debian with cloud-init, ssh and the guest agent; boots by BIOS and by UEFI",
        512,
        has_uefi=True,
        takes_user_data=True,
        suites={"bookworm": "Debian 12", "trixie": "Debian 13"},
    ),
}


def offers() -> Iterator[Offer]:
    """Every template that can be built."""
    for name, builder in BUILDERS.items():
        for suite, title in (builder.suites or {"": builder.title}).items():
            yield Offer(name, suite, title)


def list_templates(actor: Actor) -> QuerySet[Template]:
    """The templates that `actor` sees, by name, with those of their `projects` that one sees: two queries."""
    require(actor, "template.list")
    seen = Prefetch("projects", Project.objects.visible_to(actor).order_by("name"))
    return Template.objects.visible_to(actor).order_by("name").prefetch_related(seen)


def get_template(actor: Actor, *, name: str) -> Template:
    """The template of this name. Raises NotFound."""
    template = list_templates(actor).filter(name=name.replace("\0", "")).first()
    if template is None:
        raise NotFound("There is no template named %(name)s.", name=name[:64])
    return template


def share_template(actor: Actor, *, name: str, projects: Iterable[str]) -> Template:
    """Say for which projects it is, by their names: none are all. Machines made of it stay as they are.

    Raises NotFound, Invalid, Forbidden.
    """
    require(actor, "template.share")
    template = get_template(actor, name=name)
    with transaction.atomic():
        before, after = share(actor, template, projects)
        record(actor, "template.share", of=template, before=before, after=after)
        changed("template", template.pk)
    return get_template(actor, name=name)


def build_template(actor: Actor, *, builder: str, suite: str = "") -> Job:
    """Queue building a template; machines already cloned keep what they have.

    Raises Invalid, Conflict, Forbidden.
    """
    require(actor, "template.build")
    offer = _offer(builder, suite)
    made = BUILDERS[builder]
    with transaction.atomic():
        template, _ = Template.objects.get_or_create(
            name=offer.name,
            defaults={
                "title": offer.title,
                "description": made.description,
                "builder": builder,
                "memory_mib": made.memory_mib,
                "has_uefi": made.has_uefi,
                "takes_user_data": made.takes_user_data,
            },
        )
        job = queue_template_job(actor, "template.build", template, suite=suite)
        record(actor, "template.build", of=template, job=job)
        changed("template", template.pk)
    return job


def _offer(builder: str, suite: str) -> Offer:
    found = [offer for offer in offers() if offer.builder == builder]
    if not found:
        raise Invalid(
            "There is no builder %(name)s; there is: %(known)s.",
            field="builder",
            name=builder[:64],
            known=", ".join(BUILDERS),
        )
    for offer in found:
        if offer.suite == suite:
            return offer
    raise Invalid(
        "Choose a suite of %(name)s: %(known)s.",
        field="suite",
        name=builder,
        known=", ".join(offer.suite for offer in found if offer.suite) or "it has none",
    )
