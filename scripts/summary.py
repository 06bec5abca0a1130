"""Count what pytest's JUnit files say; name every skipped test, and refuse those not on tests/skips.txt."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ALLOWED = Path(__file__).parent.parent / "tests" / "skips.txt"


class Skip(NamedTuple):
    """A test that did not run."""

    test: str
    reason: str


def main(directory: Path) -> int:
    """Print the summary; gives the exit status."""
    allowed = list(read_allowed(ALLOWED.read_text()))
    refused = []
    files = sorted(directory.glob("*.xml"), key=lambda path: path.stat().st_mtime)
    for file in files:
        suite = ElementTree.parse(file).getroot().find("testsuite")
        assert suite is not None
        skips = list(read_skips(suite))
        refused += [skip for skip in skips if not is_allowed(skip, allowed)]
        for skip in skips:
            print(f"skipped: {skip.test}: {skip.reason}")
        print(f"{file.stem}: {_counted(suite)}")
    for skip in refused:
        print(f"not on tests/skips.txt: {skip.test}: {skip.reason}")
    return 1 if refused or not files else 0


def _counted(suite: ElementTree.Element) -> str:
    count = {name: int(suite.get(name, "0")) for name in ("tests", "skipped", "failures", "errors")}
    bad = count["failures"] + count["errors"]
    passed = count["tests"] - count["skipped"] - bad
    return f"{passed} passed, {count['skipped']} skipped, {bad} failed, {float(suite.get('time', 0)):.0f} s"


def read_skips(suite: ElementTree.Element) -> Iterator[Skip]:
    """The skipped tests of a suite, each as tests/folder/file.py::name."""
    for case in suite.iter("testcase"):
        if (skipped := case.find("skipped")) is not None:
            file = case.get("classname", "").replace(".", "/") + ".py"
            yield Skip(f"{file}::{case.get('name')}", skipped.get("message", ""))


def read_allowed(text: str) -> Iterator[Skip]:
    """The list: a line is the beginning of a test's path, two spaces, and the beginning of the reason."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            test, _, reason = line.partition("  ")
            yield Skip(test, reason.strip())


def is_allowed(skip: Skip, allowed: list[Skip]) -> bool:
    """Whether a line of the list covers this skip."""
    return any(skip.test.startswith(a.test) and skip.reason.startswith(a.reason) for a in allowed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
