"""Fixtures of the lab; a conftest.py that wants them imports them from here."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import libvirt
import pytest

from tests.lab import labs
from tests.lab.fleet import TestFleetHost
from tests.lab.host import LabHost, missing
from tests.lab.roots import hypervisor_root, other_suite
from tests.lab.switch import LabSwitch
from vrabec.hypervisor import migrate


@pytest.fixture(scope="session")
def lab_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """A real host that all tests of a worker share: leave it as you found it."""
    need_lab()
    with LabHost("shared", tmp_path_factory.mktemp("lab") / "host") as host:
        yield host


@pytest.fixture(scope="session")
def other_lab_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """As `lab_host`, with libvirt and QEMU of another Debian than this machine's."""
    need_lab()
    if shutil.which("mmdebstrap", path=labs.PATH) is None:
        pytest.skip("hosts of another Debian need mmdebstrap")
    root = hypervisor_root(other_suite())
    with LabHost("other", tmp_path_factory.mktemp("lab") / "host", root=root) as host:
        yield host


@pytest.fixture
def fresh_lab_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    """A real host of the test's own, to be broken."""
    need_lab()
    with LabHost("fresh", tmp_path_factory.mktemp("lab") / "host", storage_mib=64) as host:
        yield host


@pytest.fixture
def lab_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LabHost, LabHost]]:
    """Two real hosts of the test's own, one and two, on a switch: for migrations."""
    need_lab()
    directory = tmp_path_factory.mktemp("lab")
    with (
        LabSwitch() as switch,
        LabHost("one", directory / "one", storage_mib=64, switch=switch) as one,
        LabHost("two", directory / "two", storage_mib=64, switch=switch) as two,
    ):
        yield one, two


@pytest.fixture
def lab_trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LabHost]]:
    """Three real hosts of the test's own on a switch, by name: for clusters."""
    need_lab()
    directory = tmp_path_factory.mktemp("lab")
    with ExitStack() as up:
        switch = up.enter_context(LabSwitch())
        yield {
            name: up.enter_context(LabHost(name, directory / name, storage_mib=64, switch=switch))
            for name in ("one", "two", "three")
        }


@pytest.fixture
def shared(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for disks that all hosts reach, though libvirt does not know it."""
    monkeypatch.setattr(migrate, "LAB_FLAGS", libvirt.VIR_MIGRATE_UNSAFE)
    folder = tmp_path / "shared"
    folder.mkdir()
    settings.VRABEC_IMAGES_DIR = str(folder)
    return folder


@pytest.fixture
def fleet_host() -> Iterator[TestFleetHost]:
    """A host of libvirt's test driver, with its machine "test" running."""
    if shutil.which("libvirtd", path=labs.PATH) is None:
        pytest.skip("fleet hosts need libvirtd")
    with TestFleetHost() as host:
        yield host


def need_lab() -> None:
    """Skip the test where lab hosts cannot run."""
    if reason := missing():
        pytest.skip(reason)
