"""vrabec grant, why, and whose a machine is: who may do what, where."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import click

from vrabec_client.cli.app import App, Command, Group, pass_app
from vrabec_client.cli.output import Column, plain, plain_lines, table, when
from vrabec_client.cli.vms import vm_argument
from vrabec_client.errors import NotFound
from vrabec_client.people import Grant, Kept, Reached, Scope, Way

FORBIDDEN = 4
MOST = 500
"""Rows that one answer holds."""
F = TypeVar("F", bound=Callable[..., Any])
_GRANTS: tuple[Column, ...] = (
    ("ID", lambda grant: grant["id"]),
    ("USER", lambda grant: grant["user"]),
    ("GROUP", lambda grant: grant["group"]),
    ("ROLE", lambda grant: grant["role"]),
    ("ON", lambda grant: grant["scope"]),
    ("NAME", lambda grant: grant["name"]),
    ("UNTIL", lambda grant: grant["until"]),
    ("SINCE", lambda grant: when(grant["created_at"])),
)
_PEOPLE: tuple[Column, ...] = (
    ("USER", lambda row: row["user"]),
    ("GROUP", lambda row: row["group"]),
    ("VERBS", lambda row: len(row["verbs"])),
    ("BECAUSE", lambda row: "; ".join(_way(way) for way in row["ways"])),
    ("WITHHELD", lambda row: ", ".join(_kept(kept) for kept in row["withheld"])),
)
_WITHHELD: tuple[Column, ...] = (
    ("VERB", lambda row: row["verb"]),
    ("USER", lambda row: row["user"]),
    ("GROUP", lambda row: row["group"]),
    ("SINCE", lambda row: when(row["created_at"])),
)


def scope_options(command: F) -> F:
    """--project, --vm and --cluster."""
    for name, words in (
        ("--cluster", "A cluster, by its name or id."),
        ("--vm", "A machine, by its name or id."),
        ("--project", "A project. Without any of these: the whole site."),
    ):
        command = click.option(name, default="", metavar="NAME", help=words)(command)
    return command


def holder_options(command: F) -> F:
    """--user and --group."""
    command = click.option("--group", default="", metavar="NAME", help="A group.")(command)
    return click.option("--user", default="", metavar="NAME", help="A user.")(command)


def _scope(app: App, project: str, vm: str, cluster: str) -> Scope:
    """What the options name."""
    scope: Scope = {}
    if project:
        scope["project"] = project
    if vm:
        scope["vm"] = app.client.find_vm(vm)["id"]
    if cluster:
        scope["cluster"] = app.client.find_cluster(cluster)["id"]
    return scope


def _way(way: Way) -> str:
    """As "member on alpha by the group botany until 2027-01-31"."""
    where = way["name"] or "the whole site"
    what = f"owner of {where}" if way["owns"] else f"{way['role']} on {where}"
    by = f" by the group {way['group']}" if way["group"] else ""
    return what + by + (f" until {way['until']}" if way["until"] else "")


def _kept(kept: Kept) -> str:
    return kept["verb"] + (f" (from the group {kept['group']})" if kept["group"] else "")


@click.group(cls=Group)
def grant() -> None:
    """Who has which role where."""


@grant.command("list")
@holder_options
@scope_options
@click.option("--by-person", is_flag=True, help="Who, in the end, may how much there, and why: one row each.")
@pass_app
def list_(app: App, /, user: str, group: str, by_person: bool, **on: str) -> None:
    """List who has which role there, also by what it lies in; or all that a user or a group has.

    What you have yourself you may always list, with --user and your name.
    """
    if by_person and not (user or group):
        return _by_person(app, _scope(app, **on))
    if user or group:
        if by_person or any(on.values()):
            raise click.UsageError("Name a place, or a user or a group, not both.")
        found = app.client.list_grants(user=user, group=group)
    else:
        found = app.client.list_grants(**_scope(app, **on))
    app.show(found, lambda: table(_GRANTS, found))
    if not found:
        app.say("Nothing is given.")
    return None


def _by_person(app: App, on: Scope) -> None:
    """All who are reached; as JSON with the names of their verbs."""
    found: list[Reached] = []
    for page in itertools.count(1):
        items = app.client.list_people(page=page, per_page=MOST, **on)["items"]
        found += items
        if len(items) < MOST:
            break
    app.show(found, lambda: table(_PEOPLE, found))
    if any(row["group"] for row in found):
        app.say("A group stands for all who are in it: you may not see who they are.")


@grant.command()
@click.argument("role")
@holder_options
@scope_options
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The last day, in UTC: 2027-01-31. Without it there is no end.")  # fmt: skip
@pass_app
def give(app: App, /, role: str, user: str, group: str, until: datetime | None, **on: str) -> None:
    """Give a user or a group a role; nobody gives more than they have there, nor for longer.

    Who has the role there already has it until this day now.
    """
    day = f"{until:%Y-%m-%d}" if until else None
    made = app.client.give(role, user=user, group=group, until=day, **_scope(app, **on))
    app.show(made, lambda: plain(_said(made)))


def _said(made: Grant) -> str:
    end = f" until {made['until']}" if made["until"] else ""
    where = made["name"] or "the whole site"
    return f"{made['user'] or made['group']} has the role {made['role']} on {where}{end}."


@grant.command()
@click.argument("grant_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
@pass_app
def take(app: App, grant_id: int) -> None:
    """Take a role back; one of your own is how you leave."""
    app.client.take(grant_id)
    app.say(f"Grant {grant_id} is taken back.")


@click.command(cls=Command)
@click.argument("verb")
@click.option("--user", default="", metavar="NAME", help="Somebody else; you without it.")
@scope_options
@pass_app
def why(app: App, /, verb: str, user: str, **on: str) -> int:
    """Say whether somebody may do VERB there, and why. The exit status is 4 when they may not."""
    found = app.client.why(verb, user=user, **_scope(app, **on))
    said = "\n".join(("Yes." if found["may"] else "No.", *found["why"]))
    app.show(found, lambda: plain_lines(said))
    return 0 if found["may"] else FORBIDDEN


@click.command()
@vm_argument
@pass_app
def withheld(app: App, name: str) -> None:
    """List the verbs that are withheld on a machine, and from whom."""
    found = app.client.list_withheld(app.client.find_vm(name)["id"])
    app.show(found, lambda: table(_WITHHELD, found))
    if not found:
        app.say("Nothing is withheld.")


@click.command()
@vm_argument
@click.argument("verb")
@holder_options
@pass_app
def withhold(app: App, name: str, verb: str, user: str, group: str) -> None:
    """Let a user or a group not do VERB on a machine, whatever else gives it to them."""
    made = app.client.withhold(app.client.find_vm(name)["id"], verb, user=user, group=group)
    app.show(made, lambda: plain(f"{made['user'] or made['group']} may not do {verb} on {name}."))


@click.command("give-back")
@vm_argument
@click.argument("verb")
@holder_options
@pass_app
def give_back(app: App, name: str, verb: str, user: str, group: str) -> None:
    """End that VERB is withheld from a user or a group on a machine."""
    vm_id = app.client.find_vm(name)["id"]
    for row in app.client.list_withheld(vm_id):
        if row["verb"] == verb and (row["user"] or "", row["group"] or "") == (user, group):
            app.client.give_back(vm_id, row["id"])
            return app.say(f"{verb} is not withheld from {user or group} any more.")
    raise NotFound(f"{verb} is not withheld from {user or group or 'nobody'} there.", field="verb")


@click.command()
@vm_argument
@holder_options
@pass_app
def transfer(app: App, name: str, user: str, group: str) -> None:
    """Make a machine a user's or a group's; with neither its project's."""
    made = app.client.transfer_vm(app.client.find_vm(name)["id"], user=user, group=group)
    app.show(made, lambda: plain(f"{name} is {made['user'] or made['group'] or 'its project'}'s."))
