"""docs/reference/cli.md says what the command does."""

from pathlib import Path

from vrabec_client.cli.reference import _MEANINGS, reference
from vrabec_client.errors import BY_CODE

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run scripts/reference"


def test_every_exit_status_has_a_meaning() -> None:
    assert {kind.exit_code for kind in BY_CODE.values()} <= set(_MEANINGS)
