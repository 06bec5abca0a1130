"""Signing in and out, and the certificate that is pinned."""

from collections.abc import Callable

import pytest

from tests.apps import App, app
from tests.cast import PASSWORD, Site
from tests.frontend.command import Terminal, Vrabec, command, home, signed_in, terminal, vrabec
from tests.frontend.controller import Controller, controller, engine
from vrabec.models.users import Token
from vrabec_client.cli import config

__all__ = ["app", "command", "controller", "engine", "home", "signed_in", "terminal", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_login_by_password_pins_the_certificate_and_keeps_a_token(
    site: Site, controller: Controller, command: Vrabec
) -> None:
    words = (
        "--fingerprint",
        controller.fingerprint.lower(),
        "--yes",
        "--username",
        "olga",
        "--password-stdin",
    )
    said = command("login", controller.url, *words, stdin=PASSWORD + "\n")
    assert (said.status, said.out) == (0, f"Signed in at {controller.url} as olga.\n")
    kept = config.stored()
    assert kept
    assert kept.fingerprint == controller.fingerprint
    assert Token.objects.get(pk=kept.token_id).user == site.owner.user
    assert command("whoami").out == f"olga, at {controller.url}\n"


def test_login_on_a_terminal_shows_the_fingerprint_and_asks(
    site: Site, controller: Controller, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("login", controller.url)
    screen.until("Is it the controller's?")
    assert controller.fingerprint in screen.seen
    screen.type("y")
    screen.until("Username")
    screen.type("olga")
    screen.until("Password")
    screen.type(PASSWORD)
    assert screen.end() == 0
    assert PASSWORD not in screen.seen
    assert "Signed in" in screen.seen


def test_login_on_a_terminal_asks_for_the_code_of_a_second_factor(
    site: Site, app: App, controller: Controller, terminal: Callable[..., Terminal]
) -> None:
    app.set_up(site.owner)
    screen = terminal("login", controller.url, "--fingerprint", controller.fingerprint, "--username", "olga")
    screen.until("Password")
    screen.type(PASSWORD)
    screen.until("Code of your authenticator app")
    screen.type(app.code(site.owner.user))
    assert screen.end() == 0
    assert "Signed in" in screen.seen


def test_a_program_gives_the_code_or_hears_that_it_is_needed(
    site: Site, app: App, controller: Controller, command: Vrabec
) -> None:
    app.set_up(site.owner)
    words = ("--fingerprint", controller.fingerprint, "--yes", "--username", "olga", "--password-stdin")
    refused = command("login", controller.url, *words, stdin=PASSWORD + "\n")
    assert (refused.status, "A second factor is needed" in refused.err) == (4, True)
    code = app.code(site.owner.user)
    said = command("login", controller.url, *words, "--code", code, stdin=PASSWORD + "\n")
    assert said.out == f"Signed in at {controller.url} as olga.\n"


def test_login_on_a_terminal_sends_nothing_when_the_certificate_is_denied(
    site: Site, controller: Controller, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("login", controller.url)
    screen.until("Is it the controller's?")
    screen.type("n")
    assert screen.end() == 4
    assert "Nothing was sent" in screen.seen
    assert config.stored() is None


def test_login_says_when_the_certificate_is_another_than_before(
    site: Site, controller: Controller, terminal: Callable[..., Terminal]
) -> None:
    config.write(config.Login(controller.url, ":".join(["AB"] * 32), "old"))
    screen = terminal("login", controller.url)
    screen.until("Is it the controller's?")
    assert "ANOTHER certificate" in screen.seen


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--yes"], 2),
        (["--username", "olga", "--password-stdin"], 4),
        (["--fingerprint", "AB" * 32, "--username", "olga", "--password-stdin"], 4),
        (["--fingerprint", "AB" * 31, "--username", "olga", "--password-stdin"], 5),
        (["--token-stdin", "--username", "olga"], 2),
        (["--fingerprint", "FINGERPRINT", "--password-stdin"], 2),
        (["--fingerprint", "FINGERPRINT"], 2),
        (["--fingerprint", "FINGERPRINT", "--token-stdin"], 4),
        (["--fingerprint", "FINGERPRINT", "--username", "olga", "--password-stdin"], 4),
    ],
)
def test_a_login_that_fails_keeps_nothing(
    site: Site, controller: Controller, command: Vrabec, words: list[str], status: int
) -> None:
    words = [word.replace("FINGERPRINT", controller.fingerprint) for word in words]
    said = command("login", controller.url, *words, stdin="wrong-secret\n")
    assert said.status == status
    assert config.stored() is None
    assert not Token.objects.exclude(name="test").exists()


def test_login_by_token_keeps_it(site: Site, controller: Controller, command: Vrabec) -> None:
    words = ("--fingerprint", controller.fingerprint, "--token-stdin")
    assert command("login", controller.url, *words, stdin=site.owner.secret + "\n").status == 0
    assert command("whoami").status == 0


def test_logout_ends_the_token_that_login_made(site: Site, controller: Controller, command: Vrabec) -> None:
    words = ("--fingerprint", controller.fingerprint, "--username", "olga", "--password-stdin")
    command("login", controller.url, *words, stdin=PASSWORD + "\n")
    kept = config.stored()
    assert kept
    assert command("logout").status == 0
    assert Token.objects.get(pk=kept.token_id).ended_at
    assert command("whoami").status == 4
    assert command("logout").status == 0


def test_logout_forgets_the_token_also_when_the_controller_is_gone(site: Site, command: Vrabec) -> None:
    config.write(config.Login("https://127.0.0.1:1", "", "vrabec_x", 7))
    said = command("logout")
    assert said.status == 0
    assert "lives on" in said.err
    assert config.login().token == ""


def test_another_certificate_than_the_pinned_one_is_refused(vrabec: Vrabec, controller: Controller) -> None:
    kept = config.stored()
    assert kept
    config.write(kept._replace(fingerprint=":".join(["AB"] * 32)))
    said = vrabec("vm", "list", "-o", "json")
    assert (said.status, said.out, said.error["code"]) == (4, "", "untrusted")
    assert kept.token not in said.err


def test_whoami_names_the_administrator(vrabec: Vrabec, controller: Controller) -> None:
    assert vrabec("whoami").out == f"ada, administrator, at {controller.url}\n"
