"""The record as people read it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.http import HttpResponse
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.differences import differences
from vrabec.frontends.web.forms import Problem, problems_of
from vrabec.frontends.web.pages import render
from vrabec.frontends.web.paging import paged
from vrabec.lib.actor import Actor
from vrabec.lib.clock import now, parse_time
from vrabec.lib.errors import Invalid
from vrabec.models.audit import Audit
from vrabec.models.jobs import JobState
from vrabec.services.activity import OF_HOSTS, ActivityQuery, ends_of, exported, list_activity, without_dones
from vrabec.services.permissions import may
from vrabec.services.record import ENDED
from vrabec.services.states import TITLES

MAX_TYPED = 255
_ASKED = ("by", "subject", "action", "token", "since", "until")
WORDS = {
    "vm.create": ("plus", gettext_noop("Create %(name)s")),
    "vm.adopt": ("folder", gettext_noop("Give %(name)s to a project")),
    "vm.describe": ("pencil", gettext_noop("Describe %(name)s")),
    "vm.pin": ("server-2", gettext_noop("Bind %(name)s to hosts")),
    "vm.rename": ("pencil", gettext_noop("Rename %(name)s to %(to)s")),
    "vm.resize": ("database", gettext_noop("Resize %(name)s")),
    "vm.clone": ("copy", gettext_noop("Copy %(name)s to %(to)s")),
    "vm.start": ("player-play", gettext_noop("Start %(name)s")),
    "vm.shutdown": ("power", gettext_noop("Shut down %(name)s")),
    "vm.power_off": ("power", gettext_noop("Power off %(name)s")),
    "vm.reboot": ("refresh", gettext_noop("Restart %(name)s")),
    "vm.reset": ("bolt", gettext_noop("Reset %(name)s")),
    "vm.pause": ("player-pause", gettext_noop("Pause %(name)s")),
    "vm.send_keys": ("keyboard", gettext_noop("Press keys on %(name)s")),
    "vm.hibernate": ("zzz", gettext_noop("Hibernate %(name)s")),
    "vm.migrate": ("server-2", gettext_noop("Move %(name)s to host %(to)s")),
    "vm.autostart_off": ("server-2", gettext_noop("Keep the host from starting %(name)s by itself")),
    "vm.resume": ("player-play", gettext_noop("Resume %(name)s")),
    "vm.console": ("terminal-2", gettext_noop("Open a console of %(name)s")),
    "vm.xml": ("code", gettext_noop("Read the XML of %(name)s")),
    "vm.extend": ("calendar", gettext_noop("Let the lease of %(name)s end: %(after)s")),
    "vm.lease_end": ("calendar", gettext_noop("The lease of %(name)s ended")),
    "vm.lease_grace_end": ("calendar", gettext_noop("The days of grace of %(name)s are over")),
    "vm.keep": ("player-play", gettext_noop("Start %(name)s again, as it should run")),
    "vm.gone": ("alert-circle", gettext_noop("%(name)s is no longer on its host")),
    "vm.follow": ("server-2", gettext_noop("%(name)s was moved by hand to host %(to)s")),
    "vm.back": ("server-2", gettext_noop("%(name)s is there again")),
    "vm.delete": ("trash", gettext_noop("Delete %(name)s")),
    "job.cancel": ("x", gettext_noop("Cancel the job of %(name)s")),
    "job.retry": ("refresh", gettext_noop("Retry the job of %(name)s")),
    "job.done": ("check", gettext_noop("%(what)s: done")),
    "job.failed": ("alert-circle", gettext_noop("%(what)s: failed. %(error)s")),
    "job.cancelled": ("x", gettext_noop("%(what)s: cancelled")),
    "job.stuck": ("alert-circle", gettext_noop("%(what)s: stuck. %(error)s")),
    "host.add": ("server-2", gettext_noop("Add host %(name)s")),
    "host.look": ("server-2", gettext_noop("Look at %(name)s")),
    "host.change": ("server-2", gettext_noop("Put host %(name)s into cluster %(cluster)s")),
    "cluster.create": ("plus", gettext_noop("Make cluster %(name)s")),
    "cluster.change": ("pencil", gettext_noop("Change cluster %(name)s")),
    "cluster.balance": ("server-2", gettext_noop("Balance cluster %(name)s: %(moves)s moves")),
    "cluster.balance_due": (
        "server-2",
        gettext_noop("Balance cluster %(name)s by the clock: %(most)s moves at most"),
    ),
    "cluster.remove": ("trash", gettext_noop("Remove cluster %(name)s")),
    "host.confirm": ("key", gettext_noop("Confirm the SSH key of host %(name)s")),
    "host.maintain": ("hammer", gettext_noop("Put host %(name)s into maintenance")),
    "host.resume": ("player-play", gettext_noop("End the maintenance of host %(name)s")),
    "host.remove": ("server-2", gettext_noop("Remove host %(name)s")),
    "template.build": ("hammer", gettext_noop("Build template %(name)s")),
    "template.share": ("folder", gettext_noop("Say for which projects template %(name)s is")),
    "network.share": ("folder", gettext_noop("Say for which projects network %(name)s is")),
    "project.create": ("folder", gettext_noop("Make project %(name)s")),
    "project.change": ("pencil", gettext_noop("Change the title of project %(name)s")),
    "project.remove": ("trash", gettext_noop("Remove project %(name)s")),
    "project.lease": ("calendar", gettext_noop("Change the leases of project %(name)s")),
    "request.create": ("clipboard-text", gettext_noop("Ask for %(asks)s")),
    "request.grant": ("check", gettext_noop("Grant %(asks)s")),
    "request.decline": ("x", gettext_noop("Decline %(asks)s")),
    "token.create": ("key", gettext_noop("Make the token %(name)s")),
    "token.revoke": ("key", gettext_noop("Revoke the token %(name)s")),
    "view.save": ("bookmark", gettext_noop("Keep the view %(name)s")),
    "view.delete": ("trash", gettext_noop("Delete the view %(name)s")),
    "session.begin": ("user", gettext_noop("%(name)s signed in")),
    "session.first_step": ("user", gettext_noop("%(name)s did the first of two steps to sign in")),
    "factor.add": ("key", gettext_noop("%(name)s set up a second factor: %(what)s")),
    "factor.remove": ("key", gettext_noop("%(name)s removed a second factor: %(what)s")),
    "factor.codes": ("key", gettext_noop("%(name)s made new recovery codes")),
    "mail.send": ("refresh", gettext_noop("Send a mail to %(to)s again: %(name)s")),
    "user.factors": ("key", gettext_noop("Remove all second factors of %(name)s")),
    "session.refuse": ("lock", gettext_noop("%(name)s was not signed in: a wrong %(by)s")),
    "session.end": ("x", gettext_noop("%(name)s ended a session elsewhere")),
    "user.sign_out": ("x", gettext_noop("End all sessions of %(name)s")),
    "user.create": ("user", gettext_noop("Create the user %(name)s")),
    "user.link": ("key", gettext_noop("Make a sign-in link for %(name)s")),
    "user.change": ("user", gettext_noop("Change the user %(name)s")),
    "user.remove": ("trash", gettext_noop("Remove the user %(name)s")),
    "group.create": ("plus", gettext_noop("Make group %(name)s")),
    "group.remove": ("trash", gettext_noop("Remove group %(name)s")),
    "group.follow": ("user", gettext_noop("Set which groups %(name)s follows")),
    "user.identity": ("key", gettext_noop("Let %(source)s vouch for %(name)s as %(subject)s")),
    "user.identity_end": ("key", gettext_noop("Let %(source)s vouch for %(name)s no longer")),
    "group.add": ("user", gettext_noop("Put %(to)s into group %(name)s")),
    "group.drop": ("user", gettext_noop("Take %(to)s out of group %(name)s")),
    "role.create": ("plus", gettext_noop("Make role %(name)s")),
    "role.change": ("pencil", gettext_noop("Change role %(name)s")),
    "role.remove": ("trash", gettext_noop("Remove role %(name)s")),
    "grant.give": ("key", gettext_noop("Give %(to)s the role %(role)s on %(name)s")),
    "grant.take": ("key", gettext_noop("Take the role %(role)s on %(name)s from %(to)s")),
    "grant.change": (
        "calendar",
        gettext_noop("Let the role %(role)s of %(to)s on %(name)s end: %(after)s"),
    ),
    "grant.end": ("calendar", gettext_noop("%(to)s has the role %(role)s on %(name)s no longer")),
    "vm.withhold": ("lock", gettext_noop("Withhold %(verb)s on %(name)s from %(to)s")),
    "vm.give_back": ("key", gettext_noop("Give %(verb)s on %(name)s back to %(to)s")),
    "vm.transfer": ("user", gettext_noop("Give the machine %(name)s to %(to)s")),
    "quota.change": ("database", gettext_noop("Change the quota of %(name)s")),
    "account.password": ("lock", gettext_noop("%(name)s set a password")),
}

NAMELESS = {
    "vm.migrate": gettext_noop("Move %(name)s to another host"),
    "vm.follow": gettext_noop("%(name)s was moved by hand to another host"),
}
"""For those who may not know hosts by name."""
_ON_THE_SITE = {
    "grant.give": gettext_noop("Give %(to)s the role %(role)s on the whole site"),
    "grant.take": gettext_noop("Take the role %(role)s on the whole site from %(to)s"),
    "grant.change": gettext_noop("Let the role %(role)s of %(to)s on the whole site end: %(after)s"),
    "grant.end": gettext_noop("%(to)s has the role %(role)s on the whole site no longer"),
}
_END_KINDS = {JobState.FAILED: "bad", JobState.STUCK: "warn", JobState.CANCELLED: ""}
"""How ends are shown that stand beside the act; that it was done needs no word."""


@dataclass(frozen=True)
class Line:
    """One line of the record. `end`: how its job ended where it did not end well, "" else.

    `change`: what was before, and what after.
    """

    icon: str
    text: str
    who: str
    token: str
    at: datetime
    vm_id: int | None
    change: str = ""
    end: str = ""
    end_kind: str = ""


@page("audit.list")
def index(request: PageRequest) -> HttpResponse:
    """What the reader may see of it and asks for, newest first; what is asked wrongly is said.

    That a job was done is no line here unless somebody asks for jobs: the line of the act says it.
    """
    typed = {name: request.GET.get(name, "")[:MAX_TYPED].strip() for name in _ASKED}
    problems: dict[str, Problem] = {}
    try:
        rows = list_activity(request.actor, _query(typed))
    except Invalid as error:
        problems = problems_of(error)
        rows = list_activity(request.actor)
    found, pager = paged(request, rows if typed["action"].startswith("job") else without_dones(rows))
    context = {"lines": lines(request.actor, found), "pager": pager, "typed": typed, "problems": problems}
    context |= {"is_asked": any(typed.values()), "address": request.GET.urlencode()}
    return render(request, "activity/list.html", context)


@page("audit.list")
def export(request: PageRequest) -> HttpResponse:
    """The same as a file of JSON lines, oldest first, with every end of a job. Raises Invalid."""
    typed = {name: request.GET.get(name, "")[:MAX_TYPED].strip() for name in _ASKED}
    text = b"".join(orjson.dumps(row) + b"\n" for row in exported(request.actor, _query(typed)))
    name = f"activity-{now():%Y-%m-%d}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(text, content_type="application/jsonl", headers=headers)


def _query(typed: dict[str, str]) -> ActivityQuery:
    """What was typed. Raises Invalid for what is no day."""
    since, until = (_day(typed[name], name) for name in ("since", "until"))
    return ActivityQuery(
        by=typed["by"],
        action=typed["action"],
        subject=typed["subject"],
        token=typed["token"],
        since=since,
        until=until and until + timedelta(days=1),  # the day itself, too
    )


def _day(text: str, field: str) -> datetime | None:
    try:
        return parse_time(text[:10], field)
    except Invalid as error:
        raise Invalid("Write a day such as 2026-11-20.", field=field) from error


def lines(actor: Actor, found: Iterable[Audit]) -> list[Line]:
    """Rows of the record in words, as `actor` may read them."""
    names, rows = may(actor, "host.view"), list(found)
    ends = ends_of(rows)
    return [_line(row, names, ends.get(row.job_id or 0)) for row in rows]


def _line(row: Audit, names: bool, end: JobState | None) -> Line:
    icon, words = _words(row, names)
    said = {"name": row.subject} | row.detail
    if row.action in ENDED:  # whose words have the end already
        said["what"], end = gettext(TITLES.get(row.detail["what"], "%(name)s")) % said, None
    text, vm_id = gettext(words) % said, row.subject_id if row.kind == "vm" else None
    shown = (gettext(end.label), _END_KINDS[end]) if end in _END_KINDS else ("", "")
    change = differences(row.detail) if names or row.action not in OF_HOSTS else ""
    return Line(icon, text, row.actor, row.token or "", row.at, vm_id, change, *shown)


def _words(row: Audit, names: bool) -> tuple[str, str]:
    icon, words = WORDS.get(row.action, ("activity", f"{row.action} %(name)s"))
    if row.kind in ("user", "group"):
        words = _ON_THE_SITE.get(row.action, words)
    if row.kind == "quota":
        words = gettext_noop("Change the quota of every %(what)s without one")
    return icon, words if names else NAMELESS.get(row.action, words)
