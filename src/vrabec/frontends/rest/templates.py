"""/templates: what machines are cloned from."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import JobOut, answers
from vrabec.services import templates

router = Router(tags=["templates"], auth=AUTH)


class TemplateOut(Schema):
    """A template."""

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


class TemplateIn(Schema):
    """What to build: `tiny`, or `debian` of a `suite`: bookworm, trixie."""

    builder: Annotated[str, Field(max_length=64, examples=["debian"])]
    suite: Annotated[str, Field(max_length=64, examples=["bookworm"])] = ""


@router.get("/templates", response=answers({200: list[TemplateOut]}), operation_id="list_templates")
@action("template.list")
def index(request: HttpRequest) -> list[TemplateOut]:
    """All templates."""
    return [TemplateOut.from_orm(row) for row in templates.list_templates(actor(request))]


@router.post("/templates", response=answers({202: JobOut}), operation_id="build_template")
@action("template.build")
def build(request: HttpRequest, wish: TemplateIn) -> Status[JobOut]:
    """Build a template on the controller, or build it anew."""
    job = templates.build_template(actor(request), builder=wish.builder, suite=wish.suite)
    return Status(202, JobOut.of(job))
