"""Signing in to something that is no controller gives nothing away."""

from pathlib import Path

import pytest

from tests.unit.tls_servers import ANSWER, recorder
from vrabec_client.cli import config
from vrabec_client.cli.root import run


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, and a password on standard input."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "stdin").write_text("secret-word\n")
    monkeypatch.setattr("sys.stdin", (tmp_path / "stdin").open())


@pytest.mark.parametrize("words", [["--username", "ada", "--password-stdin"], ["--token-stdin"]])
def test_what_is_no_controller_is_told_no_secret(words: list[str]) -> None:
    with recorder([[ANSWER]]) as server:
        assert run(["login", server.url, *words]) == 1
    assert b"secret-word" not in server.heard[0]
    assert config.stored() is None


def test_no_secret_goes_over_plain_http_to_another_machine() -> None:
    assert run(["login", "http://192.0.2.1:8443", "--token-stdin"]) == 5
