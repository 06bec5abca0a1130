"""Names of keys."""

import pytest

from vrabec.lib.errors import Invalid
from vrabec.lib.keys import CODES, codes_of


def test_keys_pressed_together_are_joined_by_hyphens() -> None:
    assert codes_of(["ctrl-alt-delete", "Enter", "a"]) == [[29, 56, 111], [28], [30]]


def test_no_two_keys_share_a_code() -> None:
    assert len(set(CODES.values())) == len(CODES)
    assert (CODES["0"], CODES["p"], CODES["l"], CODES["m"], CODES["f10"]) == (11, 25, 38, 50, 68)


@pytest.mark.parametrize("keys", [["ctrl-alt-delet"], [""], ["a-"], ["é"], ["a\0"]])
def test_an_unknown_key_is_named(keys: list[str]) -> None:
    with pytest.raises(Invalid, match="There is no key named") as caught:
        codes_of(keys)
    assert caught.value.field == "keys"


@pytest.mark.parametrize("keys", [[], ["a"] * 33, ["a-b-c-d-e-f"]])
def test_too_many_keys_are_refused(keys: list[str]) -> None:
    with pytest.raises(Invalid, match="from 1 to 32 presses of at most 5 keys"):
        codes_of(keys)
