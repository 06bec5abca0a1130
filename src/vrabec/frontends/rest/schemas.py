"""Schemas that several routes share, and the pages of lists."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Schema
from pydantic import model_validator

from vrabec.models.jobs import Job
from vrabec.services.cells import job_cell


class Body(Schema):
    """A request's body in which every field may be left out."""

    @model_validator(mode="before")
    @classmethod
    def is_object(cls, values: Any) -> Any:
        """An object, then: ninja asks anything for its attributes, and a list has none that is missed."""
        if not isinstance(getattr(values, "_obj", values), dict):
            raise ValueError("write an object")
        return values


class ErrorDetail(Schema):
    """One broken limit."""

    field: str
    message: str


class ErrorBody(Schema):
    """What went wrong, with a stable code and a sentence."""

    code: str
    message: str
    field: str | None = None
    raw: str | None = None
    job: int | None = None
    errors: list[ErrorDetail] | None = None


class Error(Schema):
    """Every answer that is not 2xx."""

    error: ErrorBody


class StepOut(Schema):
    """One step of a job."""

    title: str
    begun: datetime | None
    ended: datetime | None


class LineOut(Schema):
    """One line of a job's log."""

    at: datetime
    step: str
    message: str


class Told(Schema):
    """How far a copy is, where a job makes one; `downtime_ms` is known at its end."""

    total_bytes: int | None = None
    left_bytes: int | None = None
    bytes_s: int | None = None
    seconds_left: int | None = None
    downtime_ms: int | None = None


class JobOut(Schema):
    """A job: what is done to a host, step by step."""

    id: int
    kind: str
    title: str
    state: str
    percent: int
    told: Told | None
    vm: int | None
    host: int | None
    template: int | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    steps: list[StepOut]
    can_cancel: bool
    error_code: str
    error: str
    raw: str

    @staticmethod
    def of(job: Job) -> JobOut:
        """The schema of a row."""
        cell = job_cell(job)
        return JobOut(
            id=job.pk,
            kind=job.kind,
            title=cell["title"],
            state=job.state,
            percent=job.percent,
            told=Told(**job.args["told"]) if "told" in job.args else None,
            vm=job.vm_id,
            host=job.host_id,
            template=job.template_id,
            created_by=job.created_by_name,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            steps=[StepOut(**step) for step in job.steps],
            can_cancel=cell["can_cancel"],
            error_code=job.error_code,
            error=job.error_message,
            raw=job.error_raw,
        )


Page = Annotated[int, Field(ge=1, le=100_000, description="From 1.")]
PerPage = Annotated[int, Field(ge=1, le=500, description="Rows a page.")]

ERRORS: dict[int, Any] = dict.fromkeys((400, 401, 403, 404, 409, 413, 422, 429, 503), Error)


def answers(success: dict[int, Any]) -> dict[int, Any]:
    """The responses of a route: its success, and the errors every route may give."""
    return {**success, **ERRORS}
