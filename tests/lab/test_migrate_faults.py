"""Daemons that die or hang while a machine moves, and people who do other things with it meanwhile."""

import pytest

from tests.lab.engine import engine
from tests.lab.fixtures import lab_pair
from tests.lab.host import LabHost
from tests.lab.pair import Pair, pair, slow_down, slowly, told
from tests.service.made_up import end_of, until
from vrabec.hypervisor import connection
from vrabec.lib.actor import SYSTEM
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Wished
from vrabec.services.jobs import retry_job
from vrabec.services.vm_migrate import migrate_vm

__all__ = ["engine", "lab_pair", "pair"]
pytestmark = pytest.mark.lab


def restart(lab: LabHost, job: Job) -> None:
    """Kill the daemon and start it anew: the guest lives on."""
    lab.restart_libvirtd()


def hang(lab: LabHost, job: Job) -> None:
    """Stop the daemon until the job has noticed, and let it wake."""
    lab.hang()
    try:
        until(lambda: Job.objects.get(pk=job.pk).state != JobState.RUNNING)
    finally:
        lab.resume()


@pytest.mark.parametrize("which", [0, 1], ids=["source", "target"])
def test_a_daemon_that_dies_or_hangs_in_a_move_leaves_it_where_it_is(
    pair: Pair, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "KEEPALIVE_INTERVAL_S", 1)
    slowly(pair)
    for fault in (restart, hang):
        slow_down(pair)
        job = migrate_vm(SYSTEM, vm=pair.row, to="two")
        until(lambda job=job: told(job).get("total_bytes"))  # type: ignore[misc]
        fault(pair.labs[which], job)
        ended = end_of(job)
        if ended.state == JobState.STUCK:  # it was away too long for so hasty an engine
            ended = end_of(retry_job(SYSTEM, job=ended))
        assert ended.state == JobState.FAILED, fault.__name__
        assert running(pair) == [["main.swept"], []]
        assert pair.virsh == [["main.swept"], []]
        assert (pair.at, pair.row.seen, pair.row.wished) == ("one", Seen.RUNNING, Wished.ON)


def running(pair: Pair) -> list[list[str]]:
    """What runs, not what is paused."""
    return [lab.run("virsh", "list", "--name", "--state-running").split() for lab in pair.labs]


def test_a_move_that_somebody_began_by_virsh_is_not_disturbed(pair: Pair) -> None:
    slowly(pair)
    one, two = pair.labs
    command = f"virsh migrate --live --unsafe main.swept qemu+unix:///system?socket={two.socket} tcp://two"
    one.run("sh", "-c", f"{command} >/dev/null 2>&1 &")
    until(lambda: "Time elapsed" in one.run("virsh", "domjobinfo", "main.swept"))
    job = end_of(migrate_vm(SYSTEM, vm=pair.row, to="two"))
    assert job.error_message == "Somebody else moves swept already, on its host."
    assert "Time elapsed" in one.run("virsh", "domjobinfo", "main.swept")
    assert (pair.at, pair.row.seen) == ("one", Seen.RUNNING)


def test_a_machine_that_virsh_renamed_meanwhile_moves_under_its_new_name(pair: Pair) -> None:
    one, vm = pair.labs[0], pair.row
    for command in (("destroy", "main.swept"), ("domrename", "main.swept", "heron"), ("start", "heron")):
        one.run("virsh", *command)
    assert end_of(migrate_vm(SYSTEM, vm=vm, to="two")).state == JobState.DONE
    assert pair.virsh == [[], ["heron"]]
    assert (pair.at, pair.row.pk, pair.row.domain_name) == ("two", vm.pk, "heron")
