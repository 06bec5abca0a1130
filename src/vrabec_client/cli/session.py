"""vrabec login, logout, whoami: which controller, as whom, and by which certificate."""

from __future__ import annotations

import socket
import sys
from typing import Any

import click

from vrabec_client.cli import config
from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.output import plain
from vrabec_client.cli.words import one_line
from vrabec_client.client import Client
from vrabec_client.errors import NotFound, SecondFactor, Unauthenticated, Unavailable, Untrusted, VrabecError
from vrabec_client.people import NewToken
from vrabec_client.transport import (
    Address,
    check_token,
    fetch_certificate,
    fingerprint_of,
    normal_fingerprint,
    parse_address,
)


@click.command(cls=Command)
@click.argument("url")
@click.option("--fingerprint", default="", metavar="AA:BB:…", help="Take only this certificate (SHA-256).")
@click.option("--yes", is_flag=True, help="Ask nothing; needs --fingerprint.")
@click.option("--username", default="", help="Your name; asked for without it.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--code", default="", help="Of a second factor; asked for without it, where one is needed.")
@click.option("--token-stdin", is_flag=True, help="Read a token from standard input instead of signing in.")
@pass_app
def login(app: App, /, url: str, fingerprint: str, yes: bool, **given: Any) -> None:
    """Sign in to the controller at URL, and remember its certificate and a token of 90 days.

    The certificate of a controller is usually its own: compare the fingerprint with the one that
    the controller printed when it was set up.
    """
    _check(fingerprint, yes, given)
    address = parse_address(url)
    pin = _trusted(address, normal_fingerprint(fingerprint) if fingerprint else "")
    _require_controller(address, pin)
    login = _with_token(address, pin) if given["token_stdin"] else _with_password(address, pin, given)
    with Client(login.url, login.token, fingerprint=pin) as client:
        me = client.me()
    config.write(login)
    app.show(me, lambda: plain(f"Signed in at {login.url} as {me['name']}."))


def _check(fingerprint: str, yes: bool, given: dict[str, Any]) -> None:
    if yes and not fingerprint:
        raise click.UsageError("--yes takes no certificate unseen: give its --fingerprint, too.")
    if given["token_stdin"] and (given["password_stdin"] or given["username"] or given["code"]):
        raise click.UsageError("--token-stdin goes without --username, --password-stdin and --code.")


def _require_controller(address: Address, pin: str) -> None:
    with Client(address.url, fingerprint=pin) as client:
        about: Any = client.about()
    if not isinstance(about, dict) or about.get("name") != "vrabec":
        raise VrabecError(f"What answers at {address.url} is no Vrabec controller; no password was sent.")


def _trusted(address: Address, expected: str) -> str:
    """The fingerprint to pin, "" where a CA of the system vouches. Raises Untrusted, Unavailable."""
    if address.scheme == "http":
        return ""
    if not expected and _is_vouched_for(address):
        return ""
    shown = fingerprint_of(fetch_certificate(address))
    if not expected:
        _confirm(address, shown)
    elif shown != expected:
        raise Untrusted(
            "The controller shows another certificate; nothing was sent.",
            raw=f"expected {expected}\nshown    {shown}",
        )
    return shown


def _is_vouched_for(address: Address) -> bool:
    try:
        with Client(address.url) as client:
            client.about()
    except Untrusted:
        return False
    return True


def _confirm(address: Address, shown: str) -> None:
    if not sys.stdin.isatty():
        raise Untrusted(
            f"Nothing here vouches for the certificate of {address.url}, and nobody can be asked; "
            "give --fingerprint.",
            raw=f"shown {shown}",
        )
    kept = config.stored()
    if kept and kept.fingerprint not in ("", shown) and parse_address(kept.url) == address:
        click.echo("This is ANOTHER certificate than the one you confirmed before.", err=True)
    click.echo(f"The certificate of {address.url} has the SHA-256 fingerprint\n  {shown}", err=True)
    if not click.confirm("Is it the controller's?", err=True):
        raise Untrusted("Nothing was sent.")


def _with_token(address: Address, pin: str) -> config.Login:
    return config.Login(address.url, pin, check_token(one_line("a token").strip()))


def _with_password(address: Address, pin: str, given: dict[str, Any]) -> config.Login:
    if not given["password_stdin"] and not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked for a password: give --password-stdin or --token-stdin.")
    if given["password_stdin"] and not given["username"]:
        raise click.UsageError("--password-stdin goes with --username.")
    username = given["username"] or click.prompt("Username", err=True)
    password = (
        one_line("the password")
        if given["password_stdin"]
        else click.prompt("Password", hide_input=True, err=True)
    )
    with Client(address.url, fingerprint=pin) as client:
        made = _token(client, username, password, given["code"])
    return config.Login(address.url, pin, made["secret"], made["id"])


def _token(client: Client, username: str, password: str, code: str) -> NewToken:
    """A token; asks for a code where one is needed, was not given, and somebody is there."""
    name = f"vrabec command on {socket.gethostname()}"[:64]
    try:
        return client.login(username, password, client=name, code=code)
    except SecondFactor:
        if not sys.stdin.isatty():
            raise
        code = click.prompt("Code of your authenticator app, or a recovery code", err=True)
        return client.login(username, password, client=name, code=code)


@click.command(cls=Command)
@pass_app
def logout(app: App) -> None:
    """End the token that login made, and forget it."""
    kept = config.stored()
    if not kept or not kept.token:
        app.say("You are not signed in.")
        return
    try:
        if kept.token_id:
            with Client(kept.url, kept.token, fingerprint=kept.fingerprint) as client:
                client.revoke_token(kept.token_id)
    except (NotFound, Unauthenticated):
        pass  # It has ended already, which is what was asked for.
    except (Unavailable, Untrusted) as error:
        app.say(f"The token is forgotten here but lives on: {error.message}")
    config.forget()
    app.say(f"Signed out of {kept.url}.")


@click.command(cls=Command)
@pass_app
def whoami(app: App) -> None:
    """Say who you are, and where."""
    me = app.client.me()
    role = ", administrator" if me["administrator"] else ""
    app.show(me, lambda: plain(f"{me['name']}{role}, at {app.client.url}"))
