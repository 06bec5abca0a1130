"""Restore a backup: checked whole, loaded beside what is there, compared, and only then put in place."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO

from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from vrabec import __version__
from vrabec.config.backup import archive, rows
from vrabec.config.backup.archive import Manifest
from vrabec.config.files import Config
from vrabec.lib.errors import Conflict
from vrabec.services.chain import reset_head

STAGED = ".restoring"


def read_manifest(stream: IO[bytes], name: str) -> Manifest:
    """Check the whole file, and that this Vrabec can read it. Raises Invalid."""
    manifest = archive.verify(stream, name)
    if _numbers(manifest.version) > _numbers(__version__) or rows.unknown_migrations(manifest.migrations):
        raise archive.newer(name, manifest.version)
    return manifest


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def is_empty() -> bool:
    """Whether the database in the settings has nobody in it: then a restore loses nothing."""
    if connection.vendor == "sqlite" and not Path(str(connection.settings_dict["NAME"])).exists():
        return True  # to look would make one
    with connection.cursor() as cursor:
        if "vrabec_user" not in connection.introspection.table_names(cursor):
            return True
        cursor.execute("SELECT count(*) FROM vrabec_user")
        return not cursor.fetchone()[0]


def restore_backup(stream: IO[bytes], name: str, manifest: Manifest, config: Config) -> None:
    """Put everything in place of what is there. Vrabec must not run; Django is set up."""
    data = Path(config.data_dir)
    staged = data / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    try:
        with _fresh_database():
            rows.migrate_to(manifest.migrations)
            with transaction.atomic():
                _load(stream, name, staged)
                _compare(manifest)
            call_command("migrate", verbosity=0, interactive=False)
        _put_in_place(staged, data)
        reset_head()
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _load(stream: IO[bytes], name: str, staged: Path) -> None:
    """Rows into the fresh tables, files beside where they belong."""
    models = {model._meta.db_table: model for model in rows.tables()}
    for member, file in archive.members(stream, name):
        kind, _, rest = member.partition("/")
        if kind == "rows":
            rows.load(models[rest.removesuffix(".jsonl")], iter(file))
        elif kind in ("data", "settings"):
            _write(staged / (rest if kind == "data" else f"restored/{rest}"), file)
    rows.set_sequences(list(models.values()))
    connection.check_constraints()


def _write(path: Path, file: IO[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        os.fsync(copy.fileno())


def _compare(manifest: Manifest) -> None:
    """Every table must give, from here, the bytes that the backup holds."""
    for model in rows.tables():
        table = model._meta.db_table
        if rows.digest(model) != manifest.members[f"rows/{table}.jsonl"].sha256:
            raise Conflict(
                "This database does not give back %(table)s as it was: nothing changed.", table=table
            )


def _put_in_place(staged: Path, data: Path) -> None:
    for path in sorted(staged.rglob("*")):
        to = data / path.relative_to(staged)
        if path.is_dir():
            to.mkdir(mode=0o700, exist_ok=True)
        else:
            path.replace(to)


def _fresh_database() -> AbstractContextManager[None]:
    """An empty database, which takes the place of the one there is when the block ends without an error."""
    return _fresh_sqlite() if connection.vendor == "sqlite" else _fresh_postgresql()


@contextmanager
def _fresh_sqlite() -> Iterator[None]:
    """A new file beside the old one."""
    path = Path(str(connection.settings_dict["NAME"]))
    fresh = path.with_name(f"{path.name}.restoring")
    _remove_sqlite(fresh)
    connection.close()
    connection.settings_dict["NAME"] = str(fresh)
    try:
        yield
        connection.close()  # the last one to close writes the WAL into the file
        _settle_sqlite(path)
        fresh.replace(path)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = str(path)
        _remove_sqlite(fresh)


def _settle_sqlite(path: Path) -> None:
    """Leave no WAL of the old file: SQLite would take it for the new one's."""
    if path.exists():
        with suppress(sqlite3.Error):  # a damaged one is what a restore is for
            sqlite3.connect(path).execute("PRAGMA journal_mode=DELETE").connection.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _remove_sqlite(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


@contextmanager
def _fresh_postgresql() -> Iterator[None]:
    """One transaction that drops our tables and makes them anew; others see it when it is whole."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for table in _our_tables(connection.introspection.table_names(cursor)):
                cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)} CASCADE")
            cursor.execute(_OUR_FUNCTIONS)
            for (function,) in cursor.fetchall():
                cursor.execute(f"DROP FUNCTION {function} CASCADE")
        yield


_OUR_FUNCTIONS = (
    "SELECT oid::regprocedure::text FROM pg_proc "
    "WHERE proname LIKE 'vrabec\\_%' AND pronamespace = current_schema()::regnamespace"
)


def _our_tables(names: list[str]) -> list[str]:
    known = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    known.add(MigrationRecorder.Migration._meta.db_table)
    return [name for name in names if name in known or name.startswith("vrabec_")]
