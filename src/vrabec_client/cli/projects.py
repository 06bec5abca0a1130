"""vrabec project and vrabec activity: what machines belong to, and the record of what was done."""

from __future__ import annotations

import json
from typing import Any

import click

from vrabec_client.cli.app import App, Command, Group, pass_app
from vrabec_client.cli.output import Column, plain, table, when
from vrabec_client.cli.words import page_options, pages

_COLUMNS: tuple[Column, ...] = (
    ("NAME", lambda project: project["name"]),
    ("TITLE", lambda project: project["title"]),
    ("LEASE", lambda project: f"{project['lease']['days']} days" if project["lease"] else ""),
    ("MADE", lambda project: when(project["created_at"])),
)
_LINES: tuple[Column, ...] = (
    ("AT", lambda line: when(line["at"])),
    ("WHO", lambda line: line["actor"]),
    ("FROM", lambda line: line["address"]),
    ("TOKEN", lambda line: line["token"]),
    ("ACTION", lambda line: line["action"]),
    ("WHAT", lambda line: line["subject"]),
    ("JOB", lambda line: line["job_id"]),
)


@click.group(cls=Group)
def project() -> None:
    """What machines belong to."""


@project.command("list")
@pass_app
def list_(app: App) -> None:
    """List projects."""
    found = app.client.list_projects()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("There are no projects that you may see.")


@project.command()
@click.argument("name")
@click.option("--title", default="", help="What people call it.")
@pass_app
def create(app: App, name: str, title: str) -> None:
    """Make a project. For administrators."""
    made = app.client.create_project(name, title=title)
    app.show(made, lambda: plain(f"Project {made['name']} is made."))


@project.command("set")
@click.argument("name")
@click.option("--title", required=True, help='What people call it; "" for its name alone.')
@pass_app
def set_(app: App, name: str, title: str) -> None:
    """Change the title of a project; its name stays. For its owners."""
    made = app.client.change_project(name, title=title)
    app.show(made, lambda: plain(f"Project {name}: {made['title'] or 'no title'}."))


@project.command()
@click.argument("name")
@pass_app
def delete(app: App, name: str) -> None:
    """Remove a project in which no machine lies, with what was given in it. For administrators."""
    app.client.remove_project(name)
    app.say(f"Project {name} is removed.")


_ONLY = (
    ("--by", "Of somebody: a part of the name."),
    ("--what", "Of something: a part of its name."),
    ("--action", "Such as vm.delete, or vm. for all with machines."),
    ("--token", "Done with the token of this name."),
    ("--since", "From this time on: 2026-11-20, 2026-11-20T14:00:00Z."),
    ("--until", "Before this time."),
)


def _only_options(command: Any) -> Any:
    for name, words in reversed(_ONLY):
        command = click.option(name, default="", help=words)(command)
    return command


@click.command(cls=Command)
@_only_options
@click.option("--json-lines", is_flag=True, help="All lines, one JSON object each.")
@page_options
@pass_app
def activity(app: App, /, page: int, per_page: int, json_lines: bool, what: str, **only: Any) -> None:
    """Print the record of what was done, newest first."""
    query: Any = only | {"subject": what}
    if json_lines:
        for line in app.client.every_activity(**query):
            click.echo(json.dumps(line))
        return
    found = app.client.list_activity(page=page, per_page=per_page, **query)
    app.show(found, lambda: table(_LINES, found["items"]))
    pages(app, "lines", found)
