"""What people wished outlives a power loss; what others do on a host is a wish, too, and is told at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import libvirt_qemu
import pytest

from tests.e2e.controller import HOST, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost
from tests.e2e.stream import Stream
from tests.e2e.waiting import PATIENCE_SECONDS, wait_until

POWER_OFF = '{"execute": "guest-exec", "arguments": {"path": "/sbin/poweroff"}}'
STAYS, ASKED, INSIDE, VIRSH = "stays", "asked", "inside", "virsh"


@dataclass
class Returned:
    """A host whose power was lost and came back: its machines as Vrabec and as the host say, and new jobs."""

    shown: dict[str, dict[str, Any]]
    found: dict[str, str]
    jobs: list[tuple[str, str]]


@pytest.fixture(scope="module")
def returned(controller: Controller) -> Iterator[Returned]:
    """One machine ran; three were off: asked of Vrabec, by the guest itself, by another client of libvirt."""
    on_host = OnHost(controller.host)
    with controller.client() as client:
        machines = Machines(client)
        made = {name: machines.create(name)["id"] for name in (STAYS, ASKED, INSIDE, VIRSH)}
        _switch_off(machines, on_host, made[ASKED])
        seen = max(job["id"] for job in client.list_jobs()["items"])
        controller.host.power_loss()
        wait_until(lambda: client.find_host(HOST)["state"] == "unreachable", "the loss is noticed")
        controller.host.power_on()
        # The others were looked at in the same sweep that found this one off.
        wait_until(lambda: client.get_vm(made[STAYS])["state"] == "running", "the machine runs again")
        client.wait_until_ready(made[STAYS], timeout=PATIENCE_SECONDS)
        jobs = [(job["kind"], job["title"]) for job in client.list_jobs()["items"] if job["id"] > seen]
        yield Returned(machines.present(), on_host.domains(), jobs)
        machines.delete_all()
    assert on_host.remains() == []


def _switch_off(machines: Machines, on_host: OnHost, asked: int) -> None:
    machines.client.wait_for_job(machines.client.power_off_vm(asked)["job"]["id"], timeout=PATIENCE_SECONDS)
    with on_host.libvirt() as connection:
        libvirt_qemu.qemuAgentCommand(connection.lookupByName(f"main.{INSIDE}"), POWER_OFF, 30, 0)
        connection.lookupByName(f"main.{VIRSH}").shutdown()
    for name in (INSIDE, VIRSH):
        wait_until(lambda name=name: machines.present()[name]["state"] == "off", f"{name} is shown off")


def test_what_ran_runs_again_after_a_power_loss(returned: Returned) -> None:
    assert returned.found[f"main.{STAYS}"] == "running"
    assert (returned.shown[STAYS]["wished"], returned.shown[STAYS]["ready"]) == ("on", True)


@pytest.mark.parametrize("name", [ASKED, INSIDE, VIRSH])
def test_what_was_switched_off_stays_off_after_a_power_loss(name: str, returned: Returned) -> None:
    assert returned.found[f"main.{name}"] == "off"
    assert (returned.shown[name]["wished"], returned.shown[name]["state"]) == ("off", "off")


def test_the_return_starts_each_machine_once(returned: Returned) -> None:
    assert returned.jobs == [("vm.start", f"Start {STAYS}")]


# --- what others do with virsh, told without any question


def test_a_destroy_by_virsh_is_told_and_is_a_wish(
    controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    vm = machines.create("plover")
    with Stream(controller) as stream:
        with on_host.libvirt() as connection:
            connection.lookupByName("main.plover").destroy()
        stream.wait_for_state(vm["id"], "off")
    wait_until(lambda: machines.present()["plover"]["wished"] == "off", "the wish is off, too")


def test_an_undefine_by_virsh_is_told_and_leaves_the_disk(
    controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    vm = machines.create("dunlin")
    with Stream(controller) as stream, on_host.libvirt() as connection:
        domain = connection.lookupByName("main.dunlin")
        domain.destroy()
        domain.undefine()
        stream.wait_for("gone", vm["id"])
    assert machines.present() == {}
    assert len(on_host.files()) == 2
    on_host.delete_files()


def test_a_foreign_machine_is_told_when_it_comes_runs_and_goes(
    controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    with Stream(controller) as stream:
        with on_host.foreign("curlew") as uuid, on_host.libvirt() as connection:
            wait_until(lambda: stream.ids("new"), "a new machine is told")
            [vm_id] = stream.ids("new")
            connection.lookupByUUIDString(uuid).create()
            stream.wait_for_state(vm_id, "running")
            connection.lookupByUUIDString(uuid).suspend()
            stream.wait_for_state(vm_id, "paused")
            [shown] = machines.present().values()
            assert (shown["id"], shown["name"], shown["managed"]) == (vm_id, "curlew", False)
        stream.wait_for("gone", vm_id)
    assert machines.present() == {}
