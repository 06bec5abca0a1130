"""docs/reference/cli.md, made from the commands themselves: scripts/reference."""

from __future__ import annotations

from collections.abc import Iterator

import click

from vrabec_client.cli import INTERRUPTED
from vrabec_client.cli.root import CLOSED_PIPE, USAGE, cli
from vrabec_client.errors import BY_CODE

_HEAD = """\
# The vrabec command

Made by `scripts/reference` from the command itself; do not edit.

`vrabec` speaks the REST interface and nothing else. Results go to standard output, everything
else to standard error.

Every command takes `-o` / `--output`: `table` for people, `json` or `yaml` for what the interface gave,
unchanged. Errors then come in the same form, as `{"error": {"code", "message", "field"?, "raw"?, "job"?,
"errors"?}}`. Verbs give `{"job", "vm"}`; with `--wait`, `job` is as it ended. A wait bears a controller that
restarts, for up to a minute.

Verbs take several machines: each has a line of its own, the refused ones on standard error, and the exit
status is the largest of theirs. As JSON that is `{"results": [{"vm", "name", "job", "error"}]}`.

NAME of a machine is `web-1`, or `main/web-1` (project/name) where several projects have a `web-1`, or its id.
Amounts are MiB or carry a unit: `512`, `512MiB`, `2G`, `1.5GiB`.

## Where it is signed in

`vrabec login` writes the controller's URL, the fingerprint of its certificate and a token to
`$XDG_CONFIG_HOME/vrabec/config.toml` (`~/.config/vrabec/config.toml`), readable by you only. Every later
connection checks the fingerprint before anything is sent; a certificate that the system's CAs vouch for needs
none. Proxies named by `HTTPS_PROXY` are not used. The environment goes before the file:

| Variable | What it gives |
| --- | --- |
| `VRABEC_URL` | the controller; the file's token and fingerprint are for the file's controller only |
| `VRABEC_TOKEN` | the token |
| `VRABEC_FINGERPRINT` | the SHA-256 fingerprint of the controller's certificate |

A URL without a scheme means https and, without a port, 8443. Plain http is for this machine only.

## Exit status
"""


_MEANINGS = {
    0: "It went well.",
    1: "Anything else.",
    USAGE: "The command line is wrong.",
    3: "It is not there, or not for you to see.",
    4: "You may not do this, nobody is signed in, or the controller's certificate is not the pinned one.",
    5: "A limit is broken: the errors name the fields.",
    6: "Somebody was faster, the name is taken, or the state does not allow this.",
    7: "No host has room, or the quota is used up.",
    8: "The controller or a host does not answer; the same may work later.",
    9: "The job that was waited for failed, was cancelled or is stuck.",
    10: "The wait was longer than asked for; what was waited for goes on.",
    INTERRUPTED: "Ctrl-C; a job that was followed goes on.",
    CLOSED_PIPE: "Nobody read the output any more.",
}


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_statuses(), "", *_commands(cli, "vrabec")]).rstrip("\n") + "\n"


def _statuses() -> Iterator[str]:
    yield "| Status | Meaning | Codes of errors |"
    yield "| --- | --- | --- |"
    for status, meaning in _MEANINGS.items():
        codes = [f"`{kind.code}`" for kind in BY_CODE.values() if kind.exit_code == status]
        yield f"| {status} | {meaning} | {', '.join(codes)} |"


def _commands(command: click.Command, path: str) -> Iterator[str]:
    """A section a command, groups before what is in them."""
    yield from _section(command, path)
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], f"{path} {name}")


def _section(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"## {path}\n"
    yield f"```\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    yield f"{_text(command)}\n"
    rows = [param.get_help_record(context) for param in command.params if _is_its_own(param)]
    if rows:
        yield "| Option | |"
        yield "| --- | --- |"
        yield from (f"| `{_cell(row[0])}` | {_cell(row[1])} |" for row in rows if row)
        yield ""


def _is_its_own(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and "--output" not in param.opts


def _text(command: click.Command) -> str:
    return "\n".join(line.strip() for line in (command.help or "").strip().splitlines())


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


if __name__ == "__main__":
    click.echo(reference(), nl=False)
