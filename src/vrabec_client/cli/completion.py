"""vrabec completion: the script for a shell, and the names it asks this command for."""

from __future__ import annotations

import re

import click

from vrabec_client.cli.app import App, Command
from vrabec_client.errors import VrabecError

COMPLETION_SECONDS = 1.0
_HARMLESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)?")
"""Names from elsewhere may hold anything; a shell is given none that it could read as more than a word."""


def vm_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Names of machines that begin with what was typed; none when the controller is not quick."""
    project, slash, begun = incomplete.rpartition("/")
    try:
        client = App().connect(timeout=COMPLETION_SECONDS)
        found = client.list_vms(search=begun[:200], per_page=100)["items"]
    except VrabecError:
        return []
    if slash:
        names = [f"{vm['project']}/{vm['name']}" for vm in found if vm["project"] == project]
    else:
        names = [vm["name"] for vm in found]
    return sorted({name for name in names if name.startswith(incomplete) and _HARMLESS.fullmatch(name)})


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    bash: eval "$(vrabec completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc;
    fish: vrabec completion fish > ~/.config/fish/completions/vrabec.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise VrabecError(f"There is no completion for {shell}.")
    click.echo(kind(ctx.find_root().command, {}, "vrabec", "_VRABEC_COMPLETE").source())
