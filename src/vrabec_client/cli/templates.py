"""vrabec template: what machines are cloned from."""

from __future__ import annotations

import click

from vrabec_client.cli.amounts import show_mib
from vrabec_client.cli.app import App, Group, pass_app
from vrabec_client.cli.networks import reach
from vrabec_client.cli.output import Column, table, when
from vrabec_client.cli.progress import followed, job_line, timeout_option, wait_option

_COLUMNS: tuple[Column, ...] = (
    ("NAME", lambda template: template["name"]),
    ("STATE", lambda template: template["state"]),
    ("SIZE", lambda template: show_mib(template["size_bytes"] / 2**20 or None)),
    ("MIN DISK", lambda template: show_mib(template["disk_mib"])),
    ("MIN MEMORY", lambda template: show_mib(template["memory_mib"])),
    ("PROJECTS", reach),
    ("BUILT", lambda template: when(template["built_at"])),
    ("DESCRIPTION", lambda template: template["description"]),
)


@click.group(cls=Group)
def template() -> None:
    """What machines are cloned from."""


@template.command("list")
@pass_app
def list_(app: App) -> None:
    """List templates."""
    found = app.client.list_templates()
    app.show(found, lambda: table(_COLUMNS, found))
    if not found:
        app.say("There are no templates yet; build one: vrabec template build tiny")


@template.command()
@click.argument("name")
@click.option("--suite", default="", help="The release of debian: bookworm or trixie.")
@wait_option
@timeout_option
@pass_app
def build(app: App, name: str, suite: str, wait: bool, timeout: float | None) -> None:
    """Build a template on the controller, or build it anew: tiny, or debian of a --suite."""
    done = followed(app, app.client.build_template(name, suite=suite), wait, timeout)
    app.show(done, lambda: job_line(done))


@template.command()
@click.argument("name")
@click.option("--project", "projects", multiple=True, metavar="NAME", help="For this one; none: for all.")
@pass_app
def share(app: App, name: str, projects: tuple[str, ...]) -> None:
    """Say for which projects a template is. Machines that were made of it stay."""
    done = app.client.share_template(name, projects)
    app.show(done, lambda: f"The template {done['name']} is for: {reach(done)}.")
