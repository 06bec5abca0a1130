"""The log's lines: one a record, whatever is in it."""

import io
import logging
import os
import re
from pathlib import Path

import pytest

from vrabec.lib.logs import LineFormatter, is_journal, working_on

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "


@pytest.fixture
def said() -> tuple[logging.Logger, io.StringIO]:
    """A logger of our own and what it wrote."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter())
    logger = logging.Logger("sparrow")
    logger.addHandler(handler)
    return logger, out


def test_a_record_is_time_level_logger_and_sentence(said: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = said
    logger.warning("%s is full", "kvm1")
    assert re.fullmatch(STAMP + "WARNING sparrow: kvm1 is full\n", out.getvalue())


def test_times_are_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    record = logging.makeLogRecord({"created": 0.5, "msecs": 500.0, "msg": "x"})
    assert LineFormatter().format(record).startswith("1970-01-01T00:00:00.500Z ")


def test_the_job_and_its_machine_are_named_while_it_runs(
    said: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, out = said
    with working_on(12, "web"):
        logger.error("one")
    with working_on(13, ""):
        logger.error("two")
    logger.error("three")
    lines = [re.sub(STAMP, "", line) for line in out.getvalue().splitlines()]
    assert lines == [
        "ERROR sparrow job=12 machine=web: one",
        "ERROR sparrow job=13: two",
        "ERROR sparrow: three",
    ]


def test_a_traceback_is_one_line(said: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = said
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logger.exception("it failed")
    assert out.getvalue().count("\n") == 1
    assert r"it failed\nTraceback (most recent call last):\n" in out.getvalue()


def test_nobody_can_forge_a_line(said: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = said
    logger.warning("refused: %s", "x\r\n<0>root: all is lost\x1b[2J\u2028")
    assert out.getvalue().count("\n") == 1
    assert r"x\r\n<0>root: all is lost\x1b[2J\u2028" in out.getvalue()


@pytest.mark.parametrize(
    ("level", "priority"),
    [(logging.CRITICAL, 3), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7)],
)
def test_journald_gets_the_level(level: int, priority: int) -> None:
    record = logging.LogRecord("sparrow", level, "", 0, "x", (), None)
    assert LineFormatter(priority=True).format(record).startswith(f"<{priority}>20")


def test_journald_is_known_by_the_file_it_reads(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert is_journal(stream, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not is_journal(stream, {"JOURNAL_STREAM": "1:2"})
        assert not is_journal(stream, {})
    assert not is_journal(io.StringIO(), {"JOURNAL_STREAM": ""})
