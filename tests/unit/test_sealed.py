"""Secrets sealed with a key from a file: what opens them, and what is said when nothing does."""

from pathlib import Path

import pytest

from vrabec.lib.errors import Unavailable
from vrabec.lib.sealed import new_key, seal, unseal


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "seal.key"
    path.write_text(new_key() + "\n")
    return path


def test_what_was_sealed_opens_again_and_tells_nothing(key_file: Path) -> None:
    sealed = seal("JBSWY3DP – secret", purpose="totp 1", key_file=key_file)
    assert unseal(sealed, purpose="totp 1", key_file=key_file) == "JBSWY3DP – secret"
    assert "JBSWY3DP" not in sealed
    assert seal("JBSWY3DP – secret", purpose="totp 1", key_file=key_file) != sealed


def test_a_sealed_secret_opens_for_its_own_purpose_alone(key_file: Path) -> None:
    sealed = seal("secret", purpose="totp 1", key_file=key_file)
    with pytest.raises(Unavailable, match="was changed in the database"):
        unseal(sealed, purpose="totp 2", key_file=key_file)


@pytest.mark.parametrize("at", [-8, -20, 12])
def test_a_changed_one_does_not_open(key_file: Path, at: int) -> None:
    sealed = list(seal("secret", purpose="totp 1", key_file=key_file))
    sealed[at] = "A" if sealed[at] != "A" else "B"
    with pytest.raises(Unavailable, match="set anew"):
        unseal("".join(sealed), purpose="totp 1", key_file=key_file)


@pytest.mark.parametrize("sealed", ["", "1", "1.abc", "2.abcdefgh.AAAA", "plain text"])
def test_what_was_never_sealed_does_not_open(key_file: Path, sealed: str) -> None:
    with pytest.raises(Unavailable, match="is not the key that this secret was sealed with"):
        unseal(sealed, purpose="totp 1", key_file=key_file)


def test_a_new_key_in_the_first_line_seals_and_the_old_one_opens(key_file: Path) -> None:
    old = seal("secret", purpose="x", key_file=key_file)
    key_file.write_text(f"{new_key()}\n{key_file.read_text()}")
    new = seal("secret", purpose="x", key_file=key_file)
    assert [unseal(one, purpose="x", key_file=key_file) for one in (old, new)] == ["secret", "secret"]
    assert old.split(".")[1] != new.split(".")[1]


def test_another_key_says_what_to_do(key_file: Path) -> None:
    sealed = seal("secret", purpose="x", key_file=key_file)
    key_file.write_text(new_key())
    with pytest.raises(Unavailable, match="Put the file of the backup"):
        unseal(sealed, purpose="x", key_file=key_file)


def test_a_missing_key_says_what_to_do(key_file: Path) -> None:
    sealed = seal("secret", purpose="x", key_file=key_file)
    key_file.unlink()
    for attempt in (
        lambda: unseal(sealed, purpose="x", key_file=key_file),
        lambda: seal("s", purpose="x", key_file=key_file),
    ):
        with pytest.raises(Unavailable, match="vrabecd migrate makes a new one"):
            attempt()


@pytest.mark.parametrize("said", ["", "\n", "short", "\xff" * 40, "not base64! " * 4, "A" * 43])
def test_a_damaged_key_says_so(key_file: Path, said: str) -> None:
    key_file.write_text(said, encoding="latin-1")
    with pytest.raises(Unavailable, match="is no key for secrets"):
        seal("secret", purpose="x", key_file=key_file)
