"""How long `vrabec vm list` keeps a person waiting."""

import os
import resource
import subprocess
import sys
from typing import Any

import libvirt

from tests.bench.figures import median, now_ms, quartiles
from tests.e2e.controller import REPOSITORY, Controller
from tests.e2e.waiting import wait_until
from tests.lab.guests import diskless

COMMAND = (sys.executable, "-m", "vrabec_client", "vm", "list")


def measure(controller: Controller, runs: int, machines: int) -> dict[str, Any]:
    """The line of `scripts/bench cli`."""
    _fill(controller, machines)
    _list(controller)  # once for the disk's cache
    cpu_s = _children_cpu_s()
    times = [_list(controller) for _ in range(runs)]
    return {
        "vm_list_ms": median(times),
        "spread": {"vm_list_ms": quartiles(times)},
        "cpu_ms": round((_children_cpu_s() - cpu_s) / runs * 1000, 2),
        "runs": runs,
        "machines": machines,
    }


def _fill(controller: Controller, machines: int) -> None:
    """Machines that somebody defined on the host: an administrator's list shows them."""
    raw = libvirt.open(controller.host.uri)
    for number in range(machines):
        raw.defineXML(diskless(f"bench-{number:04d}"))
    raw.close()
    with controller.client() as client:
        wait_until(lambda: client.list_vms()["total"] == machines, "all machines are listed")


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _list(controller: Controller) -> float:
    login = {
        "VRABEC_URL": controller.url,
        "VRABEC_TOKEN": controller.token,
        "VRABEC_FINGERPRINT": controller.fingerprint,
    }
    began = now_ms()
    subprocess.run(COMMAND, check=True, cwd=REPOSITORY, env=os.environ | login, stdout=subprocess.DEVNULL)
    return now_ms() - began
