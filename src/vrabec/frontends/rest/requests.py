"""/requests: asking for more, and answering."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.people import Name
from vrabec.frontends.rest.quotas import Limit
from vrabec.frontends.rest.schemas import answers
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.requests import Request
from vrabec.services import requests
from vrabec.services.requests import More
from vrabec.services.vms import get_vm

router = Router(tags=["people"], auth=AUTH)
MOST = 200
Words = Annotated[str, Field(max_length=5000)]


class RequestIn(Schema):
    """Ask for a machine's lease `until` a day (both), or for limits of a quota; and say why.

    The quota is one's own, a project's that one looks after, or a group's that one is in.
    """

    vm: Annotated[int | None, Field(ge=-(2**63), lt=2**63)] = None
    until: date | None = None
    project: Name = ""
    group: Name = ""
    vms: Limit = None
    cpus: Limit = None
    memory_mib: Limit = None
    disk_mib: Limit = None
    why: Words


class AnswerIn(Schema):
    """Whether it is given, and a word with it."""

    granted: Annotated[bool, Field(strict=True)]
    word: Words = ""


class RequestOut(Schema):
    """What somebody asked for. `granted` is null while it is open; `may_answer`: you may.

    `project` or `group` names whose quota it is, where it is not their own.
    """

    id: int
    kind: str
    user: str
    vm: int | None
    project: str | None
    group: str | None
    asks: str
    why: str
    created_at: datetime
    granted: bool | None
    word: str
    answered_by: str | None
    may_answer: bool

    @staticmethod
    def of(row: Request, *, may_answer: bool) -> RequestOut:
        """The schema of a row."""
        return RequestOut(
            id=row.pk,
            kind=row.kind,
            user=row.user.username,
            vm=row.vm_id,
            project=row.of_project.name if row.of_project else None,
            group=row.of_group.name if row.of_group else None,
            asks=requests.said(row),
            why=row.why,
            created_at=row.created_at,
            granted=row.granted,
            word=row.word,
            answered_by=row.answered_by.username if row.answered_by else None,
            may_answer=may_answer,
        )


@router.get("/requests", response=answers({200: list[RequestOut]}), operation_id="list_requests")
@action("request.list")
def index(request: HttpRequest) -> list[RequestOut]:
    """Your requests, and those that you may answer; the newest 200, open ones first."""
    who = actor(request)
    return _told(who, requests.list_requests(who)[:MOST])


def _told(who: Actor, rows: Iterable[Request]) -> list[RequestOut]:
    found = list(rows)
    mine = requests.answerable(who, found)
    return [RequestOut.of(row, may_answer=row.pk in mine) for row in found]


@router.post("/requests", response=answers({201: RequestOut}), operation_id="create_request")
@action("request.create")
def create(request: HttpRequest, wish: RequestIn) -> Status[RequestOut]:
    """Ask for more; who may give it is told by mail."""
    who = actor(request)
    if (wish.vm is None) != (wish.until is None):
        raise Invalid("A longer lease needs a machine and a day.", field="until")
    if wish.vm is not None and (wish.project or wish.group):
        raise Invalid("Ask for a lease or for a quota, not for both.", field="vm")
    if wish.vm is not None and wish.until is not None:
        made = requests.ask_longer(who, vm=get_vm(who, vm_id=wish.vm), until=wish.until, why=wish.why)
    else:
        more = More(wish.vms, wish.cpus, wish.memory_mib, wish.disk_mib)
        payer = requests.payer_to_ask_for(who, project=wish.project, group=wish.group)
        made = requests.ask_more(who, more=more, why=wish.why, payer=payer)
    return Status(201, _told(who, [made])[0])


@router.post(
    "/requests/{request_id}/answer", response=answers({200: RequestOut}), operation_id="answer_request"
)
@action("request.answer")
def answer(request: HttpRequest, request_id: int, wish: AnswerIn) -> RequestOut:
    """Grant it, which does what is asked for, or decline; who asked is told by mail."""
    who = actor(request)
    found = requests.get_request(who, request_id=request_id)
    answered = requests.answer(who, request=found, grants=wish.granted, word=wish.word)
    return _told(who, [answered])[0]
