"""vrabecd backup, restore and migrate, as a person calls them: nothing is lost, and nothing is half."""

import fcntl
import gzip
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import models

from tests.installation import Installation, install, migrated
from tests.postgres import PrivatePostgres
from vrabec import __version__
from vrabec.config.backup import rows
from vrabec.config.backup.restore import read_manifest
from vrabec.lib.errors import Invalid


@pytest.fixture(scope="module")
def postgres() -> Iterator[PrivatePostgres]:
    cluster = PrivatePostgres().start()
    yield cluster
    cluster.stop()


def on_postgresql(root: Path, postgres: PrivatePostgres, name: str) -> Installation:
    with psycopg.connect(host=str(postgres.directory), user="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    return install(root, postgres.url(name))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One on SQLite with rows of every kind, not to be changed."""
    found = migrated(tmp_path_factory.mktemp("filled"))
    found.rows("fill")
    (found.data / "templates/tiny.qcow2").write_bytes(os.urandom(100_000))
    (found.data / "history").mkdir()
    (found.data / "history/1.ring").write_bytes(os.urandom(5_000))
    return found


@pytest.fixture(scope="module")
def backup(filled: Installation) -> Path:
    """Its backup."""
    filled.do("backup", str(filled.root / "backup.tar.gz"))
    return filled.root / "backup.tar.gz"


@pytest.fixture
def empty(tmp_path: Path) -> Installation:
    """A new one on SQLite, with nothing in it yet."""
    return install(tmp_path / "empty")


@dataclass
class Trip:
    """A backup restored on PostgreSQL, and a backup of that on SQLite; every table as it was then."""

    there: Installation
    back: Installation
    rows_there: Any
    rows_back: Any


@pytest.fixture(scope="module")
def trip(backup: Path, tmp_path_factory: pytest.TempPathFactory, postgres: PrivatePostgres) -> Trip:
    root = tmp_path_factory.mktemp("trip")
    there = on_postgresql(root / "there", postgres, "there")
    there.do("restore", str(backup))
    there.do("backup", str(root / "back.tar.gz"))
    back = install(root / "back")
    back.do("restore", str(root / "back.tar.gz"))
    return Trip(there, back, there.rows(), back.rows())


def test_sqlite_to_postgresql_and_back_loses_nothing(filled: Installation, trip: Trip) -> None:
    before = filled.rows()
    assert before["vrabec_vm"][0] == 603
    assert trip.rows_there == before
    assert trip.rows_back == before
    for path in (
        "secret.key",
        "seal.key",
        "ssh/id_ed25519",
        "tls/key.pem",
        "templates/tiny.qcow2",
        "history/1.ring",
    ):
        assert (trip.back.data / path).read_bytes() == (filled.data / path).read_bytes()
        assert (trip.back.data / path).stat().st_mode & 0o777 == 0o600


def test_new_rows_on_postgresql_get_new_numbers(trip: Trip) -> None:
    trip.there.do("create-admin", "bob")
    assert trip.there.rows()["vrabec_user"][0] == trip.rows_there["vrabec_user"][0] + 1


@pytest.mark.parametrize("place", ["there", "back"])
def test_the_record_is_as_unchangeable_as_before(place: str, trip: Trip) -> None:
    restored: Installation = getattr(trip, place)
    with pytest.raises(subprocess.CalledProcessError):
        restored.django("connection.cursor().execute('DELETE FROM vrabec_audit')")
    assert restored.rows()["vrabec_audit"][0] >= 600


def test_a_restored_record_is_as_it_was_written_and_what_is_changed_then_is_found(
    tmp_path: Path, postgres: PrivatePostgres
) -> None:
    here, there = migrated(tmp_path / "here"), on_postgresql(tmp_path / "there", postgres, "record")
    here.do("create-admin", "ada")
    here.do("backup", str(tmp_path / "backup"))
    here.do("create-admin", "bob")  # what is kept of the chain beside the database is ahead of the backup
    for restored in (here, there):
        restored.do("restore", "--replace", str(tmp_path / "backup"))
        assert restored.do("audit", "verify").endswith("lines, all as they were written.\n")
    for unguard in (
        "ALTER TABLE vrabec_audit DISABLE TRIGGER USER",
        "UPDATE vrabec_audit SET actor = 'eve' WHERE action = 'user.create'",
    ):
        there.django(f"connection.cursor().execute({unguard!r})")
    found = there.run("audit", "verify")
    assert (found.returncode, found.stderr) == (1, "vrabecd: The record is not as it was written.\n")
    [line] = found.stdout.splitlines()
    assert line.endswith(", eve: user.create ada")


def test_a_backup_is_for_its_owner_alone_and_signs_nobody_in(backup: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    with tarfile.open(backup) as tar:
        assert not [name for name in tar.getnames() if "session" in name]


def test_a_backup_overwrites_only_by_force(filled: Installation, backup: Path) -> None:
    assert "is there already: choose another name, or --force." in filled.refused("backup", str(backup))
    filled.do("backup", "--force", "--no-templates", str(backup.with_name("other.tar.gz")))
    with tarfile.open(backup.with_name("other.tar.gz")) as tar:
        assert [name for name in tar.getnames() if "templates" in name] == []


def test_what_is_there_is_replaced_only_when_asked_and_kept(
    backup: Path, tmp_path: Path, filled: Installation
) -> None:
    there = migrated(tmp_path)
    there.do("create-admin", "bob")
    bob = there.rows()
    assert "To replace it: --replace." in there.refused("restore", str(backup))
    assert there.rows() == bob
    there.do("restore", "--replace", str(backup))
    assert there.rows() == filled.rows()
    [kept] = (there.data / "backups").glob("*-before-restore.tar.gz")
    there.do("restore", "--replace", str(kept))
    assert there.rows() == bob


def test_a_running_vrabec_is_not_restored_under_its_feet(backup: Path, empty: Installation) -> None:
    with (empty.root / "run/engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert empty.refused("restore", str(backup)) == "Another Vrabec engine runs here; stop it first."
    empty.do("restore", str(backup))


# --- damaged and foreign files


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    at = len(data) // 3
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


def rebuilt(data: bytes, change: Callable[[str, bytes], bytes | None]) -> bytes:
    """The archive anew, each member as `change` gives it; None leaves it out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for info in old:
            found = change(info.name, old.extractfile(info).read())  # type: ignore[union-attr]
            if found is not None:
                info.size = len(found)
                new.addfile(info, io.BytesIO(found))
    return out.getvalue()


def other_row(data: bytes) -> bytes:
    def change(name: str, said: bytes) -> bytes:
        return said.replace(b"alpha.m7", b"alpha.x7") if name == "rows/vrabec_vm.jsonl" else said

    return rebuilt(data, change)


def without_key(data: bytes) -> bytes:
    return rebuilt(data, lambda name, said: None if name == "data/secret.key" else said)


def without_manifest(data: bytes) -> bytes:
    return rebuilt(data, lambda name, said: None if name == "manifest.json" else said)


def climbing(data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as new:
        info = tarfile.TarInfo("data/../../escaped")
        info.size = 1
        new.addfile(info, io.BytesIO(b"x"))
    return out.getvalue()


def manifest_with(**changes: Any) -> Callable[[bytes], bytes]:
    def change(name: str, said: bytes) -> bytes:
        return json.dumps(json.loads(said) | changes).encode() if name == "manifest.json" else said

    return lambda data: rebuilt(data, change)


DAMAGED = [
    (cut, "is damaged: it cannot be read further than "),
    (flipped, "is damaged: "),
    (lambda data: b"", "is damaged: it cannot be read further than its beginning"),
    (lambda data: b"no archive at all", "is damaged: it cannot be read further than its beginning"),
    (lambda data: gzip.compress(b"x" * 5000), "is damaged: it cannot be read further than its beginning"),
    (other_row, "is damaged: rows/vrabec_vm.jsonl is not as it was written."),
    (without_key, "is damaged: data/secret.key is not as it was written."),
    (without_manifest, "is damaged: it ends before manifest.json"),
    (climbing, "is damaged: data/../../escaped is nothing that Vrabec writes."),
    (manifest_with(members=7), "is damaged: manifest.json is not as it was written."),
    (manifest_with(format=2), f"this is {__version__}: upgrade first."),
    (manifest_with(version="99.0"), f"was made by Vrabec 99.0, this is {__version__}: upgrade first."),
    (manifest_with(migrations=[["vrabec", "9999_later"]]), "upgrade first."),
]


@pytest.mark.parametrize(("damage", "said"), DAMAGED, ids=[str(n) for n in range(len(DAMAGED))])
def test_what_is_wrong_with_a_backup_is_said(
    damage: Callable[[bytes], bytes], said: str, backup: Path
) -> None:
    with pytest.raises(Invalid) as refused:
        read_manifest(io.BytesIO(damage(backup.read_bytes())), "wrong.tar.gz")
    assert said in refused.value.message
    assert refused.value.message.endswith("Nothing was changed.")


def test_a_damaged_backup_touches_nothing(backup: Path, empty: Installation) -> None:
    file = empty.root / "wrong.tar.gz"
    file.write_bytes(other_row(backup.read_bytes()))
    assert "rows/vrabec_vm.jsonl is not as it was written" in empty.refused("restore", str(file))
    assert list(empty.data.iterdir()) == []


def test_a_file_that_is_not_there_is_one_sentence(empty: Installation) -> None:
    assert empty.refused("restore", "/nowhere.tar.gz") == "/nowhere.tar.gz: No such file or directory."


# --- full disks


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_backup_onto_a_full_disk_leaves_no_file(filled: Installation, small: Path) -> None:
    (small / "ballast").write_bytes(b"x" * 200_000)
    said = filled.refused("backup", str(small / "backup.tar.gz"))
    assert said == "The backup was not made: No space left on device."
    assert [path.name for path in small.iterdir()] == ["ballast"]


def test_a_restore_onto_a_full_disk_changes_nothing(backup: Path, small: Path) -> None:
    there = install(small)
    said = there.refused("restore", str(backup))
    assert said.startswith("Nothing was restored: ")
    assert "full" in said or "No space left" in said
    assert list(there.data.iterdir()) == []


# --- upgrades


def test_migrate_keeps_a_backup_before_it_changes_tables(tmp_path: Path) -> None:
    there = migrated(tmp_path)
    there.do("create-admin", "bob")
    there.do("migrate")
    assert not (there.data / "backups").exists(), "there was nothing to change"
    unapply = "from django.core.management import call_command\ncall_command('migrate', 'auth', '0011')"
    there.django(unapply)
    (there.data / "backups").mkdir()
    for year in range(2000, 2005):
        (there.data / f"backups/{year}0101T000000Z-before-vrabec-0001.tar.gz").touch()
    assert "Kept what was there in" in there.do("migrate")
    kept = sorted(path.name for path in (there.data / "backups").iterdir())
    assert [name[:4] for name in kept[:-1]] == ["2001", "2002", "2003", "2004"]
    assert "before-auth-0012" in kept[-1]


def test_a_backup_of_older_tables_is_restored_and_brought_up_to_date(tmp_path: Path) -> None:
    old = migrated(tmp_path / "old")
    old.do("create-admin", "bob")
    old.django("from django.core.management import call_command\ncall_command('migrate', 'auth', '0011')")
    old.do("backup", str(tmp_path / "old.tar.gz"))
    new = install(tmp_path / "new")
    new.do("restore", str(tmp_path / "old.tar.gz"))
    old.do("migrate")
    assert new.rows() == old.rows()


def test_tables_of_a_later_vrabec_are_not_backed_up_in_part(tmp_path: Path) -> None:
    there = migrated(tmp_path)
    there.do("create-admin", "bob")
    applied = (
        "INSERT INTO django_migrations (app, name, applied) VALUES ('vrabec', '9999_later', '2030-01-01')"
    )
    there.django(f'connection.cursor().execute("{applied}")')
    said = there.refused("backup", str(there.root / "backup.tar.gz"))
    assert said.startswith("The database is a later Vrabec's (vrabec.9999_later): ")
    assert not (there.root / "backup.tar.gz").exists()


def test_every_table_has_a_key_that_sorts_the_same_in_both_databases(db: None) -> None:
    texts = [m for m in rows.tables() if isinstance(m._meta.pk, models.CharField | models.TextField)]
    assert texts == [], "order their dump with a collation of its own"
