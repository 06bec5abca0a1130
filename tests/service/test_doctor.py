"""vrabecd doctor finds what is broken, and says what to do."""

import fcntl
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tests.configuration import write_config
from tests.unit.tls_servers import recorder
from vrabec.config.doctor import examine
from vrabec.config.findings import Finding, Grade
from vrabec.config.tls import LIFE, ensure_certificate
from vrabec.lib.clock import now
from vrabec.lib.heartbeat import beat
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of a controller in which all is well, though it does not run."""
    path = write_config(tmp_path, "")
    path.write_text(f"{path.read_text()}port = {free_port()}\n")
    monkeypatch.setenv("VRABEC_CONFIG", str(path))
    data = tmp_path / "data"
    data.chmod(0o700)
    for key in ("secret.key", "seal.key"):
        (data / key).write_text("secret")
        (data / key).chmod(0o600)
    ensure_certificate(data / "tls/certificate.pem", data / "tls/key.pem")
    return tmp_path


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def found(name: str) -> Finding:
    """The worst finding of this name."""
    order = list(Grade)
    return max((f for f in examine() if f.name == name), key=lambda f: order.index(f.grade))


def test_nothing_is_broken_where_all_is_well(site: Path) -> None:
    assert {finding.name for finding in examine() if finding.grade == Grade.FAIL} == set()


def test_a_setting_that_does_not_exist_is_named_and_ends_the_look(site: Path) -> None:
    (site / "vrabec.toml").write_text("prot = 8443\n")
    assert list(examine()) == [
        Finding(Grade.FAIL, "settings", f"{site}/vrabec.toml: there is no setting prot.")
    ]


@pytest.mark.parametrize(
    ("line", "said"), [("port = 0", "port"), ("job_threads = 0", "job_threads"), ("names = []", "names")]
)
def test_a_setting_that_makes_no_sense_is_named(site: Path, line: str, said: str) -> None:
    (site / "vrabec.toml").write_text(line)
    assert found("settings").grade == Grade.FAIL
    assert said in found("settings").text


def test_missing_data_ask_for_migrate(site: Path) -> None:
    (site / "vrabec.toml").write_text(f'data_dir = "{site}/none"\nrun_dir = "{site}"\nport = {free_port()}\n')
    assert found("data") == Finding(Grade.FAIL, "data", f"There is no {site}/none: run vrabecd migrate.")
    assert "run vrabecd migrate" in found("certificate").text


def test_data_that_others_may_read_are_a_warning(site: Path) -> None:
    (site / "data").chmod(0o755)
    assert found("data") == Finding(
        Grade.WARN, "data", f"Others may look into {site}/data: chmod 700 {site}/data."
    )


@pytest.mark.parametrize("key", ["secret.key", "seal.key"])
def test_a_missing_key_asks_for_migrate(site: Path, key: str) -> None:
    (site / "data" / key).unlink()
    assert found("data").text == f"There is no {key} in {site}/data: run vrabecd migrate."


@pytest.mark.parametrize(
    ("later", "grade"),
    [
        (LIFE - timedelta(days=40), Grade.OK),
        (LIFE - timedelta(days=20), Grade.WARN),
        (LIFE + timedelta(days=1), Grade.FAIL),
    ],
)
def test_a_certificate_is_renewed_in_time(
    site: Path, monkeypatch: pytest.MonkeyPatch, later: timedelta, grade: Grade
) -> None:
    today = now()
    monkeypatch.setattr("vrabec.config.doctor.now", lambda: today + later)
    assert found("certificate").grade == grade
    assert (grade == Grade.OK) != ("run vrabecd migrate and restart" in found("certificate").text)


def test_a_clock_before_the_certificate_is_to_be_set(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vrabec.config.doctor.now", lambda: now() - timedelta(days=365 * 20))
    assert "set it" in found("clock").text
    assert found("certificate").text == "It is not valid yet: set the clock."


def test_a_record_from_the_future_says_that_the_clock_went_back(site: Path) -> None:
    Audit.objects.create(
        at=now() + timedelta(hours=3), actor="ada", action="vm.start", kind="vm", subject="x"
    )
    assert found("clock").grade == Grade.FAIL
    assert "yet to come" in found("clock").text


def test_a_key_of_another_certificate_is_found(site: Path) -> None:
    ensure_certificate(site / "other.pem", site / "other.key")
    (site / "other.key").replace(site / "data/tls/key.pem")
    assert found("certificate").grade == Grade.FAIL
    assert "do not belong together" in found("certificate").text


def test_missing_migrations_are_counted(site: Path) -> None:
    [newest] = MigrationLoader(connection).graph.leaf_nodes("vrabec")
    MigrationRecorder(connection).record_unapplied(*newest)
    assert found("database").grade == Grade.FAIL
    assert "run vrabecd migrate" in found("database").text


def test_another_program_on_the_port_is_found(site: Path, mute: int) -> None:
    (site / "vrabec.toml").write_text(f'data_dir = "{site}/data"\nrun_dir = "{site}/run"\nport = {mute}\n')
    assert found("port").grade == Grade.FAIL
    assert "look what it is" in found("port").text


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a program that hangs up on whoever calls."""
    from threading import Thread

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=_hang_up, args=[server])
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _hang_up(server: socket.socket) -> None:
    while True:
        try:
            server.accept()[0].close()
        except OSError:
            return


def test_a_console_process_that_does_not_answer_is_found(site: Path) -> None:
    with (site / "run/engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert found("console").grade == Grade.FAIL
        assert "do not open" in found("console").text
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(site / "run/console.sock"))
            listener.listen()
            assert found("console") == Finding(Grade.OK, "console", "runs")


@pytest.mark.parametrize(
    "file",
    [
        "secret.key",
        "seal.key",
        "ssh/id_ed25519",
        "pki/clientkey.pem",
        "tls/key.pem",
        "backups/20260101T000000Z-x.tar.gz",
    ],
)
def test_a_secret_that_others_may_read_is_found(site: Path, file: str) -> None:
    path = site / "data" / file
    path.parent.mkdir(exist_ok=True)
    path.touch(mode=0o600)
    assert found("secrets").grade == Grade.OK
    path.chmod(0o644)
    assert found("secrets") == Finding(Grade.FAIL, "secrets", f"Others may read {path}: chmod go= {path}.")


def test_settings_with_a_password_are_secret_but_for_a_group(site: Path) -> None:
    settings = site / "vrabec.toml"
    url = "postgresql://vrabec:secret@127.0.0.1:1/vrabec"
    settings.write_text(settings.read_text().replace('""', f'"{url}"'))
    settings.chmod(0o640)
    assert found("secrets").grade == Grade.OK
    settings.chmod(0o644)
    assert found("secrets").text == f"Others may read {settings}: chmod g-w,o= {settings}."


def test_an_engine_that_stands_still_is_found(site: Path) -> None:
    with recorder([[], []], site / "data/tls/certificate.pem") as server:
        settings = f'data_dir = "{site}/data"\nrun_dir = "{site}/run"\nport = {server.port}\n'
        (site / "vrabec.toml").write_text(settings)
        with (site / "run/engine.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for loop in ("jobs", "inventory"):
                beat(site / f"run/{loop}.beat")
            assert found("engine") == Finding(Grade.OK, "engine", "runs")
            (site / "run/inventory.beat").unlink()
            assert "its loop inventory has not moved since it started: see the log" in found("engine").text


def test_an_engine_without_pages_is_found(site: Path) -> None:
    with (site / "run/engine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "The engine runs, but nothing answers" in found("port").text


def test_a_host_that_answers_is_well(site: Path) -> None:
    Host.objects.create(name="one", uri="test:///default", domain_type="qemu")
    assert found("host") == Finding(Grade.OK, "host", "one answers")
    assert "emulates its guests" in found("kvm").text


def test_a_host_that_does_not_answer_is_named(site: Path) -> None:
    Host.objects.create(name="two", uri="qemu+unix:///system?socket=/nowhere", domain_type="kvm")
    assert found("host").grade == Grade.FAIL
    assert found("host").text.startswith("two: ")
