"""vrabec user, group, role: who there is, and what they can be given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.output import Column, plain, plain_lines, table, when
from vrabec_client.people import RoleOnSite

_USERS: tuple[Column, ...] = (
    ("NAME", lambda user: user["username"]),
    ("PERSON", lambda user: user["full_name"]),
    ("MAIL", lambda user: user["email"]),
    ("GROUPS", lambda user: ", ".join(user["groups"])),
    ("ROLES", lambda user: ", ".join(_where(role) for role in user["roles"])),
    ("2ND FACTOR", lambda user: "yes" if user["has_second_factor"] else ""),
    ("CLOSED", lambda user: "" if user["is_active"] else "yes"),
    ("MADE", lambda user: when(user["created_at"])),
)
_GROUPS: tuple[Column, ...] = (
    ("NAME", lambda group: group["name"]),
    ("TITLE", lambda group: group["title"]),
    ("MEMBERS", lambda group: ", ".join(group["members"])),
)
_ROLES: tuple[Column, ...] = (
    ("NAME", lambda role: role["name"]),
    ("TITLE", lambda role: role["title"]),
    ("VERBS", lambda role: len(role["verbs"])),
    ("2ND FACTOR", lambda role: "needed" if role["needs_second_factor"] else ""),
    ("BUILT IN", lambda role: "yes" if role["is_built_in"] else ""),
)
verb_option = click.option(
    "--verb", "verbs", multiple=True, metavar="VERB", help="One of its verbs; once for each."
)


def _where(role: RoleOnSite) -> str:
    end = f" until {role['until']}" if role["until"] else ""
    return f"{role['role']} ({role['name'] or role['scope']}){end}"


@click.group(cls=Group)
def user() -> None:
    """Accounts of people. For administrators."""


@user.command("list")
@pass_app
def list_users(app: App) -> None:
    """List everybody, with the roles that were given to them by name."""
    found = app.client.list_users()
    app.show(found, lambda: table(_USERS, found))


@user.command("create")
@click.argument("name")
@click.option("--full-name", default="", help="As people call them.")
@click.option("--mail", "email", default="", help="Where mail for them goes.")
@pass_app
def create_user(app: App, name: str, full_name: str, email: str) -> None:
    """Make an account; standard output is a link by which its person sets a password within an hour."""
    made = app.client.create_user(name, full_name=full_name, email=email)
    app.say(f"{made['username']} has an account. Give them this link; it works once.")
    app.show(made, lambda: plain(app.client.url + made["path"]))


@user.command("set")
@click.argument("name")
@click.option("--full-name", help="As people call them.")
@click.option("--mail", "email", help="Where mail for them goes.")
@click.option("--closed/--open", "closed", default=None, help="Close the account, or open it again.")
@pass_app
def set_user(app: App, name: str, full_name: str | None, email: str | None, closed: bool | None) -> None:
    """Change what is known of somebody; a closed account is out at once and keeps what it has."""
    given = {"full_name": full_name, "email": email, "is_active": None if closed is None else not closed}
    wish: Any = {key: value for key, value in given.items() if value is not None}
    if not wish:
        raise click.UsageError("Say what to change: one of the options.")
    made = app.client.change_user(app.client.find_user(name)["id"], **wish)
    state = "open" if made["is_active"] else "closed"
    app.show(made, lambda: plain(f"{made['username']}: {made['full_name'] or 'no name'}, {state}."))


@user.command("link")
@click.argument("name")
@pass_app
def link_user(app: App, name: str) -> None:
    """Print a link by which somebody sets a new password within an hour; links of before end."""
    made = app.client.link_user(app.client.find_user(name)["id"])
    app.show(made, lambda: plain(app.client.url + made["path"]))


@user.command("vouch")
@click.argument("name")
@click.argument("source", type=click.Choice(["ldap", "openid", "proxy", "certificate"]))
@click.argument("subject")
@pass_app
def vouch(app: App, name: str, source: str, subject: str) -> None:
    """Let another system vouch for an account that is there; SUBJECT is who they are to it."""
    app.client.vouch(app.client.find_user(name)["id"], source, subject)
    app.say(f"{name} can sign in by {source} as {subject}.")


@user.command("unvouch")
@click.argument("name")
@click.argument("source")
@pass_app
def unvouch(app: App, name: str, source: str) -> None:
    """End that another system vouches for an account; memberships by its word end, too."""
    app.client.unvouch(app.client.find_user(name)["id"], source)
    app.say(f"{name} cannot sign in by {source} any more.")


@user.command("sign-out")
@click.argument("name")
@pass_app
def sign_out_user(app: App, name: str) -> None:
    """End all sessions of somebody in browsers. Their tokens live on, and they may sign in again."""
    ended = app.client.sign_out_user(app.client.find_user(name)["id"])
    app.show(ended, lambda: plain(f"{name}: {ended['sessions']} sessions ended."))


@user.command("remove-factors")
@click.argument("name")
@pass_app
def remove_factors(app: App, name: str) -> None:
    """Remove all second factors of somebody who has lost them: their password alone signs them in."""
    app.client.remove_factors(app.client.find_user(name)["id"])
    app.say(f"{name} has no second factor any more.")


@user.command("delete")
@click.argument("name")
@pass_app
def delete_user(app: App, name: str) -> None:
    """Remove an account with its tokens and roles; its machines go to their projects."""
    app.client.remove_user(app.client.find_user(name)["id"])
    app.say(f"{name} is gone.")


@click.group(cls=Group)
def group() -> None:
    """People who are given roles together. For administrators."""


@group.command("list")
@pass_app
def list_groups(app: App) -> None:
    """List groups with their members."""
    found = app.client.list_groups()
    app.show(found, lambda: table(_GROUPS, found))
    if not found:
        app.say("There are no groups.")


@group.command("create")
@click.argument("name")
@click.option("--title", default="", help="What people call it.")
@pass_app
def create_group(app: App, name: str, title: str) -> None:
    """Make a group."""
    made = app.client.create_group(name, title=title)
    app.show(made, lambda: plain(f"Group {made['name']} is made."))


@group.command("add")
@click.argument("name", metavar="GROUP")
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@pass_app
def add_members(app: App, name: str, users: Iterable[str]) -> None:
    """Put people into a group."""
    made = app.client.find_group(name)
    for one in users:
        made = app.client.add_member(made["id"], one)
    app.show(made, lambda: plain(f"{name}: {', '.join(made['members'])}."))


@group.command("remove")
@click.argument("name", metavar="GROUP")
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@pass_app
def remove_members(app: App, name: str, users: Iterable[str]) -> None:
    """Take people out of a group."""
    made = app.client.find_group(name)
    for one in users:
        made = app.client.remove_member(made["id"], one)
    app.show(made, lambda: plain(f"{name}: {', '.join(made['members']) or 'nobody'}."))


@group.command("follow")
@click.argument("name", metavar="GROUP")
@click.argument("outside", metavar="OUTSIDE...", nargs=-1)
@pass_app
def follow_groups(app: App, name: str, outside: Iterable[str]) -> None:
    """Name groups of a directory or provider whose people are in this one; none: it follows no more."""
    made = app.client.follow_groups(app.client.find_group(name)["id"], list(outside))
    app.show(made, lambda: plain(f"{name} follows {', '.join(made['follows']) or 'no group'}."))


@group.command("delete")
@click.argument("name")
@pass_app
def delete_group(app: App, name: str) -> None:
    """Remove a group, and with it what it was given."""
    app.client.remove_group(app.client.find_group(name)["id"])
    app.say(f"{name} is gone.")


@click.group(cls=Group)
def role() -> None:
    """Named sets of verbs."""


@role.command("list")
@pass_app
def list_roles(app: App) -> None:
    """List roles, those built in first."""
    found = app.client.list_roles()
    app.show(found, lambda: table(_ROLES, found))


@role.command("show")
@click.argument("name")
@pass_app
def show_role(app: App, name: str) -> None:
    """Print the verbs of a role."""
    found = app.client.find_role(name)
    app.show(found, lambda: plain_lines("\n".join(found["verbs"])))


@role.command("create")
@click.argument("name")
@click.option("--title", default="", help="What people call it.")
@verb_option
@pass_app
def create_role(app: App, name: str, title: str, verbs: tuple[str, ...]) -> None:
    """Make a role of verbs. For administrators."""
    made = app.client.create_role(name, verbs, title=title)
    app.show(made, lambda: plain(f"Role {made['name']} has {len(made['verbs'])} verbs."))


@role.command("set")
@click.argument("name")
@click.option("--title", help="What people call it.")
@verb_option
@click.option("--second-factor/--no-second-factor", "factor", default=None, help="Ask one of who has it.")
@pass_app
def set_role(app: App, name: str, title: str | None, verbs: tuple[str, ...], factor: bool | None) -> None:
    """Give a role these verbs, and no others; without any they stay. For administrators."""
    found = app.client.find_role(name)
    if factor is not None:
        found = app.client.set_role_factor(name, factor)
    if factor is not None and not verbs and title is None:
        asked = "a" if factor else "no"
        return app.show(found, lambda: plain(f"Role {name} asks for {asked} second factor."))
    made = app.client.change_role(
        name,
        verbs or found["verbs"],
        version=found["version"],
        title=found["title"] if title is None else title,
    )
    return app.show(made, lambda: plain(f"Role {made['name']} has {len(made['verbs'])} verbs."))


@role.command("delete")
@click.argument("name")
@pass_app
def delete_role(app: App, name: str) -> None:
    """Remove a role that nobody has. For administrators."""
    app.client.remove_role(name)
    app.say(f"{name} is gone.")
