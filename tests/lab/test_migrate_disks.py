"""Machines that move with their disks between hosts whose pools are their own; asserted on both hosts."""

import os
import re
from io import BytesIO
from pathlib import Path

import pytest

from tests.lab.engine import engine
from tests.lab.fixtures import lab_pair
from tests.lab.pair import OWN_FOLDER, Pair, apart, slowly, told
from tests.service.made_up import end_of, until
from vrabec.hypervisor import connection, migrate, transfer
from vrabec.hypervisor.migrate import Place
from vrabec.lib.actor import SYSTEM
from vrabec.models.hosts import POOL
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen
from vrabec.services.jobs import cancel_job, retry_job
from vrabec.services.vm_migrate import migrate_vm

__all__ = ["apart", "engine", "lab_pair"]
pytestmark = pytest.mark.lab


def test_a_machine_moves_with_its_disk_and_leaves_none_behind(apart: Pair, tmp_path: Path) -> None:
    before = apart.volumes[0]
    job = end_of(migrate_vm(SYSTEM, vm=apart.row, to="two"))
    assert (job.state, job.error_message, job.error_raw) == (JobState.DONE, "", "")
    assert apart.places == (Place.ABSENT, Place.ON)
    assert apart.virsh == [[], ["main.swept"]]
    assert apart.volumes == [[], before]
    assert apart.at == "two"
    (disk,) = (name for name in before if name.endswith(".qcow2"))
    apart.labs[1].run("qemu-img", "compare", "-U", str(tmp_path / "random"), f"{OWN_FOLDER}/{disk}")
    back = end_of(migrate_vm(SYSTEM, vm=apart.row, to="one"))
    assert (back.state, back.error_message) == (JobState.DONE, "")
    assert (apart.virsh, apart.volumes, apart.at) == ([["main.swept"], []], [before, []], "one")


def test_a_cancelled_copy_leaves_nothing_on_the_target(apart: Pair) -> None:
    before = apart.volumes[0]
    slowly(apart)
    job = migrate_vm(SYSTEM, vm=apart.row, to="two")
    until(lambda: told(job).get("total_bytes", 0) > 64 * 2**20)
    assert apart.volumes == [before, before]
    cancel_job(SYSTEM, job=Job.objects.get(pk=job.pk))
    assert end_of(job).state == JobState.CANCELLED
    stays(apart, before)


def test_a_target_that_dies_in_the_copy_keeps_nothing_when_it_is_back(apart: Pair) -> None:
    before = apart.volumes[0]
    slowly(apart)
    job = migrate_vm(SYSTEM, vm=apart.row, to="two")
    until(lambda: apart.places[1] == Place.BETWEEN)
    apart.labs[1].power_loss()
    until(lambda: Job.objects.get(pk=job.pk).state != JobState.RUNNING)
    assert migrate.place(apart.hosts[0], apart.uuid) == Place.ON
    apart.labs[1].power_on()
    ended = end_of(job)
    if ended.state == JobState.STUCK:  # it was away too long for so hasty an engine
        ended = end_of(retry_job(SYSTEM, job=ended))
    assert ended.state == JobState.FAILED
    with connection.open_host(apart.labs[1].uri) as apart.hosts[1]:
        stays(apart, before)


def test_too_little_room_is_said_before_anything_begins(apart: Pair) -> None:
    before = apart.volumes[0]
    apart.labs[1].fill_disk()
    ballast = apart.labs[1].storage / "ballast"
    os.truncate(ballast, ballast.stat().st_size - 4 * 2**20)  # libvirt itself wants some
    job = end_of(migrate_vm(SYSTEM, vm=apart.row, to="two"))
    said = r"It cannot move there\. Its disks take 9 MiB; two has [34] MiB free in its pool vrabec\."
    assert re.fullmatch(said, job.error_message)
    stays(apart, before)


def test_a_volume_of_its_disks_name_is_left_alone(apart: Pair) -> None:
    before = apart.volumes[0]
    data = b"somebody else's"
    (disk,) = (name for name in before if name.endswith(".qcow2"))
    transfer.upload(apart.hosts[1], POOL, disk, BytesIO(data), len(data))
    job = end_of(migrate_vm(SYSTEM, vm=apart.row, to="two"))
    assert job.error_message == (f"It cannot move there. two has a volume {disk} in its pool {POOL} already.")
    assert transfer.download(apart.hosts[1], POOL, disk, 100) == data
    assert apart.volumes == [before, [disk]]


def stays(apart: Pair, volumes: list[str]) -> None:
    """It runs on its first host with these volumes, and the other has nothing."""
    assert apart.places == (Place.ON, Place.ABSENT)
    assert apart.volumes == [volumes, []]
    assert (apart.at, apart.row.seen) == ("one", Seen.RUNNING)
