"""Answers as text: nothing a host or a person named may drive the reader's terminal or break a format."""

import json
import re

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from vrabec_client.cli.output import details, plain, plain_lines, rendered, table, when

HOSTILE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
TEXT = st.text(max_size=40)
SURROGATES = st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010, categories=["Cs", "Co", "Lo"]))


@given(TEXT | SURROGATES)
def test_plain_text_holds_no_sign_that_does_something(text: str) -> None:
    assert not HOSTILE.search(plain(text))


@pytest.mark.parametrize("text", ["web-1", "Größe 10 €", "データ", "naïve – “quoted”"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_what_plain_takes_away_stays_readable() -> None:
    assert plain("a\x1b[31mb\nc\u202ed") == "a\\x1b[31mb\\x0ac\\u202ed"


def test_lines_of_a_raw_error_stay_lines() -> None:
    assert plain_lines("one\ntwo\x1b[2J") == "one\ntwo\\x1b[2J"


@given(st.dictionaries(TEXT, TEXT | SURROGATES | st.integers() | st.none()))
def test_json_is_the_same_data_and_harmless(data: dict[str, object]) -> None:
    assume(json.loads(json.dumps(data)) == data)
    text = rendered(data, "json")
    assert json.loads(text) == data
    assert not HOSTILE.search(text.replace("\n", ""))


def test_yaml_is_the_same_data_and_harmless() -> None:
    data = {"name": "\x1b[31m\u202e", "none": None, "yes": "yes", "items": [1, "2"], "ü": "ü"}
    text = rendered(data, "yaml")
    assert yaml.safe_load(text) == data
    assert not HOSTILE.search(text.replace("\n", ""))


def test_a_table_leaves_out_empty_columns_and_aligns_the_rest() -> None:
    columns = (("ID", lambda r: r[0]), ("NAME", lambda r: r[1]), ("HOST", lambda r: r[2]))
    assert table(columns, [(1, "web", None), (10, "データ", ""), (2, "e\u0301", None)]).splitlines() == [
        "ID  NAME",
        "1   web",
        "10  データ",
        "2   e\u0301",
    ]


def test_a_wide_name_keeps_the_next_column_in_line() -> None:
    columns = (("NAME", lambda r: r), ("X", lambda r: "x"))
    assert table(columns, ["データ", "abcdef"]).splitlines()[1:] == ["データ  x", "abcdef  x"]


def test_a_row_of_hostile_text_stays_one_row() -> None:
    assert len(table((("NAME", lambda r: r),), ["a\r\nb\x0bc\u2028d"]).splitlines()) == 2


def test_no_rows_are_no_table() -> None:
    assert table((("NAME", lambda r: r),), []) == ""


def test_details_leave_out_what_is_not_known() -> None:
    assert details([("Name", "web"), ("Address", ""), ("Job", None), ("CPUs", 0)]) == "Name:  web\nCPUs:  0"


def test_a_time_that_is_none_is_shown_as_it_came() -> None:
    assert [when(None), when("soon")] == ["", "soon"]
