"""The end of scripts/test: skips are named, and refused when nobody listed them."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/summary.py"
SUITE = """\
<testsuites><testsuite tests="3" skipped="1" failures="1" errors="0" time="1.5">
<testcase classname="tests.unit.test_x" name="test_a"/>
<testcase classname="tests.unit.test_x" name="test_b[one]"><skipped message="no such tool: x"/></testcase>
<testcase classname="tests.unit.test_x" name="test_c"><failure message="no"/></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with a list of its own."""
    spec = importlib.util.spec_from_file_location("summary", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "summary", module)
    spec.loader.exec_module(module)
    module.ALLOWED = tmp_path / "skips.txt"
    module.ALLOWED.write_text("# nothing\n")
    (tmp_path / "fast.xml").write_text(SUITE)
    return module


def test_a_skip_that_is_not_listed_is_refused(
    summary: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert summary.main(tmp_path) == 1
    said = capsys.readouterr().out
    assert "fast: 1 passed, 1 skipped, 1 failed, 2 s" in said
    assert "not on tests/skips.txt: tests/unit/test_x.py::test_b[one]: no such tool: x" in said


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("tests/unit/test_x.py  no such tool:", 0),
        ("tests/unit/test_x.py::test_b[two]  no such tool:", 1),
        ("tests/unit/  too slow", 1),
    ],
)
def test_a_line_covers_a_place_and_a_reason(
    summary: ModuleType, tmp_path: Path, line: str, status: int
) -> None:
    summary.ALLOWED.write_text(f"{line}\n")
    assert summary.main(tmp_path) == status


def test_a_run_without_any_result_is_refused(summary: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "fast.xml").unlink()
    assert summary.main(tmp_path) == 1
