"""/projects and /activity."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status
from pydantic import BaseModel

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Page, PerPage, answers
from vrabec.lib.actor import Actor
from vrabec.lib.clock import parse_time
from vrabec.models.audit import Audit
from vrabec.models.projects import Project
from vrabec.services import activity, project_edit, projects
from vrabec.services.activity import ActivityQuery
from vrabec.services.leases import rules_of

Time = Annotated[str, Field(max_length=40, examples=["2026-11-20T14:00:00Z"])]
router = Router(tags=["projects"], auth=AUTH)


class ProjectIn(Schema):
    """A project to make."""

    name: Annotated[str, Field(max_length=300)]
    title: Annotated[str, Field(max_length=120)] = ""


class TitleIn(BaseModel):  # a Schema of ninja's takes the method `title` of a bare text for the field
    """What is to be changed; the name stays."""

    title: Annotated[str, Field(max_length=120)]


class LeaseOut(Schema):
    """How long machines may run, in days; `most_days` null is no limit. Then "archive" or "delete"."""

    days: int
    most_days: int | None
    grace_days: int
    then: str


class ProjectOut(Schema):
    """A project. `lease` is null where machines have none."""

    id: int
    name: str
    title: str
    lease: LeaseOut | None
    created_at: datetime

    @staticmethod
    def of(row: Project) -> ProjectOut:
        """The schema of a row."""
        rules = rules_of(row)
        lease = LeaseOut(**vars(rules)) if rules else None
        return ProjectOut(id=row.pk, name=row.name, title=row.title, lease=lease, created_at=row.created_at)


class AuditOut(Schema):
    """One line of the record. `token` is the name of the one that was used, null for a session."""

    id: int
    at: datetime
    actor: str
    address: str
    token: str | None
    action: str
    kind: str
    subject_id: int | None
    subject: str
    job_id: int | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, who: Actor, row: Audit) -> AuditOut:
        """A line as `who` may read it."""
        told = {"detail": activity.detail_for(who, row.action, row.detail)}
        return cls(**{name: getattr(row, name) for name in cls.model_fields} | told)


class ActivityIn(Schema):
    """Which lines: of whom and of what (a part of the name), which action ("vm." for all of a noun)."""

    by: Annotated[str, Field(max_length=120)] = ""
    action: Annotated[str, Field(max_length=48)] = ""
    subject: Annotated[str, Field(max_length=255)] = ""
    token: Annotated[str, Field(max_length=64)] = ""
    since: Time = ""
    until: Time = ""

    @property
    def query(self) -> ActivityQuery:
        """As the service takes it. Raises Invalid for what is no time."""
        since, until = (parse_time(getattr(self, name), name) for name in ("since", "until"))
        return ActivityQuery(self.by, self.action, self.subject, self.token, since, until)


class AuditPage(Schema):
    """One page of the record, newest first."""

    items: list[AuditOut]
    total: int
    page: int
    per_page: int


@router.get("/projects", response=answers({200: list[ProjectOut]}), operation_id="list_projects")
@action("project.list")
def index(request: HttpRequest) -> list[ProjectOut]:
    """Projects you may see."""
    return [ProjectOut.of(row) for row in projects.list_projects(actor(request))]


@router.post("/projects", response=answers({201: ProjectOut}), operation_id="create_project")
@action("project.create")
def create(request: HttpRequest, project: ProjectIn) -> Status[ProjectOut]:
    """Make a project."""
    made = projects.create_project(actor(request), name=project.name, title=project.title)
    return Status(201, ProjectOut.of(made))


@router.patch("/projects/{name}", response=answers({200: ProjectOut}), operation_id="change_project")
@action("project.change")
def change(request: HttpRequest, name: str, wish: TitleIn) -> ProjectOut:
    """Give a project another title, "" for none."""
    who = actor(request)
    project = projects.get_project(who, name=name)
    return ProjectOut.of(project_edit.change_project(who, project=project, title=wish.title))


@router.delete("/projects/{name}", response=answers({204: None}), operation_id="remove_project")
@action("project.remove")
def remove(request: HttpRequest, name: str) -> Status[None]:
    """Remove a project in which no machine lies; grants, quota and leases go with it."""
    who = actor(request)
    project_edit.remove_project(who, project=projects.get_project(who, name=name))
    return Status(204, None)


@router.get("/activity", response=answers({200: AuditPage}), operation_id="list_activity", tags=["record"])
@action("audit.list")
def record(
    request: HttpRequest, only: Query[ActivityIn], page: Page = 1, per_page: PerPage = 50
) -> AuditPage:
    """The record of what you may see, newest first."""
    who = actor(request)
    rows = activity.list_activity(who, only.query)
    items = [AuditOut.of(who, row) for row in rows[(page - 1) * per_page : page * per_page]]
    return AuditPage(items=items, total=rows.count(), page=page, per_page=per_page)
