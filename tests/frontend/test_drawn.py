"""Parts of pages that are remembered: never for somebody who would see them otherwise."""

from typing import Any

import pytest

from tests.cast import Site
from tests.frontend.test_web_vms import browser, text_of
from vrabec.frontends.web import drawn as memory
from vrabec.frontends.web.drawn import drawn
from vrabec.frontends.web.jinja import environment


@pytest.fixture
def macro() -> Any:
    """A macro that says how often it was asked to draw."""
    made = environment()
    made.globals["times"] = iter(range(1000)).__next__
    module: Any = made.from_string("{% macro part(what) %}{{ what }} {{ times() }}{% endmacro %}").module
    return module.part


def test_the_same_is_drawn_once_and_another_anew(macro: Any) -> None:
    assert [drawn(macro, what) for what in ("a", "a", "b", "a")] == ["a 0", "a 0", "b 1", "a 0"]


def test_each_language_has_its_own(macro: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = drawn(macro, "a")
    monkeypatch.setattr(memory, "get_language", lambda: "cs")
    assert drawn(macro, "a") == "a 1" != first


def test_what_is_given_is_escaped(macro: Any) -> None:
    assert drawn(macro, "<b>").startswith("&lt;b&gt;")


def test_no_more_is_remembered_than_was_meant(macro: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MOST", 3)
    monkeypatch.setattr(memory, "_parts", {})
    for number in range(10):
        drawn(macro, number)
        assert len(memory._parts) <= 3


def test_a_row_drawn_for_an_administrator_is_not_shown_to_others(site: Site) -> None:
    assert site.host.name in text_of(browser(site.administrator), "/")
    assert site.host.name not in text_of(browser(site.owner), "/")
