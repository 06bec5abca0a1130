"""The record's chain: whatever is done to lines behind Vrabec's back is found, and where."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from vrabec.lib.actor import SYSTEM
from vrabec.models.audit import Audit, Link
from vrabec.models.users import User
from vrabec.services import chain
from vrabec.services.record import record

pytestmark = pytest.mark.database
LINES = 9


@pytest.fixture(autouse=True)
def own_head(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(chain, "_UNDER_WAY_SECONDS", 0.0)
    monkeypatch.setattr(chain, "PART", 4)


@pytest.fixture
def lines(db: None) -> list[int]:
    """The ids of lines with their links, and a database that does not guard them any more."""
    user = User.objects.create(username="ada")
    for number in range(LINES):
        record(SYSTEM, "user.link", of=user, number=number, text=f"žluťoučký {number}")
    ids = chain.link_rest()
    assert len(ids) == LINES
    with connection.cursor() as cursor:
        for statement in _unguarded():
            cursor.execute(statement)
    return ids


def _unguarded() -> list[str]:
    if connection.vendor == "postgresql":
        return [f"ALTER TABLE {table} DISABLE TRIGGER USER" for table in ("vrabec_audit", "vrabec_link")]
    kinds = [(kind, verb) for kind in ("audit", "link") for verb in ("update", "delete")]
    return [f"DROP TRIGGER {kind}_no_{verb}" for kind, verb in kinds]


def faults() -> list[str]:
    return list(chain.verify())


def by_sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_record_that_nobody_touched_has_no_faults(lines: list[int]) -> None:
    assert faults() == []
    assert chain.link_rest() == []
    assert [one.audit_id for one in Link.objects.order_by("place")] == lines


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'eve'",
        "detail = '{}'",
        "address = '192.0.2.1'",
        "job_id = 7",
        "at = '2020-01-01 00:00:00+00:00'",
    ],
)
def test_a_line_that_was_changed_is_named(lines: list[int], change: str) -> None:
    by_sql(f"UPDATE vrabec_audit SET {change} WHERE id = %s", lines[4])  # noqa: S608
    [fault] = faults()
    assert fault.startswith(f"Line {lines[4]} is not as it was written.")
    assert "user.link ada" in fault


def test_a_line_that_was_removed_is_named(lines: list[int]) -> None:
    by_sql("DELETE FROM vrabec_audit WHERE id = %s", lines[4])
    assert faults() == [f"Line {lines[4]} was removed."]


def test_lines_that_were_removed_with_their_links_are_counted_where_they_were(lines: list[int]) -> None:
    for pk in lines[3:5]:
        by_sql("DELETE FROM vrabec_audit WHERE id = %s", pk)
        by_sql("DELETE FROM vrabec_link WHERE audit_id = %s", pk)
    assert faults() == [f"2 lines are missing before line {lines[5]}."]
    by_sql("UPDATE vrabec_link SET place = place - 2 WHERE audit_id = %s", lines[5])
    assert faults() == [
        f"Line {lines[5]} is not in the place where it was written.",
        f"2 lines are missing before line {lines[6]}.",
    ]


def swap(table: str, column: str, one: int, other: int) -> None:
    for old, new in ((one, -1), (other, one), (-1, other)):
        by_sql(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", new, old)  # noqa: S608


def test_lines_that_changed_places_are_named(lines: list[int]) -> None:
    swap("vrabec_audit", "id", lines[2], lines[6])
    assert [fault.partition(" is ")[0] for fault in faults()] == [f"Line {lines[2]}", f"Line {lines[6]}"]
    swap("vrabec_link", "audit_id", lines[2], lines[6])
    assert len(faults()) == 2  # a line's number is a part of what it says


def test_links_that_changed_places_are_named(lines: list[int]) -> None:
    swap("vrabec_link", "place", 3, 7)
    named = [fault for fault in faults() if fault.endswith("is not in the place where it was written.")]
    assert {f"Line {lines[6]} is", f"Line {lines[2]} is"} <= {fault[: fault.index(" not")] for fault in named}


@pytest.mark.parametrize(("gone", "said"), [(1, "1 line is"), (5, "5 lines are")])
def test_lines_that_are_missing_at_the_end_are_counted(lines: list[int], gone: int, said: str) -> None:
    by_sql("DELETE FROM vrabec_audit WHERE id >= %s", lines[-gone])
    by_sql("DELETE FROM vrabec_link WHERE audit_id >= %s", lines[-gone])
    assert faults() == [f"{said} missing at the end, after line {lines[-gone - 1]}."]


def test_an_emptied_record_is_seen(lines: list[int]) -> None:
    by_sql("DELETE FROM vrabec_audit")
    by_sql("DELETE FROM vrabec_link")
    assert faults() == [f"{LINES} lines are missing at the end, after the beginning."]


def test_a_chain_made_anew_is_seen(lines: list[int], settings: Any) -> None:
    by_sql("DELETE FROM vrabec_link")
    key, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    chain.link_rest()
    settings.SECRET_KEY = key
    assert faults()[-1] == "The chain is another one than was written: all of it may have been replaced."
    assert len(faults()) > LINES


def test_a_line_that_was_added_by_hand_is_named(lines: list[int]) -> None:
    by_sql("INSERT INTO vrabec_audit (at, actor, address, action, kind, subject, detail) "
           "VALUES ('2026-01-01 00:00:00+00:00', 'eve', '', 'vm.delete', 'vm', 'web', '{}')")  # fmt: skip
    [fault] = faults()
    assert fault.startswith(f"Line {Audit.objects.latest('pk').pk} was not written by Vrabec")


def test_without_its_last_link_the_end_is_said_to_be_unknown(lines: list[int]) -> None:
    for said in (b"", b"nonsense"):
        chain.head_path().write_bytes(said)
        [fault] = faults()
        assert fault.startswith(f"{chain.head_path()} cannot be read")
    chain.head_path().unlink()
    assert len(faults()) == 1
    chain.reset_head()
    assert faults() == []


def test_codes_are_those_of_before() -> None:
    for purpose, text in (("vrabec.record", '["é", 1]'), ("vrabec.record.chain", "")):
        assert chain._code(purpose, text) == salted_hmac(purpose, text, algorithm="sha256").hexdigest()


def test_a_line_is_linked_when_its_transaction_is_committed(transactional_db: None) -> None:
    user = User.objects.create(username="ada")
    with transaction.atomic():
        record(SYSTEM, "user.link", of=user)
        with pytest.raises(ZeroDivisionError):
            _taken_back(user)
        record(SYSTEM, "user.link", of=user)
        assert not Link.objects.exists()
    assert Link.objects.count() == 2
    record(SYSTEM, "user.link", of=user)
    assert Link.objects.count() == 3
    assert faults() == []


def _taken_back(user: User) -> None:
    with transaction.atomic():
        record(SYSTEM, "user.link", of=user)
        raise ZeroDivisionError


def test_an_act_is_not_undone_because_its_line_could_not_be_linked(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = User.objects.create(username="ada")
    monkeypatch.setattr(chain, "_write_head", lambda head: 1 / 0)
    with transaction.atomic():
        record(SYSTEM, "user.link", of=user)
    assert Audit.objects.filter(action="user.link").count() == 1


def test_many_at_once_make_one_chain(transactional_db: None) -> None:
    user = User.objects.create(username="ada")

    def several() -> None:
        for _ in range(5):
            with transaction.atomic():
                record(SYSTEM, "user.link", of=user)
        connection.close()

    side_by_side([several] * 6)
    assert Link.objects.count() == 30
    assert faults() == []


def side_by_side(works: list[Callable[[], None]]) -> None:
    threads = [Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
