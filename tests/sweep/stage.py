"""The ground a sweep stands on: directories and a database of its own, fresh for every case.

psycopg is imported late: a sweep on SQLite forks hundreds of times, the faster the smaller it is.
"""

import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.configuration import write_config

_PREFIX = "vrabec-sweep-"
_MEMORY = Path("/dev/shm")
"""A kill loses nothing that was written, so disks may be slow without being tested."""


class Stage:
    """Made before Django reads its settings, removed at the end; keeps no connection to the database."""

    def __init__(self) -> None:
        self.database = os.environ.get("VRABEC_TEST_DATABASE", "sqlite")
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        _remove_what_killed_sweeps_left(parent)
        self.root = parent / f"{_PREFIX}{os.getpid()}"
        self.root.mkdir()
        self._url = self._make_postgresql() if self.database == "postgresql" else ""
        self._migrated = self.root / "migrated.sqlite3"

    def __enter__(self) -> Self:
        os.environ["VRABEC_CONFIG"] = str(write_config(self.root, self._url))
        os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("migrate", verbosity=0)
        connections.close_all()
        if not self._url:
            shutil.copy(self.root / "data" / "vrabec.sqlite3", self._migrated)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._url:
            self._on_server(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def log(self) -> Path:
        """What the processes of a case write to stderr."""
        return self.root / "log"

    def clear(self) -> None:
        """Empty directories, and a database as after the migrations. Nothing of the case before may live."""
        for name in ("data", "run"):
            shutil.rmtree(self.root / name)
            (self.root / name).mkdir()
        self.log.write_bytes(b"")
        if not self._url:
            shutil.copy(self._migrated, self.root / "data" / "vrabec.sqlite3")

    def clear_rows(self) -> None:
        """The part of `clear` for a process that has a connection: a new file, or tables nobody else uses."""
        from django.apps import apps
        from django.db import connection

        if not self._url:
            connection.close()
            return
        tables = [model._meta.db_table for model in apps.get_app_config("vrabec").get_models()]
        deletes = "; ".join(f'DELETE FROM "{table}"' for table in tables)  # noqa: S608 - names of ours
        with connection.cursor() as cursor:
            # What was killed may still be at its last statement.
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            # Without triggers, and in any order. A TRUNCATE would make sixty new files.
            cursor.execute(
                f"SET session_replication_role = replica; {deletes}; RESET session_replication_role"
            )

    def _make_postgresql(self) -> str:
        from tests.postgres import database_url

        self._server = os.environ["VRABEC_TEST_POSTGRESQL"]
        self._name = f"sweep_{os.getpid()}"
        self._on_server(f'CREATE DATABASE "{self._name}"')
        return database_url(self._server, self._name)

    def _on_server(self, statement: str) -> None:
        import psycopg

        from tests.postgres import USER

        with psycopg.connect(host=self._server, user=USER, dbname="postgres", autocommit=True) as server:
            server.execute(statement)


def _remove_what_killed_sweeps_left(parent: Path) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        pid = path.name.removeprefix(_PREFIX)
        if pid.isdigit() and (int(pid) == os.getpid() or not Path("/proc", pid).exists()):
            shutil.rmtree(path, ignore_errors=True)
