"""Pictures of screens."""

import struct
from uuid import uuid4

import pytest

from vrabec.hypervisor import domains, lifecycle, screen
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import VmSpec
from vrabec.lib.errors import HostError, NotFound, VrabecError


def test_a_running_machine_has_a_screen(host: HostConnection, machine: VmSpec) -> None:
    lifecycle.start(host, machine.uuid)
    png = screen.picture(host, machine.uuid)
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert width > 100
    assert height > 100


def test_what_is_not_there_has_no_screen(host: HostConnection) -> None:
    with pytest.raises(NotFound):
        screen.picture(host, str(uuid4()))


def test_the_connection_is_good_after_a_refused_picture(host: HostConnection, machine: VmSpec) -> None:
    with pytest.raises(VrabecError):
        screen.picture(host, machine.uuid)
    assert domains.facts(host, machine.uuid)


def test_a_picture_beyond_all_measure_is_refused(
    host: HostConnection, machine: VmSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.start(host, machine.uuid)
    monkeypatch.setattr(screen, "MOST_BYTES", 50)  # a black one has a few hundred
    with pytest.raises(HostError):
        screen.picture(host, machine.uuid)
    assert domains.facts(host, machine.uuid)
