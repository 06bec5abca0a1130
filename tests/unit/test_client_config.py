"""The command's file, and the variables that go before it."""

import stat
from pathlib import Path

import pytest

from vrabec_client.cli import config
from vrabec_client.cli.config import Login
from vrabec_client.errors import Invalid, Unauthenticated, VrabecError

KEPT = Login("https://cloud.example:8443", "AB:CD", "vrabec_secret", 7)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no variable of ours set."""
    for name in ("VRABEC_URL", "VRABEC_TOKEN", "VRABEC_FINGERPRINT", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_what_is_written_is_read_again() -> None:
    config.write(KEPT)
    assert config.stored() == KEPT


def test_only_the_owner_may_read_the_file_also_when_it_was_open_before(home: Path) -> None:
    config.path().parent.mkdir(parents=True)
    config.path().write_text('url = "https://old.example"\n')
    config.path().chmod(0o644)
    config.write(KEPT)
    assert stat.S_IMODE(config.path().stat().st_mode) == 0o600
    assert [path.name for path in config.path().parent.iterdir()] == ["config.toml"]


def test_the_file_lies_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config.path() == tmp_path / ".config/vrabec/config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config.path() == tmp_path / "xdg/vrabec/config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert config.path() == tmp_path / ".config/vrabec/config.toml"


def test_nobody_is_signed_in_at_first() -> None:
    with pytest.raises(Unauthenticated):
        config.login()


def test_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    config.write(KEPT)
    monkeypatch.setenv("VRABEC_TOKEN", "other")
    monkeypatch.setenv("VRABEC_FINGERPRINT", "EF")
    assert config.login() == KEPT._replace(token="other", fingerprint="EF")


def test_the_token_of_one_controller_never_goes_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    config.write(KEPT)
    monkeypatch.setenv("VRABEC_URL", "https://evil.example:8443")
    assert config.login() == Login("https://evil.example:8443")


def test_another_spelling_of_the_same_url_is_the_same_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    config.write(KEPT)
    monkeypatch.setenv("VRABEC_URL", "cloud.example")
    assert config.login().token == KEPT.token


def test_logout_forgets_the_token_and_keeps_the_controller() -> None:
    config.write(KEPT)
    config.forget()
    assert config.stored() == Login(KEPT.url, KEPT.fingerprint)


@pytest.mark.parametrize(
    "text",
    ["url = [", "url = 7", 'url = "a"\ntoken_id = "x"', "\x00", 'fingerprint = "AB"', "token_id = 1e3"],
)
def test_a_file_that_is_not_ours_is_said_to_be_so(text: str) -> None:
    config.path().parent.mkdir(parents=True)
    config.path().write_text(text)
    with pytest.raises(VrabecError, match="is not as vrabec login writes it"):
        config.stored()


def test_a_setting_of_a_later_version_is_passed_over() -> None:
    config.write(KEPT)
    config.path().write_text(config.path().read_text() + 'colour = "blue"\n')
    assert config.stored() == KEPT


def test_a_place_that_cannot_be_written_is_an_error_of_ours(home: Path) -> None:
    (home / ".config").write_text("a file where a directory should be")
    with pytest.raises(VrabecError, match="cannot be written"):
        config.write(KEPT)


def test_a_wrong_url_in_the_environment_is_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    config.write(KEPT)
    monkeypatch.setenv("VRABEC_URL", "https://user:password@cloud.example")
    with pytest.raises(Invalid):
        config.login()
