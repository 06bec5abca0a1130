"""The list of what libvirt's test driver cannot do names tests that there are."""

from pathlib import Path

from tests.contract.conftest import NOT_IN_TEST_DRIVER


def test_every_exclusion_names_a_test() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in NOT_IN_TEST_DRIVER if f"def {name}(" not in text] == []
