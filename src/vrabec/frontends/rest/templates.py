"""/templates: what machines are cloned from; /networks: what they are put on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import JobOut, answers
from vrabec.models.templates import Template
from vrabec.services import networks, templates

router = Router(tags=["templates"], auth=AUTH)


class TemplateOut(Schema):
    """A template. It is for all projects, or for some alone: `projects` are those of them that you see."""

    id: int
    name: str
    title: str
    description: str
    state: str
    size_bytes: int
    disk_mib: int
    memory_mib: int
    has_uefi: bool
    takes_user_data: bool
    sha256: str
    built_at: datetime | None
    is_for_all: bool
    projects: list[str]

    @classmethod
    def of(cls, template: Template) -> TemplateOut:
        """The template with the names of its projects."""
        names = [project.name for project in template.projects.all()]
        same = {name: getattr(template, name) for name in cls.model_fields if name != "projects"}
        return cls(projects=names, **same)


class NetworkOut(Schema):
    """A network: on how many hosts (null for who may not see hosts), with how many machines that you see.

    It is for all projects, or for some alone: `projects` are those of them that you see.
    """

    name: str
    hosts: int | None
    machines: int
    is_for_all: bool
    projects: list[str]


class ReachIn(Schema):
    """The projects that something is for, by their names: none are all."""

    projects: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=500)]


class TemplateIn(Schema):
    """What to build: `tiny`, or `debian` of a `suite`: bookworm, trixie."""

    builder: Annotated[str, Field(max_length=64, examples=["debian"])]
    suite: Annotated[str, Field(max_length=64, examples=["bookworm"])] = ""


@router.get("/templates", response=answers({200: list[TemplateOut]}), operation_id="list_templates")
@action("template.list")
def index(request: HttpRequest) -> list[TemplateOut]:
    """All templates."""
    return [TemplateOut.of(row) for row in templates.list_templates(actor(request))]


@router.post("/templates", response=answers({202: JobOut}), operation_id="build_template")
@action("template.build")
def build(request: HttpRequest, wish: TemplateIn) -> Status[JobOut]:
    """Build a template on the controller, or build it anew."""
    job = templates.build_template(actor(request), builder=wish.builder, suite=wish.suite)
    return Status(202, JobOut.of(job))


@router.put(
    "/templates/{template}/projects", response=answers({200: TemplateOut}), operation_id="share_template"
)
@action("template.share")
def share(request: HttpRequest, template: str, reach: ReachIn) -> TemplateOut:
    """Say for which projects a template is; machines that were made of it stay."""
    return TemplateOut.of(templates.share_template(actor(request), name=template, projects=reach.projects))


@router.get("/networks", response=answers({200: list[NetworkOut]}), operation_id="list_networks")
@action("network.list")
def list_networks(request: HttpRequest) -> list[NetworkOut]:
    """Networks that machines can be put on."""
    return [NetworkOut.from_orm(row) for row in networks.list_networks(actor(request))]


@router.put("/networks/{network}/projects", response=answers({200: NetworkOut}), operation_id="share_network")
@action("network.share")
def share_network(request: HttpRequest, network: str, reach: ReachIn) -> NetworkOut:
    """Say for which projects a network is; machines that are on it stay there."""
    return NetworkOut.from_orm(networks.share_network(actor(request), name=network, projects=reach.projects))
