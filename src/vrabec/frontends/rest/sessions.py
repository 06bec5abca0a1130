"""/sessions: the browsers in which one is signed in."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import answers
from vrabec.models.sessions import Session
from vrabec.services import sessions

router = Router(tags=["account"], auth=AUTH)


class SessionOut(Schema):
    """A browser that is signed in. `seen_at` and `address` are some minutes late."""

    id: int
    agent: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime

    @staticmethod
    def of(row: Session) -> SessionOut:
        """The schema of a row."""
        return SessionOut(**{name: getattr(row, name) for name in SessionOut.model_fields})


@router.get("/sessions", response=answers({200: list[SessionOut]}), operation_id="list_sessions")
@action("session.list")
def list_sessions(request: HttpRequest) -> list[SessionOut]:
    """Your own, the one last seen first."""
    return [SessionOut.of(row) for row in sessions.list_sessions(actor(request))]


@router.delete("/sessions/{session_id}", response=answers({204: None}), operation_id="end_session")
@action("session.end")
def end_session(request: HttpRequest, session_id: int) -> Status[None]:
    """Sign a browser of yours out: its next request is refused, its consoles close."""
    sessions.end_session(actor(request), session_id=session_id)
    return Status(204, None)
