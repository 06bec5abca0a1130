"""The record is searched, and exported as JSON lines."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Site, site
from vrabec.models.audit import Audit
from vrabec.services.activity import FIELDS, ActivityQuery, exported, list_activity

__all__ = ["site"]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINES = (
    ("olga", "vm.start", "web", "ci", 0),
    ("olga", "vm.delete", "web", None, 1),
    ("tom", "vm.start", "database", None, 2),
    ("ada", "host.add", "kvm1", None, 3),
)


@pytest.fixture
def record(site: Site) -> Site:
    """Four lines, an hour apart."""
    Audit.objects.bulk_create(
        Audit(
            at=NOON + timedelta(hours=hours),
            actor=actor,
            action=action,
            kind=action.partition(".")[0],
            subject=subject,
            token=token,
            project_id=site.project.pk if action.startswith("vm.") else None,
        )
        for actor, action, subject, token, hours in LINES
    )
    return site


def found(site: Site, who: str = "administrator", **query: object) -> list[str]:
    rows = list_activity(getattr(site, who).actor, ActivityQuery(**query))  # type: ignore[arg-type]
    return [row.action for row in rows.filter(at__gte=NOON, at__lt=NOON + timedelta(hours=9))]


@pytest.mark.parametrize(
    ("query", "actions"),
    [
        ({}, ["host.add", "vm.start", "vm.delete", "vm.start"]),
        ({"by": "OLG"}, ["vm.delete", "vm.start"]),
        ({"subject": "data"}, ["vm.start"]),
        ({"action": "vm.start"}, ["vm.start", "vm.start"]),
        ({"action": "vm."}, ["vm.start", "vm.delete", "vm.start"]),
        ({"token": "ci"}, ["vm.start"]),
        ({"since": NOON + timedelta(hours=2)}, ["host.add", "vm.start"]),
        ({"until": NOON + timedelta(hours=1)}, ["vm.start"]),
        ({"by": "olga", "action": "vm.start", "subject": "web"}, ["vm.start"]),
        ({"by": "%"}, []),
        ({"subject": "we\0b"}, ["vm.delete", "vm.start"]),
    ],
)
def test_each_condition_holds(record: Site, query: dict[str, object], actions: list[str]) -> None:
    assert found(record, **query) == actions


def test_nobody_finds_what_they_do_not_see(record: Site) -> None:
    assert found(record, "viewer", by="ada") == []
    assert found(record, "stranger", action="vm.") == []


def test_an_export_is_oldest_first_and_says_all(record: Site) -> None:
    day = ActivityQuery(since=NOON, until=NOON + timedelta(hours=9))
    rows = list(exported(record.administrator.actor, day))
    assert [row["action"] for row in rows] == ["vm.start", "vm.delete", "vm.start", "host.add"]
    assert set(rows[0]) == set(FIELDS)
    assert set(FIELDS) == {field.attname for field in Audit._meta.concrete_fields} - {"user_id"}


def test_an_export_costs_few_queries(record: Site) -> None:
    actor = record.administrator.actor
    with CaptureQueriesContext(connection) as asked:
        list(exported(actor, ActivityQuery()))
    assert len(asked) == 2
