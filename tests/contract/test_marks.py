"""The marks that prove folders apart: one that a kill left behind goes with the undo."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.contract.conftest import POOL
from vrabec.hypervisor import disks, storage, volumes
from vrabec.hypervisor.connection import HostConnection
from vrabec.workflows import vm_disks


class Killed(BaseException):
    """The engine's process ends here."""


def test_a_mark_that_a_kill_left_is_forgotten(host: HostConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    create, calls = volumes.create, []

    def dies_at_the_second(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 2:
            raise Killed
        return create(*given)

    monkeypatch.setattr(volumes, "create", dies_at_the_second)
    run: Any = SimpleNamespace(job=SimpleNamespace(pk=7, generation=1), args={"marked": [POOL]})
    with pytest.raises(Killed):
        disks.are_apart(host, host, POOL, "move-7-1")
    assert storage.volume_names(host, POOL) == ("move-7-1",)
    vm_disks.forget_marks(run, host)
    assert storage.volume_names(host, POOL) == ()
    vm_disks.forget_marks(run, host)
