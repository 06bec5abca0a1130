"""A machine that is changed on a real host: what its domain, its files and its row say afterwards."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import transaction

from tests.lab.engine import engine
from tests.lab.fixtures import lab_host
from tests.lab.host import LabHost
from tests.service.made_up import end_of
from tests.sweep.machines import POOL, Deletes, empty, make_template
from vrabec.hypervisor import domains, edits, lifecycle, storage, transfer, xml
from vrabec.hypervisor.spec import DomainState
from vrabec.lib.actor import SYSTEM
from vrabec.models.jobs import JobState
from vrabec.models.vms import Seen, Vm
from vrabec.services import vms
from vrabec.services.jobs import retry_job
from vrabec.services.vm_clone import CloneWish, clone_vm
from vrabec.services.vm_edit import rename_vm, resize_vm
from vrabec.services.wishes import VmSizes
from vrabec.workflows.vms import disk_name, read_seed, seed_name

__all__ = ["engine", "lab_host"]
pytestmark = pytest.mark.lab
NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGivenWithTheCopy000000000000000000000000000000 tom"


class Off(Deletes):
    """A machine that is off."""

    seen = "OFF"


@pytest.fixture
def off(engine: None, lab_host: LabHost, tmp_path: Path) -> Iterator[Off]:
    """A machine that is off, on the host and in a row."""
    stage = Off(lab_host.uri, make_template(tmp_path / "template.qcow2"))
    stage.prepare()
    yield stage
    empty(stage.host)
    stage.host.close()


def row() -> Vm:
    return Vm.objects.select_related("host", "project", "template").get()


def test_a_renamed_machine_starts_from_its_old_disk(off: Off) -> None:
    before = row()
    job = end_of(rename_vm(SYSTEM, vm=before, name="other"))
    assert (job.state, row().name, row().domain_name) == (JobState.DONE, "other", "main.other")
    found = domains.facts(off.host, str(before.uuid))
    assert found is not None
    assert (found.name, found.title, found.disks[0].path) == ("main.other", "other", off.disk_path(before))
    assert end_of(vms.start_vm(SYSTEM, vm=row())).state == JobState.DONE
    assert end_of(vms.delete_vm(SYSTEM, vm=row())).state == JobState.DONE
    assert [name for name in storage.volume_names(off.host, POOL) if name.startswith("main.")] == []


def said(off: Off, vm: Vm) -> dict[str, Any]:
    """What a guest is told, but for the network."""
    texts = read_seed(off.host, vm)
    return yaml.safe_load(texts["meta-data"]) | yaml.safe_load(texts["user-data"])  # type: ignore[no-any-return]


def test_a_renamed_machine_tells_its_guest_and_nothing_else_anew(off: Off) -> None:
    before = said(off, row())
    job = end_of(rename_vm(SYSTEM, vm=row(), name="other"))
    assert (job.state, set(job.args)) == (JobState.DONE, {"name", "domain_name", "before"})
    assert said(off, row()) == before | {"hostname": "other", "local-hostname": "other"}


def test_a_machine_whose_seed_is_not_ours_is_renamed_all_the_same(off: Off) -> None:
    theirs = b"x" * 2048
    transfer.upload(off.host, POOL, seed_name(row()), BytesIO(theirs), len(theirs))
    assert end_of(rename_vm(SYSTEM, vm=row(), name="other")).state == JobState.DONE
    assert transfer.download(off.host, POOL, seed_name(row()), 4096) == theirs
    storage.delete_volume(off.host, POOL, seed_name(row()))
    assert end_of(rename_vm(SYSTEM, vm=row(), name="third")).state == JobState.DONE
    assert row().name == "third"


def test_a_rename_that_comes_too_late_leaves_the_guest_its_old_name(off: Off) -> None:
    vm, before = row(), said(off, row())
    with transaction.atomic():
        job = rename_vm(SYSTEM, vm=vm, name="other")
        Vm.objects.create(name="other", domain_name="main.other-0", project=vm.project)
    job = end_of(job)
    assert (job.state, job.error_code, "seed" in job.args) == (JobState.FAILED, "conflict", False)
    assert said(off, vm) == before


def test_a_machine_that_is_off_is_resized_at_once(off: Off) -> None:
    vm = row()
    job = end_of(resize_vm(SYSTEM, vm=vm, sizes=VmSizes(cpus=2, memory_mib=96, disk_mib=32)))
    assert job.state == JobState.DONE, job.error_message
    found, disk = domains.facts(off.host, str(vm.uuid)), storage.volume(off.host, POOL, disk_name(vm))
    assert found is not None
    assert disk is not None
    assert (found.cpus, found.memory_mib, disk.capacity_mib) == (2, 96, 32)
    vm = row()
    assert (vm.cpus, vm.memory_mib, vm.next_cpus, vm.next_memory_mib, vm.disk_mib) == (2, 96, None, None, 32)


def test_a_resize_that_the_host_refuses_leaves_the_definition_as_it_was(off: Off) -> None:
    vm = row()
    edits.redefine(off.host, str(vm.uuid), _in_sockets)
    before = lifecycle.dump_xml(off.host, str(vm.uuid))
    job = end_of(resize_vm(SYSTEM, vm=vm, sizes=VmSizes(cpus=2, disk_mib=32)))
    assert (job.state, job.error_code) == (JobState.FAILED, "host_error")
    assert "<topology>, written by hand" in job.error_message
    assert xml.canonical(lifecycle.dump_xml(off.host, str(vm.uuid))) == xml.canonical(before)
    assert row().disk_mib == vm.disk_mib


def _in_sockets(root: Any) -> None:
    root.find("cpu").append(xml.element("topology", sockets="1", dies="1", cores="1", threads="1"))


def test_a_resize_on_a_hung_host_says_so_and_may_be_retried(off: Off, lab_host: LabHost) -> None:
    vm = row()
    lab_host.hang()
    try:
        job = end_of(resize_vm(SYSTEM, vm=vm, sizes=VmSizes(cpus=2, disk_mib=32)))
    finally:
        lab_host.resume()
    assert (job.state, job.error_code) == (JobState.FAILED, "unavailable")
    assert "lab does not answer" in job.error_message
    found = domains.facts(off.host, str(vm.uuid))
    assert found is not None
    assert (found.defined_cpus, row().disk_mib) == (1, 16)
    assert end_of(retry_job(SYSTEM, job=job)).state == JobState.DONE
    assert (row().cpus, row().disk_mib) == (2, 32)


def test_a_copy_runs_beside_its_original_and_outlives_it(off: Off) -> None:
    source = row()
    job = end_of(clone_vm(SYSTEM, vm=source, wish=CloneWish("copy", "main", (NEW_KEY,), "secret words")))
    assert job.state == JobState.DONE, job.error_message
    assert "password_hash" not in job.args
    copy = Vm.objects.select_related("host", "project").get(name="copy")
    told, first = said(off, copy), said(off, source)
    assert (told["hostname"], told["instance-id"]) == ("copy", str(copy.uuid))
    assert told["ssh_authorized_keys"] == [*first["ssh_authorized_keys"], NEW_KEY]
    assert told["password"].startswith("$6$")
    assert told["password"] != first["password"]
    found = domains.facts(off.host, str(copy.uuid))
    assert found is not None
    assert (found.name, found.macs, copy.seen) == ("main.copy", (copy.mac,), Seen.OFF)
    assert found.disks[0].path == off.disk_path(copy)
    for vm in (source, copy):
        assert end_of(vms.start_vm(SYSTEM, vm=vm)).state == JobState.DONE
    source.refresh_from_db()
    assert end_of(vms.delete_vm(SYSTEM, vm=source)).state == JobState.DONE
    found = domains.facts(off.host, str(copy.uuid))
    assert found is not None
    assert found.state is DomainState.RUNNING
