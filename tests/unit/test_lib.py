"""Names and amounts."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vrabec.lib.errors import Invalid, Unavailable
from vrabec.lib.names import LABEL, check_label, nearest_label
from vrabec.lib.passwords import hash_password
from vrabec.lib.units import parse_mib, show_mib, show_rate


@pytest.mark.parametrize("name", ["a", "web-1", "x" * 63, "a0"])
def test_a_label_is_taken_as_it_is(name: str) -> None:
    assert check_label(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "1a", "A", "a_b", "a.b", "x" * 64, "a\n", "č", "../x", "a b"]
)
def test_what_is_no_label_is_refused(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_label(name, "username")
    assert caught.value.field == "username"


@given(st.text())
def test_a_name_near_a_wrong_one_is_a_label_or_nothing(text: str) -> None:
    near = nearest_label(text)
    assert near == "" or LABEL.fullmatch(near)


@pytest.mark.parametrize(
    ("text", "mib"), [("512", 512), ("512 MiB", 512), ("2G", 2048), ("1.5 GiB", 1536), ("1TiB", 1024**2)]
)
def test_amounts_are_read_as_people_write_them(text: str, mib: int) -> None:
    assert parse_mib(text, "memory") == mib


@pytest.mark.parametrize("text", ["", "-1", "1 KB", "x", "1e9", "9" * 12])
def test_what_is_no_amount_names_its_field(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_mib(text, "memory")
    assert caught.value.field == "memory"


@given(st.integers(1, 2**40))
def test_a_shown_amount_has_a_unit(mib: int) -> None:
    assert show_mib(mib).endswith((" MiB", " GiB", " TiB"))


def test_a_password_is_hashed_with_a_salt_of_its_own() -> None:
    first, second = hash_password("secret words"), hash_password("secret words")
    assert first != second
    assert first.startswith("$6$")
    assert len(first) > 90


@pytest.mark.parametrize(
    ("bytes_s", "said", "bits"),
    [
        (0, "0 B/s", "0 bit/s"),
        (999, "999 B/s", "8.0 kbit/s"),
        (1000, "1 kB/s", "8 kbit/s"),
        (18_400_000, "18 MB/s", "147 Mbit/s"),
        (2.5e9, "2.5 GB/s", "20 Gbit/s"),
    ],
)
def test_rates_are_decimal(bytes_s: float, said: str, bits: str) -> None:
    assert show_rate(bytes_s) == said
    assert show_rate(8 * bytes_s, "bit") == bits


def test_an_error_is_the_same_in_another_process() -> None:
    error = Unavailable("The host %(name)s is away.", raw="libvirt: no", field="host", name="one")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(again), vars(again), str(again)) == (Unavailable, vars(error), "The host one is away.")
