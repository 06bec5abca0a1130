"""User data: wrong input is refused with its line, and what is right ends up beside what we say."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_seed import FULL, MAC, files
from vrabec.lib.errors import Invalid
from vrabec.lib.seed import Seed, build_seed
from vrabec.lib.user_data import MAX_BYTES, SCRIPT_PATH, check_user_data

WRONG = {
    "": (1, "begin with #cloud-config"),
    "packages: [nginx]": (1, "begin with #cloud-config"),
    " #cloud-config\n{}": (1, "begin with"),
    "#cloud-configs\n{}": (1, "begin with"),
    "#cloud-config\n- a\n- b": (2, "write a mapping"),
    "#cloud-config\njust words": (2, "write a mapping"),
    "#cloud-config\na: 1\nb: [1, 2\nc: 3": (4, "expected"),
    "#cloud-config\na: 1\n\tb: 2": (3, "cannot start any token"),
    "#cloud-config\nx: !!python/object/apply:os.system [ls]": (2, "could not determine a constructor"),
    "#cloud-config\na: 1\n---\nb: 2": (3, "but found another document"),
    "#cloud-config\na: *nobody": (2, "undefined alias"),
    "#cloud-config\na: \x1b": (2, "does not take"),
    "#cloud-config\na: b\0": (2, "no text"),
    "#cloud-config\na: 2026-99-99": (1, "cannot be read"),
    # Deeper than Python recurses; the scanner's time grows by the square.
    "#cloud-config\n" + "[" * 700: (1, "cannot be read"),
    "#!/bin/sh\necho \ud800": (2, "not text"),
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:30].encode("unicode_escape").decode())
def test_wrong_user_data_is_refused_with_its_line(text: str) -> None:
    line, words = WRONG[text]
    with pytest.raises(Invalid, match=words) as caught:
        check_user_data(text)
    assert (caught.value.field, caught.value.params["line"]) == ("user_data", line)


def test_user_data_is_at_most_32_kib() -> None:
    head = "#!/bin/sh\n"
    check_user_data(head + "x" * (MAX_BYTES - len(head)))
    with pytest.raises(Invalid, match="At most 32 KiB"):
        check_user_data(head + "é" * (MAX_BYTES // 2))


@given(st.text())
def test_any_text_is_taken_or_refused(text: str) -> None:
    for given_text in (text, f"#cloud-config\n{text}", f"#!{text}"):
        with suppress(Invalid):
            check_user_data(given_text)


def said(seed: Seed) -> Any:
    text = files(build_seed(seed))["user-data"]
    assert text.startswith("#cloud-config\n")
    return yaml.safe_load(text)


def test_cloud_config_stands_beside_what_we_say() -> None:
    theirs = "#cloud-config\nhostname: other\npackages: [nginx]\nruncmd:\n- [touch, /x]\n"
    theirs += "ssh_authorized_keys: [b]\n"
    both = said(Seed("web-1", "5f0c", ssh_keys=("a",), run=("one",), mac=MAC, user_data=theirs))
    assert (both["hostname"], both["packages"]) == ("web-1", ["nginx"])
    assert both["runcmd"] == ["one", ["touch", "/x"]]
    assert both["ssh_authorized_keys"] == ["a", "b"]


def test_empty_cloud_config_changes_nothing() -> None:
    plain = Seed("web-1", "5f0c", mac=MAC)
    assert said(Seed("web-1", "5f0c", mac=MAC, user_data="#cloud-config\n")) == said(plain)


def test_a_script_is_written_and_runs_last() -> None:
    both = said(Seed("web-1", "5f0c", run=("one",), mac=MAC, user_data="#!/bin/sh\r\necho 'ü' > \"$1\"\n"))
    assert both["runcmd"] == ["one", [SCRIPT_PATH]]
    [file] = both["write_files"]
    assert file == {"path": SCRIPT_PATH, "permissions": "0700", "content": "#!/bin/sh\necho 'ü' > \"$1\"\n"}


def test_aliases_are_not_blown_up() -> None:
    layers = "\n".join(
        f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    text = f"#cloud-config\na: &a [x]\n{layers}\n"
    check_user_data(text)
    assert len(build_seed(Seed("web-1", "5f0c", mac=MAC, user_data=text))) < 2**20


def test_without_user_data_the_seed_is_what_it_was() -> None:
    assert "write_files" not in said(FULL)
