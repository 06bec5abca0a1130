"""The record's chain: it shows lines that were changed, removed or put elsewhere behind Vrabec's back.

A line's link holds a code of what the line says, and one of that, its place and the link before it. Both are
HMAC-SHA256 (RFC 2104) with the secret key, which no database knows. The file `audit.head` in the data folder
holds the last link: lines that are missing at the end cannot be seen in the lines that are left.

When lines are linked: links.py.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator, Sequence
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from vrabec.models.audit import Audit, Link

PART = 1000
"""Lines that are read at once."""
_LOCK = 0x76726368
"""PostgreSQL's advisory lock "vrch": two links must not have the same place."""
_UNDER_WAY_SECONDS = 1.0
"""A line whose transaction was just committed has its link by then."""


class Head(NamedTuple):
    """The chain's last link."""

    place: int
    chained: str


NOTHING = Head(0, "")


def link_rest() -> list[int]:
    """Link the lines that have no link, and give their ids.

    They are older than the chain, or Vrabec ended between a line's commit and its link.
    """
    ids = list(_without_link())
    link(ids)
    return ids


def link(ids: Sequence[int]) -> None:
    """Link the lines of these ids, in the order of their ids."""
    for start in range(0, len(ids), PART):
        _write_head(_linked(ids[start : start + PART]))


def _linked(ids: Sequence[int]) -> Head:
    with transaction.atomic():
        _take_turn()
        head = _last()
        links = []
        linked = set(Link.objects.filter(audit_id__in=ids).values_list("audit_id", flat=True))
        for line in Audit.objects.filter(pk__in=set(ids) - linked).order_by("pk"):
            mac = mac_of(line)
            head = _next(head, mac)
            links.append(Link(place=head.place, audit_id=line.pk, mac=mac, chained=head.chained))
        Link.objects.bulk_create(links)
    return head


def verify() -> Iterator[str]:
    """A sentence for each fault: which line was changed, removed or moved, and what is missing at the end.

    It may run while lines are added. Ten thousand lines take less than a second.
    """
    written = _read_head()  # first: the chain may be longer than this, never shorter
    last, met = NOTHING, written
    for links in _all_links():
        lines = Audit.objects.in_bulk([one.audit_id for one in links])
        for one in links:
            yield from _faults(one, lines.get(one.audit_id), last)
            last = Head(one.place, one.chained)
            met = last if last.place == written.place else met
    yield from _faults_at_the_end(last, written, met)
    yield from _faults_without_link()


def _faults(one: Link, line: Audit | None, last: Head) -> Iterator[str]:
    if missing := one.place - last.place - 1:
        yield f"{_lines(missing)} missing before line {one.audit_id}."
    elif one.chained != _next(last, one.mac).chained:
        yield f"Line {one.audit_id} is not in the place where it was written."
    if line is None:
        yield f"Line {one.audit_id} was removed."
    elif mac_of(line) != one.mac:
        what = f"{line.at:%Y-%m-%d %H:%M:%S} UTC, {line.actor}: {line.action} {line.subject}"
        yield f"Line {one.audit_id} is not as it was written. It says now: {what}"


def _faults_at_the_end(last: Head, written: Head, met: Head) -> Iterator[str]:
    """`met` is the link that has the place of the one that was `written` last."""
    if written == NOTHING and last != NOTHING:
        yield f"{head_path()} cannot be read: whether lines are missing at the end cannot be told."
    elif missing := max(0, written.place - last.place):
        yield f"{_lines(missing)} missing at the end, after {_shown(last)}."
    elif met != written:
        yield "The chain is another one than was written: all of it may have been replaced."


def _faults_without_link() -> Iterator[str]:
    if alone := set(_without_link()):
        time.sleep(_UNDER_WAY_SECONDS)
        for pk in sorted(alone & set(_without_link())):
            yield f"Line {pk} was not written by Vrabec, or Vrabec ended just then: its next start links it."


def _lines(count: int) -> str:
    return "1 line is" if count == 1 else f"{count} lines are"


def _shown(last: Head) -> str:
    found = Link.objects.filter(place=last.place).values_list("audit_id", flat=True).first()
    return f"line {found}" if found else "the beginning"


def mac_of(line: Audit) -> str:
    """The code of all that a line says."""
    said = [
        line.pk, line.at.astimezone(UTC).isoformat(timespec="microseconds"), line.user_id, line.actor,
        line.address, line.action, line.kind, line.subject_id, line.subject, line.project_id, line.job_id,
        line.detail,
    ]  # fmt: skip
    if line.token:  # so that lines from before there was this column keep their code
        said.append(line.token)
    return _code("vrabec.record", json.dumps(said, sort_keys=True, separators=(",", ":")))


def _next(head: Head, mac: str) -> Head:
    place = head.place + 1
    return Head(place, _code("vrabec.record.chain", f"{head.chained} {place} {mac}"))


def _code(purpose: str, text: str) -> str:
    """As Django's salted_hmac, whose key is worked out once and not for each line."""
    return hmac.digest(_key(purpose, settings.SECRET_KEY), text.encode(), "sha256").hex()


@lru_cache(maxsize=4)
def _key(purpose: str, secret: str) -> bytes:
    return hashlib.sha256((purpose + secret).encode()).digest()


def _take_turn() -> None:
    """SQLite's transactions take turns by themselves."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _last() -> Head:
    found = Link.objects.order_by("-place").values_list("place", "chained").first()
    return Head(*found) if found else NOTHING


def _without_link() -> Iterator[int]:
    alone = Audit.objects.filter(~Exists(Link.objects.filter(audit_id=OuterRef("pk"))))
    return alone.order_by("pk").values_list("pk", flat=True).iterator()


def _all_links() -> Iterator[list[Link]]:
    place = 0
    while links := list(Link.objects.filter(place__gt=place).order_by("place")[:PART]):
        yield links
        place = links[-1].place


def head_path() -> Path:
    """Where the last link is kept, out of the database's reach."""
    return Path(settings.DATA_DIR) / "audit.head"


def reset_head() -> None:
    """Take the database's last link for the chain's: restored rows may be older than restored files."""
    head_path().unlink(missing_ok=True)
    _write_head(_last())


def _read_head() -> Head:
    try:
        return _parsed(head_path().read_bytes())
    except FileNotFoundError:
        return NOTHING


def _parsed(said: bytes) -> Head:
    """NOTHING where it is not ours."""
    place, _, chained = said.decode(errors="replace").strip().partition(" ")
    return Head(int(place), chained) if place.isascii() and place.isdigit() else NOTHING


def _write_head(head: Head) -> None:
    """Always as many bytes in one place, so that a crash leaves the old or the new; never an older link."""
    if head == NOTHING:
        return
    file = os.open(head_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        if _parsed(os.pread(file, 200, 0)).place < head.place:
            os.pwrite(file, f"{head.place:020} {head.chained}\n".encode(), 0)
    finally:
        os.close(file)
