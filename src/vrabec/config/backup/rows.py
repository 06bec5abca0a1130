"""Rows of every table as JSON lines, the same from SQLite and PostgreSQL.

Tables are read as the applied migrations left them, so a backup can be made before a migration runs and be
restored by a later Vrabec. Sessions are left out: a backup that somebody finds must sign nobody in.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

import orjson
from django.core.management.color import no_style
from django.db import connection, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from vrabec.lib.errors import Conflict, Invalid

Migration = tuple[str, str]
Model = type[models.Model]
LEFT_OUT = {"django_session", "vrabec_session"}
_BATCH = 500


def applied_migrations() -> list[Migration]:
    """The migrations that this database has had; none where there are no tables.

    Raises Conflict for a later Vrabec's: we would not see all of its columns.
    """
    loader = MigrationLoader(connection)
    applied = sorted(loader.applied_migrations)
    if unknown := [key for key in applied if key not in loader.graph.nodes]:
        sentence = "The database is a later Vrabec's (%(migration)s): install that one, or move it away."
        raise Conflict(sentence, migration=".".join(unknown[0]))
    return applied


def missing_migrations() -> list[Migration]:
    """The migrations that this Vrabec would still apply, in order."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [(migration.app_label, migration.name) for migration, _ in plan]


def unknown_migrations(migrations: list[Migration]) -> list[Migration]:
    """Those of `migrations` that this Vrabec does not know."""
    known = MigrationLoader(None).graph.nodes
    return [key for key in migrations if key not in known]


def migrate_to(migrations: list[Migration]) -> None:
    """Bring an empty database to the state that these migrations made."""
    executor = MigrationExecutor(connection)
    executor.migrate(_last_of_each_app(migrations))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:  # migrations made some immediate, for the rest of the transaction
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _last_of_each_app(migrations: list[Migration]) -> list[Migration]:
    graph = MigrationLoader(None).graph
    has_later = {
        parent.key for key in migrations for parent in graph.node_map[key].parents if parent.key[0] == key[0]
    }
    return [key for key in migrations if key not in has_later]


def tables() -> list[Model]:
    """A model of every table that is kept, as the applied migrations describe it, sorted by table."""
    state = MigrationLoader(connection).project_state(applied_migrations())
    found = state.apps.get_models(include_auto_created=True)
    kept = [m for m in found if m._meta.managed and not m._meta.proxy and m._meta.db_table not in LEFT_OUT]
    return sorted(kept, key=lambda model: model._meta.db_table)


def dump(model: Model, file: IO[bytes]) -> int:
    """Write a line with the columns' names, then one a row, by key; gives the number of rows."""
    columns = [field.attname for field in model._meta.concrete_fields]
    file.write(_line(columns))
    count = 0
    for row in model._base_manager.order_by("pk").values_list(*columns).iterator(2000):
        file.write(_line(list(row)))
        count += 1
    return count


def _line(values: list[Any]) -> bytes:
    option = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(values, default=_plain, option=option)


def _plain(value: object) -> str:
    """Bytes as BinaryField reads them back."""
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    raise TypeError(type(value).__name__)


def load(model: Model, lines: Iterator[bytes]) -> None:
    """Insert what `dump` wrote into the empty table, without touching a value. Raises Invalid."""
    names: list[str] = orjson.loads(next(lines))
    fields = {field.attname: field for field in model._meta.concrete_fields}
    if set(names) != set(fields):
        table = model._meta.db_table
        raise Invalid("The backup has other columns of %(table)s than its migrations make.", table=table)
    for field in fields.values():
        field.auto_now = field.auto_now_add = False  # type: ignore[attr-defined] # this model is ours alone
    while batch := [_row(model, fields, names, line) for line in islice(lines, _BATCH)]:
        model._base_manager.bulk_create(batch)


def _row(model: Model, fields: dict[str, Any], names: list[str], line: bytes) -> models.Model:
    values = zip(names, orjson.loads(line), strict=True)
    return model(**{name: fields[name].to_python(value) for name, value in values})


def digest(model: Model) -> str:
    """The SHA-256 of what `dump` would write."""
    hashing = _HashingFile()
    dump(model, hashing)
    return hashing.sha256.hexdigest()


class _HashingFile(io.BytesIO):
    """Takes what is written, and keeps its hash alone."""

    def __init__(self) -> None:
        super().__init__()
        self.sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        """As a file's."""
        self.sha256.update(data)
        return len(data)


def set_sequences(kept: list[Model]) -> None:
    """Let new rows have numbers after those that were loaded (PostgreSQL; SQLite does so by itself)."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), kept):
            cursor.execute(statement)
