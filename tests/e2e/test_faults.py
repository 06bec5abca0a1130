"""What goes wrong in the middle: then the host holds all of a machine or nothing, and the job says why."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from threading import Barrier
from typing import Any

import pytest

from tests.e2e.controller import ADMINISTRATOR, PASSWORD, Controller
from tests.e2e.machines import Machines
from tests.e2e.moments import MOMENTS, frozen_at
from tests.e2e.onhost import OnHost
from tests.e2e.waiting import PATIENCE_SECONDS, wait_until
from tests.lab import LabHost
from vrabec_client.errors import Conflict, NoCapacity, VrabecError, WrongState

NAME = "wren"
LONG = {"run": ["true " + "x" * 3900] * 50}
"""Makes a seed of 260 KiB: a disk of 200 KiB fits where it does not."""
EMULATOR = "/usr/bin/qemu-system-x86_64"
WRAPPER = """\
#!/bin/sh
case "$*" in *guest=*) echo "qemu-system-x86_64: out of luck" >&2; exit 1 ;; esac
exec /usr/bin/yes "$@"
"""


@pytest.fixture
def host(controller: Controller, on_host: OnHost, machines: Machines) -> Iterator[LabHost]:
    """The host with the template on it; mended at the end."""
    wait_until(lambda: room_mib(machines) > 0, "room that was made is seen")
    if not on_host.templates():
        machines.create("first")
        machines.delete_all()
    yield controller.host
    controller.host.free_disk()
    if not controller.host.answers():
        controller.host.restart_libvirtd()
    controller.wait_online()


def create(machines: Machines, **wish: Any) -> int:
    """Ask for a machine; gives the job's id."""
    return int(machines.client.create_vm(NAME, **wish)["job"]["id"])


def assert_undone(machines: Machines, on_host: OnHost, job: dict[str, Any], *says: str) -> None:
    """The job failed with a sentence that has these parts; neither host nor list has anything of it."""
    assert job["state"] == "failed", job
    assert [part for part in says if part not in job["error"]] == [], job["error"]
    assert machines.present() == {}
    assert on_host.remains() == []


def assert_whole(machines: Machines, on_host: OnHost, job_id: int) -> None:
    """The job makes the machine, and its guest comes up."""
    job = machines.client.wait_for_job(job_id, timeout=PATIENCE_SECONDS)
    machines.client.wait_until_ready(job["vm"] or 0, timeout=PATIENCE_SECONDS)
    assert on_host.domains() == {f"main.{NAME}": "running"}
    assert sorted(name.rpartition("-")[2].rpartition(".")[2] for name in on_host.files()) == ["iso", "qcow2"]


def assert_retry_works(machines: Machines, on_host: OnHost, job: dict[str, Any]) -> None:
    """Once the cause is gone the same job, done again, makes the machine."""
    assert_whole(machines, on_host, machines.client.retry_job(job["id"])["id"])


def last_step(job: dict[str, Any]) -> str:
    """The title of the step that a job came to."""
    return str([step["title"] for step in job["steps"] if step["begun"]][-1])


# --- a full disk


def room_mib(machines: Machines) -> int:
    """What is left on the host's disk, as we saw it last."""
    return int(machines.client.find_host("kvm1")["pool_free_mib"])


def create_on_full_disk(machines: Machines, host: LabHost, spare_kib: int = 0, **wish: Any) -> int:
    """Ask for a machine after the disk got full and before we have seen it; gives the job's id."""
    for _ in range(5):
        wait_until(lambda: room_mib(machines) > 0, "there is room")
        host.fill_disk()
        ballast = host.storage / "ballast"
        os.truncate(ballast, ballast.stat().st_size - spare_kib * 1024)
        with suppress(NoCapacity):
            return create(machines, **wish)
        host.free_disk()
    raise AssertionError("each time the full disk was seen at once")


@pytest.mark.parametrize(
    ("spare_kib", "step"),
    [(0, "Put the template on the host"), (0, "Create the disk"), (300, "Create the seed")],
)
def test_a_full_disk_fails_the_create_and_leaves_nothing(
    spare_kib: int, step: str, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    if step == "Put the template on the host":
        on_host.drop_templates()
    job = machines.ended(create_on_full_disk(machines, host, spare_kib, **LONG))
    assert_undone(machines, on_host, job, "The host's disk is full.")
    assert last_step(job) == step
    host.free_disk()
    assert_retry_works(machines, on_host, job)


def test_room_that_was_made_on_a_full_disk_is_used_again(
    machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    assert machines.ended(create_on_full_disk(machines, host))["state"] == "failed"
    wait_until(lambda: room_mib(machines) == 0, "the full disk is seen")
    with pytest.raises(NoCapacity, match="0 MiB of disk left"):
        create(machines)
    host.free_disk()
    wait_until(lambda: room_mib(machines) > 0, "the room is seen")
    assert_whole(machines, on_host, create(machines))


# --- libvirtd dies


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_create_is_undone_when_libvirtd_is_killed_in_its_middle(
    moment: str, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    if moment == "template":
        on_host.drop_templates()
    with frozen_at(host, moment) as frozen:
        job_id = create(machines)
        frozen.wait()
        host.kill_libvirtd()
    host.restart_libvirtd()
    job = machines.ended(job_id)
    assert_undone(machines, on_host, job, "The connection to the host broke off.")
    assert_retry_works(machines, on_host, job)


# --- QEMU dies


@contextmanager
def broken_emulator(host: LabHost) -> Iterator[None]:
    """QEMU answers libvirt's questions, but ends where it should run a guest."""
    (host.storage / "wrapper").write_text(WRAPPER)
    (host.storage / "wrapper").chmod(0o755)
    # In place of some other program: QEMU looks for its files beside the folder that it lies in.
    host.run("mount", "--bind", EMULATOR, "/usr/bin/yes")
    host.run("mount", "--bind", "/var/lib/libvirt/wrapper", EMULATOR)
    try:
        yield
    finally:
        host.run("umount", EMULATOR, "/usr/bin/yes")


def test_a_machine_whose_qemu_dies_at_its_start_is_taken_back(
    machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    with broken_emulator(host):
        job = machines.ended(create(machines))
        assert_undone(machines, on_host, job, "QEMU ended", "out of luck")
    assert_retry_works(machines, on_host, job)


def test_a_machine_whose_qemu_is_killed_is_shown_crashed_and_starts_again(
    machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    vm = machines.create(NAME)
    [qemu] = host.guest_pids()
    os.kill(qemu, 9)
    wait_until(lambda: machines.present()[NAME]["state"] == "crashed", "the machine is shown crashed")
    assert machines.present()[NAME]["wished"] == "on"
    assert_whole(machines, on_host, machines.client.start_vm(vm["id"])["job"]["id"])


# --- files that are gone


def test_a_template_that_is_gone_from_the_host_is_put_there_again(
    machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    before = on_host.templates()
    on_host.drop_templates()
    assert_whole(machines, on_host, create(machines))
    assert on_host.templates() == before


def test_a_template_that_is_gone_everywhere_is_said_with_the_way_out(
    controller: Controller, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    on_host.drop_templates()
    store, away = controller.data / "templates", controller.root / "away"
    shutil.move(store, away)
    try:
        job = machines.ended(create(machines))
    finally:
        shutil.move(away, store)
    assert_undone(machines, on_host, job, "vrabec template build tiny")
    assert_retry_works(machines, on_host, job)


# --- a host that hangs


def test_pages_and_rest_answer_while_a_host_hangs(
    controller: Controller, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    vm = machines.create(NAME)
    visitor = controller.visitor()
    visitor.sign_in(ADMINISTRATOR, PASSWORD)
    host.hang()
    wait_until(lambda: machines.client.find_host("kvm1")["state"] == "unreachable", "the hang is noticed")
    assert machines.present()[NAME]["state"] == "unknown"
    assert "Does not answer" in visitor.get("/hosts").text
    for page in ("/", f"/machines/{vm['id']}", "/machines/new", "/jobs", "/templates"):
        assert visitor.get(page).status == 200
    with pytest.raises(WrongState, match="does not answer"):
        machines.client.power_off_vm(vm["id"])
    host.resume()
    wait_until(lambda: machines.present()[NAME]["state"] == "running", "the machine is seen again")
    assert on_host.domains() == {f"main.{NAME}": "running"}


def test_a_create_goes_on_after_a_short_hang(machines: Machines, on_host: OnHost, host: LabHost) -> None:
    with frozen_at(host, "disk") as frozen:
        job_id = create(machines)
        frozen.wait()
        assert machines.client.get_job(job_id)["state"] == "running"
    assert_whole(machines, on_host, job_id)


@pytest.mark.parametrize("moment", ["disk", "process"])
def test_a_create_is_undone_after_a_long_hang(
    moment: str, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    with frozen_at(host, moment) as frozen:
        job_id = create(machines)
        frozen.wait()
        wait_until(lambda: machines.client.get_job(job_id)["state"] == "undoing", "the call is given up")
    assert_undone(machines, on_host, machines.ended(job_id), "The connection to the host broke off.")


# --- people


def test_a_create_that_is_cancelled_in_its_middle_leaves_nothing(
    machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    with frozen_at(host, "disk") as frozen:
        job_id = create(machines)
        frozen.wait()
        machines.client.cancel_job(job_id)
    assert machines.ended(job_id)["state"] == "cancelled"
    assert machines.present() == {}
    assert on_host.remains() == []


def test_of_two_creates_of_one_name_at_once_one_wins_and_the_other_is_told(
    controller: Controller, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    barrier = Barrier(2)

    def ask() -> int | VrabecError:
        with controller.client() as client:
            client.me()
            barrier.wait()
            try:
                return int(client.create_vm(NAME)["job"]["id"])
            except VrabecError as error:
                return error

    with ThreadPoolExecutor(2) as pool:
        answers = [future.result() for future in [pool.submit(ask), pool.submit(ask)]]
    [job_id] = [answer for answer in answers if isinstance(answer, int)]
    [refusal] = [answer for answer in answers if isinstance(answer, VrabecError)]
    assert isinstance(refusal, Conflict)
    assert refusal.field == "name"
    assert NAME in refusal.message
    assert_whole(machines, on_host, job_id)


# --- the controller itself


@pytest.mark.parametrize(
    ("which", "moment"), [*(("engine", moment) for moment in MOMENTS), ("tree", "disk"), ("tree", "process")]
)
def test_a_create_goes_on_after_the_controller_was_killed_in_its_middle(  # noqa: PLR0917
    which: str, moment: str, controller: Controller, machines: Machines, on_host: OnHost, host: LabHost
) -> None:
    if moment == "template":
        on_host.drop_templates()
    with frozen_at(host, moment) as frozen:
        job_id = create(machines)
        frozen.wait()
        controller.kill(which)
    if which == "tree":
        controller.start()
    assert_whole(machines, on_host, job_id)
    assert machines.client.get_job(job_id)["state"] == "done"


@pytest.mark.parametrize("length", ["declared", "chunked"])
def test_a_huge_body_is_refused_and_the_next_request_is_served(length: str, controller: Controller) -> None:
    visitor = controller.visitor()
    body = b"x" * 3_000_000
    sent = body if length == "declared" else iter([body])
    answer = visitor.send("POST", "/api/v1/vms", sent, **{"Content-Type": "application/json"})
    assert answer.status == 413
    assert "1 MiB" in answer.json()["error"]["message"]
    assert visitor.get("/api/v1/").status == 200
