"""What the person who runs Vrabec relies on, asked of a whole controller with its host."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.controller import HOST, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import wait_until
from tests.postgres import PrivatePostgres


def test_a_running_controller_is_healthy(controller: Controller) -> None:
    wait_until(lambda: controller.visitor().get("/healthz").text == "ok\n", "health is ok")


def test_its_processes_are_measured(controller: Controller) -> None:
    answer = controller.visitor().send("GET", "/metrics", authorization=f"Bearer {controller.token}")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(lines['vrabec_resident_memory_bytes{process="engine"}']) > 2**20
    assert float(lines['vrabec_hosts{state="online"}']) == 1


@pytest.fixture
def postgresql(controller: Controller) -> Iterator[str]:
    """The setting for a database on PostgreSQL; in the end the controller is on SQLite again."""
    settings = controller.root / "vrabec.toml"
    before = settings.read_text()
    cluster = PrivatePostgres().start()
    yield before.replace('database = ""', f'database = "{cluster.url()}"')
    if settings.read_text() != before:
        controller.stop()
        settings.write_text(before)
        controller.start()
    cluster.stop()


def test_from_sqlite_to_postgresql_and_back_machines_run_on_and_are_known(
    controller: Controller, machines: Machines, on_host: OnHost, postgresql: str, tmp_path: Path
) -> None:
    settings = controller.root / "vrabec.toml"
    on_sqlite = settings.read_text()
    wren = machines.create("wren")
    guests = controller.host.guest_pids()
    assert " machine=wren: vm.create is done" in controller.log()
    controller.vrabecd("backup", str(tmp_path / "sqlite.tar.gz"))
    with on_host.foreign("later"):
        for number, database in enumerate((postgresql, on_sqlite)):
            controller.stop()
            settings.write_text(database)
            file = str(tmp_path / ("back.tar.gz" if number else "sqlite.tar.gz"))
            controller.vrabecd("restore", "--replace", file)
            controller.start()
            controller.wait_online()
            wait_until(lambda: {"wren", "later"} <= machines.present().keys(), "both machines are shown")
            found = machines.present()
            assert (found["wren"]["id"], found["wren"]["state"]) == (wren["id"], "running")
            assert not found["later"]["managed"]
            assert controller.host.guest_pids() == guests
            controller.vrabecd("backup", "--force", str(tmp_path / "back.tar.gz"))
    assert machines.client.find_host(HOST)["state"] == "online"
