"""From every release's database to this Vrabec's: nothing lost. And from a later one's: a refusal.

tests/data/upgrade has a folder a release; `scripts/keep-release` made what is in it.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.installation import Installation, free_port, install, migrated
from tests.postgres import PrivatePostgres

KEPT = Path(__file__).parents[1] / "data/upgrade"
RELEASES = sorted(path.name for path in KEPT.iterdir() if path.is_dir())
GROW = {"django_migrations", "django_content_type", "auth_permission"}
"""Tables of Django's, to which every migration adds."""
DROPPED = {"vrabec_vm": {"xml_digest"}}
"""By table, the columns that a later release meant to drop: what was computed from others."""
LOOK = """
import json
from django.contrib.auth.signals import user_logged_in
from django.test import Client
from vrabec.models.users import User
user_logged_in.disconnect(dispatch_uid="update_last_login")  # only to look
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.get(username="ada"))
def get(path):
    answer = client.get(path, secure=True)
    assert answer.status_code == 200, (path, answer.content)
    return answer
vms = get("/api/v1/vms?per_page=500").json()["items"]
page = get("/").content.decode()
for vm in vms:
    get(f"/machines/{vm['id']}")
for job in get("/api/v1/jobs?per_page=500").json()["items"]:
    get(f"/api/v1/jobs/{job['id']}/log")
print(json.dumps({"rest": [[vm["id"], vm["uuid"], vm["name"]] for vm in vms],
                  "page": [vm["name"] for vm in vms if vm["name"] in page],
                  "record": get("/api/v1/activity").json()["total"]}))
"""


@dataclass
class Old:
    """An installation with a release's database, and a look at its tables past all code of ours."""

    there: Installation
    url: str

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        if self.url:
            with psycopg.connect(self.url) as postgresql:
                return postgresql.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(self.there.data / "vrabec.sqlite3")) as sqlite:
            return sqlite.execute(sql).fetchall()

    @cached_property
    def queries(self) -> dict[str, str]:
        """By table, what gives the columns that the release made; all but those that grow by themselves."""
        tables = [table for table in self.tables() if table not in GROW]
        return {table: f"SELECT {self.columns(table)} FROM {table}" for table in tables}  # noqa: S608

    def tables(self) -> list[str]:
        """The tables' names."""
        of_postgresql = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        of_sqlite = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        return sorted(name for (name,) in self.ask(of_postgresql if self.url else of_sqlite))

    def columns(self, table: str) -> str:
        """A table's columns, as a query lists them."""
        of_postgresql = f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}'"  # noqa: S608
        of_sqlite = f"SELECT name FROM pragma_table_info('{table}')"  # noqa: S608
        names = self.ask(of_postgresql if self.url else of_sqlite)
        kept = {name for (name,) in names} - DROPPED.get(table, set())
        return ", ".join(f'{table}."{name}"' for name in sorted(kept))  # SQLite takes a bare "gone" for text


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    cluster = PrivatePostgres().start()
    yield cluster
    cluster.stop()


@dataclass
class Upgrade:
    """One of a release's databases: what it held, what was said, and what there is now."""

    old: Old
    before: dict[str, Counter[str]]
    refusal: str
    said: str

    def now(self) -> dict[str, Counter[str]]:
        """What the columns of that release hold now."""
        return {table: Counter(map(repr, self.old.ask(query))) for table, query in self.old.queries.items()}


@pytest.fixture(
    scope="module",
    params=[(release, kind) for release in RELEASES for kind in ("sqlite", "postgresql")],
    ids="-".join,
)
def upgrade(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Upgrade:
    """A release's database as it left it, then migrated."""
    release, kind = request.param
    old = loaded(tmp_path_factory.mktemp(kind), (KEPT / release / f"{kind}.sql").read_text(), kind, request)
    found = Upgrade(old, {}, "", "")
    found.before = found.now()
    found.refusal = old.there.refused("serve")
    found.said = old.there.do("migrate")
    return found


def loaded(root: Path, text: str, kind: str, request: pytest.FixtureRequest) -> Old:
    """A database of this kind with these statements run, and settings that name it."""
    if kind == "sqlite":
        there, url = install(root), ""
        with closing(sqlite3.connect(there.data / "vrabec.sqlite3")) as sqlite:
            sqlite.executescript(text)
    else:
        cluster: PrivatePostgres = request.getfixturevalue("postgres")
        url = cluster.url("old")
        with psycopg.connect(cluster.url(), autocommit=True) as server:
            server.execute("DROP DATABASE IF EXISTS old")
            server.execute("CREATE DATABASE old")
        with psycopg.connect(url) as database:
            database.execute(text.encode())
        there = install(root, url)
    (there.data / "tls").mkdir()
    (there.data / "tls/certificate.pem").touch()  # for serve; migrate makes both as the key is missing
    there.config.write_text(f"{there.config.read_text()}port = {free_port()}\n")
    return Old(there, url)


def test_an_earlier_database_is_not_served_before_it_is_migrated(upgrade: Upgrade) -> None:
    assert upgrade.refusal.startswith("The database is an earlier Vrabec's (it has no vrabec.")
    assert upgrade.refusal.endswith("). Run: vrabecd migrate")


def test_an_upgrade_backs_up_first_and_loses_no_row(upgrade: Upgrade) -> None:
    filled = {"vrabec_vm", "vrabec_audit", "vrabec_jobline", "vrabec_token", "vrabec_grant"}
    assert filled <= {table for table, rows in upgrade.before.items() if rows}
    [backup] = (upgrade.old.there.data / "backups").iterdir()
    assert f"Kept what was there in {backup}." in upgrade.said
    assert upgrade.now() == upgrade.before
    assert "Kept" not in upgrade.old.there.do("migrate"), "nothing is left to change"


def test_after_an_upgrade_pages_and_rest_show_the_same_machines(upgrade: Upgrade) -> None:
    ask = upgrade.old.ask
    present = ask("SELECT id, uuid, name FROM vrabec_vm WHERE deleted_at IS NULL")
    [(lines,)] = ask("SELECT count(*) FROM vrabec_audit")
    assert {name for *_, name in present} == {"web", "db", "late", "legacy"}
    assert ("gone",) in ask("SELECT name FROM vrabec_vm WHERE deleted_at IS NOT NULL")
    seen = json.loads(upgrade.old.there.django(LOOK))
    rows = [[vm_id, str(uuid).replace("-", ""), name] for vm_id, uuid, name in present]
    assert sorted([vm_id, uuid.replace("-", ""), name] for vm_id, uuid, name in seen["rest"]) == sorted(rows)
    assert sorted(seen["page"]) == sorted(name for *_, name in present)
    assert seen["record"] == lines


def test_after_an_upgrade_the_record_still_only_grows(upgrade: Upgrade) -> None:
    for change in ("DELETE FROM vrabec_audit", "UPDATE vrabec_audit SET actor = 'nobody'"):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RaiseException), match="append-only"):
            upgrade.old.ask(change)


def test_the_backup_of_an_upgrade_leads_to_the_same_rows(upgrade: Upgrade, tmp_path: Path) -> None:
    [backup] = (upgrade.old.there.data / "backups").iterdir()
    fresh = install(tmp_path)
    fresh.do("restore", str(backup))
    fresh.do("migrate")  # links the record, with the key that was restored
    upgraded, restored = upgrade.old.there.rows(), fresh.rows()
    ours = [table for table in upgraded if table.startswith("vrabec_")]
    assert {table: restored[table] for table in ours} == {table: upgraded[table] for table in ours}


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One whose database a later Vrabec has had, not to be changed."""
    there = migrated(tmp_path_factory.mktemp("later"))
    there.do("create-admin", "bob")
    applied = (
        "INSERT INTO django_migrations (app, name, applied) VALUES ('vrabec', '9999_later', '2030-01-01')"
    )
    there.django(f'connection.cursor().execute("{applied}")')
    return there


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_later_databases_tables_are_not_touched(command: str, later: Installation) -> None:
    before = later.rows()
    said = later.refused(command)
    assert said == "The database is a later Vrabec's (vrabec.9999_later): install that one, or move it away."
    assert later.rows() == before


def test_a_database_that_does_not_answer_is_one_sentence(tmp_path: Path) -> None:
    there = install(tmp_path, "postgresql://nobody@127.0.0.1:1/none")
    assert there.refused("migrate").startswith("Nothing was changed: the database says: ")


def test_doctor_says_that_a_database_is_later(later: Installation) -> None:
    assert "The database is a later Vrabec's (vrabec.9999_later)" in later.run("doctor").stdout
