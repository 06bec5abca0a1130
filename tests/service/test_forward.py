"""Each line of the record goes to the syslog that the settings name, once it is written."""

import json
import socket
from dataclasses import replace
from typing import Any

from tests.cast import Site, site
from vrabec.services.vms import start_vm

__all__ = ["site"]


def test_what_is_done_is_told(site: Site, settings: Any, django_capture_on_commit_callbacks: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        address = f"udp://127.0.0.1:{server.getsockname()[1]}"
        settings.VRABEC_CONFIG = replace(settings.VRABEC_CONFIG, syslog=address)
        with django_capture_on_commit_callbacks(execute=True):
            start_vm(site.owner.actor, vm=site.vm)
        said = json.loads(server.recv(4096).partition(b" record - ")[2])
    assert (said["actor"], said["action"], said["subject"]) == ("olga", "vm.start", "web")
