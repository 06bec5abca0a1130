"""The `vrabecd` command: what the person who runs Vrabec uses."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from contextlib import suppress
from pathlib import Path

import click

from vrabec.config.backup.commands import backup, restore
from vrabec.config.database import require_not_later, require_ours
from vrabec.config.files import SEAL_KEY, Config, config_path, read_config
from vrabec.config.port import check_port
from vrabec.config.process import config_as_owner, in_child, plain_faults, set_up_django
from vrabec.config.supervisor import Supervisor, module
from vrabec.lib import ssh
from vrabec.lib.errors import Conflict, VrabecError
from vrabec.lib.logs import handler
from vrabec.lib.sealed import new_key

PROCESSES = ("web", "engine", "console")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def vrabecd() -> None:
    """Run and care for a Vrabec controller. Settings: /etc/vrabec/vrabec.toml, or $VRABEC_CONFIG.

    Run by root, it goes on as the user whose data directory this is.
    """


@vrabecd.command()
def serve() -> None:
    """Run the controller until it is told to stop."""
    logging.basicConfig(level=logging.INFO, handlers=[handler(sys.stderr, os.environ)])
    config = config_as_owner()
    if not config.certificate_path.exists():
        raise click.ClickException("There is no certificate yet. Run: vrabecd migrate")
    check_port(config)
    os.umask(0o077)
    os.makedirs(config.run_dir, exist_ok=True)
    in_child(_check_database)  # this process stays without Django, and small
    sys.exit(Supervisor({name: module(f"vrabec.config.{name}") for name in PROCESSES}).run())


vrabecd.add_command(backup)
vrabecd.add_command(restore)


@vrabecd.command()
@click.option("--no-backup", is_flag=True, help="Make no backup before the tables of an older Vrabec change.")
def migrate(*, no_backup: bool) -> None:
    """Prepare directories, keys and the database; safe to run again, and needed after an upgrade."""
    from vrabec.config.tls import ensure_certificate, fingerprint

    os.umask(0o077)
    config = config_as_owner()
    for directory in (config.data_dir, config.run_dir, f"{config.data_dir}/templates"):
        os.makedirs(directory, exist_ok=True)
    ensure_certificate(config.certificate_path, config.certificate_key_path)
    _ensure_keys(config)
    ssh.ensure_key(Path(config.data_dir) / "ssh")
    set_up_django()
    from django.core.management import call_command

    from vrabec.config.static_files import gather_static_files
    from vrabec.services.chain import link_rest

    with plain_faults("Nothing was changed"):
        require_not_later()
    if not no_backup:
        _back_up_first(config)
    call_command("migrate", verbosity=0, interactive=False)
    link_rest()
    gather_static_files()
    click.echo(f"The database is ready. Certificate SHA-256: {fingerprint(config.certificate_path)}")


@vrabecd.command("create-admin")
@click.argument("username", default="admin")
@click.option("--url", default="", help="The controller's URL as people reach it.")
def create_admin(username: str, url: str) -> None:
    """Create an administrator, or help one back in: prints a link that works once within an hour.

    Who uses it sets a new password; second factors that they had are removed.
    """
    config = config_as_owner()
    set_up_django()
    from vrabec.services.people import create_administrator, make_sign_in_link

    admin = create_administrator(username)
    base = url.rstrip("/") or config.reached_at
    click.echo(f"{base}/sign-in/link/{make_sign_in_link(admin, is_way_back=True)}")


@vrabecd.group()
def audit() -> None:
    """The record of who did what."""


@audit.command("verify")
def verify_audit() -> None:
    """Look for lines that were changed, removed or moved behind Vrabec's back; exits with 1 if so."""
    config_as_owner()
    set_up_django()
    from vrabec.models.audit import Link
    from vrabec.services.chain import verify

    with plain_faults("The record was not read"):
        faults = list(verify())
        click.echo("\n".join(faults), nl=bool(faults))
        lines = Link.objects.count()
    if faults:
        raise Conflict("The record is not as it was written.")
    click.echo(f"{lines} lines, all as they were written.")


@vrabecd.command("mail-test")
@click.argument("address")
def mail_test(address: str) -> None:
    """Send a mail to ADDRESS now, as the settings say."""
    config = config_as_owner()
    if not config.mail_server:
        raise click.ClickException("No mail is sent: set mail_server and mail_from, see vrabecd config.")
    set_up_django()
    from vrabec.workflows.mail import send_test

    send_test(config, address)
    click.echo(f"{config.mail_server} took a mail to {address}: look whether it came.")


@vrabecd.command("config")
def show_config() -> None:
    """Write the settings file with every setting and its meaning, and what yours sets."""
    from vrabec.config.every_setting import settings_file

    click.echo(settings_file(read_config(config_path())), nl=False)


@vrabecd.command()
def doctor() -> None:
    """Look at everything, say what to do; exits with 1 when something is broken."""
    from vrabec.config.doctor import examine
    from vrabec.config.findings import Grade

    with suppress(VrabecError, OSError):  # what keeps Django from starting is what it will say
        config_as_owner()
        set_up_django()
    grades = []
    for found in examine():
        grades.append(found.grade)
        click.echo(f"{found.grade:<5} {found.name:<12} {found.text}")
    broken, soon = grades.count(Grade.FAIL), grades.count(Grade.WARN)
    click.echo(f"\n{broken} to repair." if broken else "\nNothing is broken." if soon else "\nAll is well.")
    sys.exit(1 if broken else 0)


def _check_database() -> None:
    set_up_django()
    require_ours()


def _back_up_first(config: Config) -> None:
    """Where tables with people in them are about to change: keep what there is in data_dir/backups."""
    from vrabec.config.backup.make import keep_backup
    from vrabec.config.backup.restore import is_empty
    from vrabec.config.backup.rows import missing_migrations

    with plain_faults("There is no backup (make room, or use --no-backup), so nothing was changed"):
        if is_empty() or not (missing := missing_migrations()):
            return
        kept = keep_backup(config, "before-" + "-".join(missing[0]))
    click.echo(f"Kept what was there in {kept}.")


def _ensure_keys(config: Config) -> None:
    from vrabec.config.tls import write_secret

    for name, fresh in (("secret.key", secrets.token_urlsafe(64)), (SEAL_KEY, new_key())):
        path = Path(config.data_dir) / name
        if not path.exists():
            write_secret(path, fresh.encode())


def main() -> None:
    """Run the command; errors raised on purpose are one sentence, not a traceback."""
    try:
        vrabecd.main(standalone_mode=False)
    except VrabecError as error:
        click.echo(f"vrabecd: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
