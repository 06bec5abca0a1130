"""The one thread that writes facts: what comes together is one transaction, and all get their own answer."""

import threading
from collections.abc import Iterator
from functools import partial

import pytest
from django.db import IntegrityError, connection, transaction

from vrabec.inventory import writer as module
from vrabec.inventory.writer import Writer
from vrabec.lib.errors import Unavailable
from vrabec.models.projects import Project


@pytest.fixture
def writer(transactional_db: None) -> Iterator[Writer]:
    running = Writer()
    running.start()
    yield running
    running.stop()
    running.join(30)


def make(name: str) -> int:
    return Project.objects.create(name=name).pk


def side_by_side(writer: Writer, names: list[str]) -> dict[str, object]:
    """Each made by a thread of its own; what they got."""
    got: dict[str, object] = {}

    def hand_over(name: str) -> None:
        try:
            got[name] = writer.do(lambda: make(name))
        except IntegrityError as error:
            got[name] = error

    threads = [threading.Thread(target=hand_over, args=[name]) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return got


def test_what_was_handed_over_is_committed_when_the_answer_comes(writer: Writer) -> None:
    pk = writer.do(lambda: make("alpha"))
    assert Project.objects.get(pk=pk).name == "alpha"


def test_what_comes_together_is_one_transaction(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COALESCE_SECONDS", 5.0)
    monkeypatch.setattr(module, "MAX_ROWS", 8)
    there: list[int] = []

    def make_and_count(name: str) -> None:
        make(name)
        transaction.on_commit(lambda: there.append(Project.objects.count()))

    threads = [
        threading.Thread(target=writer.do, args=[partial(make_and_count, name)]) for name in "abcdefgh"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert there == [8] * 8


def test_a_batch_gets_all_that_came_for_it(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COALESCE_SECONDS", 5.0)
    monkeypatch.setattr(module, "MAX_ROWS", 4)
    calls: list[list[str]] = []
    got: dict[str, str] = {}

    def upper(names: list[str]) -> list[str]:
        calls.append(names)
        return [name.upper() for name in names]

    def hand_over(name: str) -> None:
        got[name] = writer.do_together(upper, name, rows=1)

    threads = [threading.Thread(target=hand_over, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [sorted(names) for names in calls] == [["a", "b", "c", "d"]]
    assert got == {"a": "A", "b": "B", "c": "C", "d": "D"}


def test_work_that_fails_fails_for_its_owner_alone(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COALESCE_SECONDS", 5.0)
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    make("taken")
    got = side_by_side(writer, ["one", "taken", "two"])
    assert isinstance(got["taken"], IntegrityError)
    assert set(Project.objects.values_list("name", flat=True)) == {"taken", "one", "two"}
    assert isinstance(writer.do(lambda: make("three")), int)


def test_what_stands_in_the_queue_at_the_end_is_written_and_later_work_is_refused(
    transactional_db: None,
) -> None:
    running = Writer()
    handing = threading.Thread(target=running.do, args=[lambda: make("last")])
    handing.start()
    running.start()
    handing.join(30)
    running.stop()
    running.join(30)
    assert Project.objects.get().name == "last"
    with pytest.raises(Unavailable):
        running.do(lambda: make("never"))


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite waits for the disk by a setting")
def test_facts_do_not_wait_for_the_disk(writer: Writer) -> None:
    def synchronous() -> int:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous")
            return int(cursor.fetchone()[0])

    full, normal = 2, 1
    assert (synchronous(), writer.do(synchronous)) == (full, normal)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_writer_that_has_died(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(writer: Writer) -> None:
        raise MemoryError

    monkeypatch.setattr(Writer, "_gather", die)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    dead = Writer()
    dead.start()
    dead.join(30)
    with pytest.raises(Unavailable, match="restart Vrabec"):
        dead.do(lambda: None)


def test_a_stopped_writer_is_alive_until_it_has_ended(writer: Writer) -> None:
    """Thread has an attribute of its own, _is_stopped, that ours once hid: join did not wait."""
    begun, may_end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait(30)

    handing = threading.Thread(target=writer.do, args=[work])
    handing.start()
    assert begun.wait(30)
    writer.stop()
    assert writer.is_alive()
    may_end.set()
    handing.join(30)
    writer.join(30)
    assert not writer.is_alive()
