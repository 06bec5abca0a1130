"""What Vrabec costs while nobody asks anything of it."""

import time
from typing import Any

from tests.bench.processes import Use, uses_of
from tests.bench.ways import WISH
from tests.e2e.controller import Controller
from tests.e2e.waiting import PATIENCE_SECONDS, wait_until
from vrabec_client.client import Client

SETTLE_SECONDS = 15.0
"""What the last job left to do is done by then."""


def measure(controller: Controller, seconds: float) -> dict[str, Any]:
    """The line of `scripts/bench idle`."""
    with controller.client() as client:
        _make_one_that_is_off(client)
    time.sleep(SETTLE_SECONDS)
    began, before = time.monotonic(), uses_of(controller.pid)
    time.sleep(seconds)
    lasted, after = time.monotonic() - began, uses_of(controller.pid)
    used = {
        pid: use.cpu_seconds - (before[pid].cpu_seconds if pid in before else 0) for pid, use in after.items()
    }
    return {
        "pss_mib": round(sum(use.pss_mib for use in after.values()), 1),
        "cpu_percent": round(100 * sum(used.values()) / lasted, 2),
        "seconds": round(lasted, 1),
        "processes": {
            use.name: {"pss_mib": round(use.pss_mib, 1), "cpu_percent": round(100 * used[pid] / lasted, 2)}
            for pid, use in after.items()
        },
        "restarted": _lasting(after) != _lasting(before),
    }


def _lasting(uses: dict[int, Use]) -> set[int]:
    """Readers of hosts come and go."""
    return {pid for pid, use in uses.items() if use.name != "reader"}


def _make_one_that_is_off(client: Client) -> None:
    vm_id = client.create_vm("bench-idle", **WISH)["vm"]
    client.wait_until_ready(vm_id, timeout=PATIENCE_SECONDS)
    client.wait_for_job(client.power_off_vm(vm_id)["job"]["id"], timeout=PATIENCE_SECONDS)
    wait_until(lambda: client.get_vm(vm_id)["state"] == "off", "the machine is off")
