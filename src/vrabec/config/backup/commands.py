"""`vrabecd backup` and `vrabecd restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import click

from vrabec.config.backup.archive import Manifest, new_file
from vrabec.config.files import Config, config_path, read_config
from vrabec.config.process import config_as_owner, in_child, plain_faults, run_dir_of, set_up_django
from vrabec.lib.errors import Conflict, NotFound

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--force", is_flag=True, help="Replace FILE when it is there.")
@click.option("--no-templates", is_flag=True, help="Leave out the images of templates, which are large.")
def backup(file: Path, *, force: bool, no_templates: bool) -> None:
    """Write all of Vrabec into FILE, also while it runs: rows, keys, settings, templates, history.

    Whoever has FILE has the keys: it is readable for you alone. Disks of machines are not in it.
    """
    with plain_faults("The backup was not made"), new_file(file, force=force) as stream:
        in_child(lambda: _backup(stream, templates=not no_templates))
    click.echo(f"{file}: {file.stat().st_size // 1024} KiB.")


def _backup(stream: IO[bytes], *, templates: bool) -> None:
    os.umask(0o077)
    config = config_as_owner()
    set_up_django()
    from django.db import connection

    from vrabec.config.backup.make import write_backup

    with plain_faults("The backup was not made"):
        manifest = write_backup(stream, config, templates=templates)
        stream.flush()
    connection.close()
    click.echo(_summary(manifest))


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--replace", is_flag=True, help="Replace a Vrabec that has people in it; it is backed up first."
)
def restore(file: Path, *, replace: bool) -> None:
    """Put back what `vrabecd backup` wrote into FILE, on the database of the settings. Stop Vrabec first.

    FILE may come from SQLite or PostgreSQL, and from an older Vrabec. Settings are not touched.
    """
    try:
        stream = file.open("rb")
    except OSError as error:
        raise NotFound("%(file)s: %(why)s.", file=str(file), why=error.strerror) from error
    with stream, plain_faults("Nothing was restored"), run_dir_of(read_config(config_path())):
        in_child(lambda: _restore(stream, str(file), replace=replace))


def _restore(stream: IO[bytes], name: str, *, replace: bool) -> None:
    os.umask(0o077)
    config = config_as_owner()
    Path(config.data_dir).mkdir(parents=True, exist_ok=True)
    set_up_django()
    from vrabec.config.backup.restore import read_manifest, restore_backup
    from vrabec.jobs.lock import EngineLock

    with plain_faults("Nothing was restored"):
        manifest = read_manifest(stream, name)
        EngineLock().take()
        _make_room(config, replace=replace)
        restore_backup(stream, name, manifest, config)
    click.echo(_summary(manifest))
    click.echo("Restored. Start Vrabec; it compares the machines with their hosts and shows what differs.")


def _make_room(config: Config, *, replace: bool) -> None:
    """Nothing that somebody may still want is overwritten. Raises Conflict."""
    from vrabec.config.backup.make import keep_backup
    from vrabec.config.backup.restore import is_empty

    if is_empty():
        return
    if not replace:
        raise Conflict("There is a Vrabec in this database already. To replace it: --replace.")
    click.echo(f"What was there is kept in {keep_backup(config, 'before-restore')}.")


def _summary(manifest: Manifest) -> str:
    counts = {name: manifest.rows.get(f"vrabec_{name}", 0) for name in ("vm", "host", "user", "audit")}
    return (
        f"Vrabec {manifest.version} of {manifest.made_at}: {counts['vm']} machines, {counts['host']} hosts, "
        f"{counts['user']} people, {counts['audit']} lines of the record; {sum(manifest.rows.values())} rows."
    )
