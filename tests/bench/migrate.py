"""How long a move takes as a job, and how long the machine stands still, beside `virsh migrate`.

The engine runs in a thread of this process: the lab's folder is one that libvirt does not know to be shared,
and only here can it be told to move all the same. Nobody watches the hosts meanwhile.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from tests.bench.figures import Calibration, median, now_ms, quartiles
from tests.bench.steps import steps_ms
from tests.lab.host import LabHost
from tests.lab.switch import LabSwitch
from tests.sweep.machines import make_template
from tests.sweep.migrate import Moves
from tests.sweep.stage import Stage

FLAGS = ("--live", "--persistent", "--undefinesource", "--auto-converge", "--unsafe")
NAMES = ("lab", "other")
LOOK_SECONDS = 0.2
"""Who waits is in this process, too, and must not keep the engine from its work."""
Took = tuple[float, int]
"""Milliseconds of the whole and of standing still."""


def measure(runs: int) -> dict[str, Any]:
    """The line of `scripts/bench migrate`: so many pairs, each to the other host and back."""
    with Stage(), tempfile.TemporaryDirectory(prefix="vrabec-bench-") as folder, LabSwitch() as switch:
        calibration = Calibration(Path(folder))
        with _host(folder, "one", switch) as one, _host(folder, "two", switch) as two:
            template = make_template(Path(folder) / "template.qcow2")
            moves = Moves(one.uri, template, other=two.uri, shared=f"{folder}/shared")
            moves.prepare()
            calibration.take()
            with _engine(moves):
                figures = _figures(moves, (one.uri, two.uri), runs)
            calibration.take()
        return {"bench": "migrate", **figures, "calibration": calibration.result()}


def _host(folder: str, name: str, switch: LabSwitch) -> LabHost:
    return LabHost(name, Path(folder) / name, storage_mib=64, switch=switch)


@contextmanager
def _engine(moves: Moves) -> Iterator[None]:
    from vrabec.jobs.engine import Engine

    moves.register()
    engine = Engine(2)
    thread = Thread(target=engine.run)
    thread.start()
    yield
    engine.stop()
    thread.join()


def _figures(moves: Moves, uris: tuple[str, str], runs: int) -> dict[str, Any]:
    """Ours one way, the floor's back; every other pair the other way round. The first is not counted."""
    ours: list[Took] = []
    floor: list[Took] = []
    for number in range(runs + 1):
        for is_ours in (True, False) if number % 2 == 0 else (False, True):
            (ours if is_ours else floor).append(_ours(moves) if is_ours else _by_hand(moves, uris))
    ours, floor = ours[1:], floor[1:]
    more = [mine[0] - other[0] for mine, other in zip(ours, floor, strict=True)]
    return {
        "runs": runs,
        "ours_ms": median([took for took, _ in ours]),
        "floor_ms": median([took for took, _ in floor]),
        "more_ms": median(more),
        "downtime_ms": median([still for _, still in ours]),
        "floor_downtime_ms": median([still for _, still in floor]),
        "spread": {
            "ours_ms": quartiles([took for took, _ in ours]),
            "floor_ms": quartiles([took for took, _ in floor]),
            "more_ms": quartiles(more),
        },
        "steps_ms": steps_ms(_jobs()),
    }


def _jobs() -> list[dict[str, Any]]:
    """As REST gives them."""
    from vrabec.models.jobs import Job

    return [
        {
            "state": job.state,
            "created_at": str(job.created_at),
            "started_at": str(job.started_at),
            "steps": job.steps,
        }
        for job in Job.objects.all()
    ]


def _ours(moves: Moves) -> Took:
    """By a service, as every front end asks for it, up to the end of the job, as its row says."""
    from vrabec.lib.actor import SYSTEM
    from vrabec.lib.clock import now
    from vrabec.models.vms import Vm
    from vrabec.services.vm_migrate import migrate_vm

    began = now()
    job = migrate_vm(SYSTEM, vm=Vm.objects.select_related("host").get())
    while job.finished_at is None:
        time.sleep(LOOK_SECONDS)
        job.refresh_from_db()
    if job.state != "done":
        raise RuntimeError(f"{job.error_message} {job.error_raw}")
    return (job.finished_at - began).total_seconds() * 1000, _still(moves)


def _by_hand(moves: Moves, uris: tuple[str, str]) -> Took:
    """By virsh; the row is told afterwards, as inventory and we would."""
    from vrabec.models.hosts import Host
    from vrabec.models.vms import Vm

    vm = Vm.objects.select_related("host").get()
    here = NAMES.index(vm.host.name) if vm.host else 0
    command = ["virsh", "-q", "-c", uris[here], "migrate", *FLAGS, vm.domain_name, uris[1 - here]]
    began = now_ms()
    subprocess.run(command, check=True)
    took = now_ms() - began
    Vm.objects.update(host=Host.objects.get(name=NAMES[1 - here]))
    return took, _still(moves)


def _still(moves: Moves) -> int:
    """How long the last move let it stand still, as libvirt says on the host it is on."""
    from vrabec.hypervisor import migrate
    from vrabec.models.vms import Vm

    vm = Vm.objects.select_related("host").get()
    host = moves.there if vm.host and vm.host.name == "other" else moves.host
    return migrate.downtime_ms(host, str(vm.uuid)) or 0
