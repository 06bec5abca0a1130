"""What a guest's own agent does there for a test."""

import base64
import json
import time
from typing import Any

import libvirt_qemu

from vrabec.hypervisor.connection import HostConnection

TICK = "while :; do cut -d. -f1 /proc/uptime >>/tmp/ticks; sleep 1; done"
"""A clock that can be read afterwards."""


def inside(host: HostConnection, uuid: str, command: str) -> str:
    """What a command in the guest prints."""
    arguments = {"path": "/bin/sh", "arg": ["-c", command], "capture-output": True}
    with host.calling() as raw:
        domain = raw.lookupByUUIDString(uuid)
        pid = _ask(domain, "guest-exec", arguments)["pid"]
        while not (found := _ask(domain, "guest-exec-status", {"pid": pid}))["exited"]:
            time.sleep(0.05)
    return base64.b64decode(found.get("out-data", "")).decode()


def _ask(domain: Any, execute: str, arguments: dict[str, Any]) -> Any:
    asked = json.dumps({"execute": execute, "arguments": arguments})
    return json.loads(libvirt_qemu.qemuAgentCommand(domain, asked, 30, 0))["return"]
