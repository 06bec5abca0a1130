"""The command's root, and how every error becomes a sentence and an exit status."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

from vrabec_client.cli import (
    INTERRUPTED,
    balance,
    capacity,
    clusters,
    console,
    grants,
    history,
    hosts,
    jobs,
    leases,
    mail,
    networks,
    output,
    people,
    pools,
    projects,
    quotas,
    requests,
    session,
    sessions,
    templates,
    tokens,
    views,
    vm_edit,
    vm_migrate,
    vm_xml,
)
from vrabec_client.cli.app import App, Group
from vrabec_client.cli.completion import completion
from vrabec_client.errors import VrabecError

USAGE = 2
CLOSED_PIPE = 141
"""What a shell makes of SIGPIPE: nobody reads what is printed any more."""


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        from importlib.metadata import PackageNotFoundError, version

        try:
            click.echo(f"vrabec {version('vrabec')}")
        except PackageNotFoundError:
            click.echo("vrabec, not installed as a package")
        ctx.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
              help="Print the version of this command.")  # fmt: skip
def cli() -> None:
    """Run machines on a private cloud.

    Sign in first: vrabec login https://controller:8443
    """


for command in (
    session.login, session.logout, session.whoami, vm_edit.vm, templates.template, hosts.host,
    clusters.cluster, capacity.capacity, balance.balance, pools.pool, networks.network,
    projects.project, people.user, people.group, people.role, grants.grant, grants.why, quotas.quota,
    requests.request, mail.mail, jobs.job, tokens.token, sessions.session, views.view, projects.activity,
    completion,
):  # fmt: skip
    cli.add_command(command)
vm_edit.vm.add_command(console.console)
vm_edit.vm.add_command(history.history)
vm_edit.vm.add_command(vm_xml.xml)
vm_edit.vm.add_command(vm_migrate.targets)
vm_edit.vm.add_command(vm_migrate.migrate)
vm_edit.vm.add_command(leases.extend)
projects.project.add_command(leases.lease)
vm_edit.vm.add_command(grants.withheld)
vm_edit.vm.add_command(grants.withhold)
vm_edit.vm.add_command(grants.give_back)
vm_edit.vm.add_command(grants.transfer)


def run(arguments: list[str]) -> int:
    """Run one command line; the exit status. Ctrl-C is raised as KeyboardInterrupt."""
    app, stdout = App(), sys.stdout
    _let_everything_be_printed()
    try:
        _require_text(arguments)
        status = cli.main(arguments, prog_name="vrabec", standalone_mode=False, obj=app)
        sys.stdout.flush()
    except (click.Abort, click.ClickException, VrabecError, OSError) as error:
        return _outcome(app, error)
    except SystemExit:
        # click leaves like this once it has put something harmless before a pipe that nobody reads.
        if sys.stdout is stdout:
            raise
        return CLOSED_PIPE
    return status if isinstance(status, int) else 0


def _let_everything_be_printed() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        # A password that is no UTF-8 is refused when it is sent, with a sentence.
        sys.stdin.reconfigure(errors="surrogateescape")


def _require_text(arguments: list[str]) -> None:
    # Bytes that are no UTF-8 come as lone surrogates, which can be sent nowhere.
    for argument in arguments:
        if not argument.isprintable() and any("\ud800" <= sign <= "\udfff" for sign in argument):
            raise click.UsageError(f"{output.plain(argument)} is not UTF-8 text.")


def _outcome(app: App, error: Exception) -> int:
    if isinstance(error, click.Abort):
        return _interrupted()
    if isinstance(error, click.UsageError):
        return _wrong_usage(app, error)
    if isinstance(error, OSError):
        return _unprintable(app, error)
    if isinstance(error, VrabecError):
        return _failed(app, error)
    return _failed(app, VrabecError(str(error)))


def _failed(app: App, error: VrabecError) -> int:
    text = _sentences(error) if app.form == "table" else output.rendered(error.body(), app.form)
    click.echo(text, err=True)
    return error.exit_code


def _sentences(error: VrabecError) -> str:
    """One sentence, then the other broken limits, then what the other system said, indented."""
    lines = [f"Error: {output.plain(_named(error.field, error.message))}"]
    others = [one for one in error.errors if one.get("message") not in (None, error.message)]
    lines += [f"  {output.plain(_named(one.get('field', ''), one['message']))}" for one in others]
    lines += [f"  {line}" for line in output.plain_lines(error.raw).splitlines()]
    return "\n".join(lines)


def _named(field: str, message: str) -> str:
    return message if not field or field in message else f"{field}: {message}"


def _wrong_usage(app: App, error: click.UsageError) -> int:
    if app.form == "table":
        error.show()
    else:
        said: dict[str, Any] = {"error": {"code": "usage", "message": error.format_message()}}
        click.echo(output.rendered(said, app.form), err=True)
    return USAGE


def _interrupted() -> int:
    if sys.stderr.isatty():
        click.echo(err=True)
    return INTERRUPTED


def _unprintable(app: App, error: OSError) -> int:
    # Python would complain once more when it flushes stdout at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return CLOSED_PIPE
    return _failed(app, VrabecError("The answer cannot be printed.", raw=str(error)))
