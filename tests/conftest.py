"""The suite's settings: a data and a run directory per worker, and the database that a variable names.

VRABEC_TEST_DATABASE is "sqlite" (the default; a file, as in production) or "postgresql" (a private cluster
that the run starts and removes). Nothing of the machine's own Vrabec is read or written.
"""

import atexit
import fcntl
import gc
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import django
import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

from tests.configuration import write_config
from tests.postgres import PrivatePostgres, database_url
from vrabec.lib.sealed import new_key

DATABASE = os.environ.setdefault("VRABEC_TEST_DATABASE", "sqlite")
IS_WORKER = "PYTEST_XDIST_WORKER" in os.environ
ROOT = Path(tempfile.mkdtemp(prefix="vrabec-"))
"""Short, as unix sockets lie in it: their paths end at 107 bytes."""
RUN = Path(os.environ.setdefault("VRABEC_TEST_RUN", str(ROOT)))
"""The first process's, which its workers share."""

_postgres: PrivatePostgres | None = None


def _clean_up() -> None:
    if _postgres:
        _postgres.stop()
    shutil.rmtree(ROOT, ignore_errors=True)


def _database() -> str:
    """The `database` setting. The first process starts the cluster, its workers find it by a variable."""
    global _postgres  # noqa: PLW0603 - one a run, and there is no object yet to keep it
    if DATABASE == "sqlite":
        return ""
    if not IS_WORKER:
        _postgres = PrivatePostgres().start()
        os.environ["VRABEC_TEST_POSTGRESQL"] = str(_postgres.directory)
    return database_url(os.environ["VRABEC_TEST_POSTGRESQL"], "vrabec")


gc.disable()  # until all is collected
if settings.configured:
    raise pytest.UsageError("Unset DJANGO_SETTINGS_MODULE: it made Django read its settings too early.")
atexit.register(_clean_up)
os.environ["VRABEC_CONFIG"] = str(write_config(ROOT, _database()))
(ROOT / "data/seal.key").write_text(new_key())
os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
assert settings.DATA_DIR == ROOT / "data"
# Read now, and not to be inherited by workers, which would read it before they come here.
del os.environ["DJANGO_SETTINGS_MODULE"]
if DATABASE == "sqlite":
    # Named, it is a file: threads of the engine could not share Django's usual one in memory.
    settings.DATABASES["default"]["NAME"] = f"{ROOT}/data/test.sqlite3"
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Now, so that a conftest below may import models.
django.setup()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--regenerate` writes golden files and pages that tests hold up anew; read the diff first."""
    parser.addoption("--regenerate", action="store_true", help="write golden files and made pages anew")


def pytest_report_header() -> str:
    return f"vrabec database: {DATABASE}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"db", "transactional_db"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("database")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is loaded by now stays: to look through it again and again took a twentieth of a run."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "sweep" and report.when == "call":
                    terminalreporter.write_line(value)


def pytest_unconfigure() -> None:
    # Workers of xdist leave without atexit.
    _clean_up()


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> None:
    """A migrated database, and a flush that gets past the record's triggers, which SQLite's fires.

    PostgreSQL's TRUNCATE makes each table's files anew, a tenth of a second in all: rows are sooner deleted.
    After a flush Django makes rows for permissions of its own, which nothing here looks at: without.
    """
    from django.db import connection
    from django.db.models.signals import post_migrate

    if DATABASE == "postgresql":
        request.getfixturevalue("django_db_setup")  # Django's own
        connection.ops.sql_flush = _deletes  # type: ignore[method-assign]
    else:
        with django_db_blocker.unblock():
            _migrate()
            connection.ops.sql_flush = _past_triggers()  # type: ignore[method-assign]
    post_migrate.receivers = []


def _migrate() -> None:
    """Make the database of this worker: the first one's is migrated, the others' are copies."""
    from django.core.management import call_command
    from django.db import connection

    kept, own = RUN / "migrated.sqlite3", connection.settings_dict["NAME"]
    with (RUN / "migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.exists():
            shutil.copy(kept, own)
            return
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()  # with it goes what SQLite wrote beside the file
        shutil.copy(own, kept)


def _past_triggers() -> Callable[..., list[str]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
    flush = connection.ops.sql_flush

    def past_triggers(*args: object, **kwargs: object) -> list[str]:
        drops = [f"DROP TRIGGER {name}" for name, _ in triggers]
        return [*drops, *flush(*args, **kwargs), *(sql for _, sql in triggers)]

    return past_triggers


def _deletes(style: object, tables: list[str], **_: object) -> list[str]:
    """A superuser's session as a replica fires no trigger, neither the record's nor those of foreign keys."""
    deletes = [f'DELETE FROM "{name}"' for name in tables]  # noqa: S608 - names of our own tables
    return ["SET LOCAL session_replication_role = replica", *deletes]
