"""Make a backup, also while Vrabec runs: all rows as of one moment, then the files that cannot be remade."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from django.db import connection, transaction

from vrabec import __version__
from vrabec.config.backup import rows
from vrabec.config.backup.archive import Manifest, Writer, new_file
from vrabec.config.files import Config, config_path
from vrabec.lib.clock import now

KEPT = 5
"""Backups that `vrabecd migrate` made; older ones go."""
FOLDER = "backups"
_REMADE = {"static", FOLDER, "restored"}
"""Folders of the data directory that are made anew, or are backups themselves."""


def write_backup(stream: IO[bytes], config: Config, *, templates: bool = True) -> Manifest:
    """Write a backup to `stream`; Django is set up. `templates`: with the images of templates."""
    writer = Writer(stream)
    with _one_moment():
        manifest = Manifest(
            version=__version__,
            made_at=now().isoformat(timespec="seconds"),
            database=connection.vendor,
            migrations=rows.applied_migrations(),
            rows=_add_rows(writer, config),
        )
    for name, path in _files(config, templates=templates):
        writer.add_file(name, path)
    writer.end(manifest)
    return manifest


def keep_backup(config: Config, reason: str) -> Path:
    """Make a backup in the data directory and drop the oldest beyond KEPT; gives its path."""
    folder = Path(config.data_dir) / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{now():%Y%m%dT%H%M%SZ}-{reason}.tar.gz"
    with new_file(path, force=True) as stream:
        write_backup(stream, config, templates=False)
    for old in sorted(folder.glob("*.tar.gz"))[:-KEPT]:
        old.unlink()
    return path


@contextmanager
def _one_moment() -> Iterator[None]:
    """A transaction that sees one state of the database and makes nobody wait."""
    # SQLite's usual IMMEDIATE would stop every writer meanwhile; a reader of the WAL stops none.
    cast("Any", connection).transaction_mode = None
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _add_rows(writer: Writer, config: Config) -> dict[str, int]:
    counts = {}
    for model in rows.tables():
        table = model._meta.db_table
        with tempfile.TemporaryFile(dir=config.data_dir) as file:
            counts[table] = rows.dump(model, file)
            size = file.tell()
            file.seek(0)
            writer.add(f"rows/{table}.jsonl", file, size)
    return counts


def _files(config: Config, *, templates: bool) -> Iterator[tuple[str, Path]]:
    """Names inside the backup and files: settings, keys, all of the data directory that cannot be remade."""
    if config_path().exists():
        yield "settings/vrabec.toml", config_path()
    for name, named in (("certificate", config.certificate), ("certificate_key", config.certificate_key)):
        if named:
            yield f"settings/{name}.pem", Path(named)
    data = Path(config.data_dir)
    left_out = _REMADE if templates else _REMADE | {"templates"}
    for path in sorted(data.rglob("*")):
        inside = path.relative_to(data)
        is_kept = inside.parts[0] not in left_out and not inside.parts[0].startswith(("vrabec.sqlite3", "."))
        is_kept &= not path.is_relative_to(config.run_dir)
        if is_kept and path.is_file() and not path.is_symlink():
            yield f"data/{inside.as_posix()}", path
