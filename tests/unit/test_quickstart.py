"""Parts of scripts/quickstart that must agree with others."""

import re
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from vrabec.config.quickstart import made, remove, service
from vrabec.config.quickstart.made import Made
from vrabec.integrations.images.tiny import PACKAGES
from vrabec.models.vms import Vm, file_stem
from vrabec.workflows.vms import disk_name, seed_name

SCRIPT = Path(__file__).parents[2] / "scripts/quickstart"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", SCRIPT, *words], check=False, capture_output=True, text=True)


def test_it_installs_what_building_tiny_needs() -> None:
    [block] = re.findall(r"^packages=\((.*?)^\)", SCRIPT.read_text(), re.MULTILINE | re.DOTALL)
    listed = re.sub(r"#.*", "", block).split()
    assert set(PACKAGES) <= set(listed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prot", "1"], "usage:"),
        (["--port"], "--port needs a number from 1024 to 65535."),
        (["--port", "80"], "--port needs a number from 1024 to 65535."),
        (["--port", "65536"], "--port needs a number from 1024 to 65535."),
        (["--name", "a b"], "--name needs a host name or an address."),
    ],
)
def test_a_wrong_word_changes_nothing(words: list[str], said: str) -> None:
    ended = run(*words)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_help_names_every_option() -> None:
    said = run("--help").stdout
    assert all(option in said for option in ("--port", "--name", "--stop", "--remove", "--with-machines"))


def test_the_unit_starts_what_the_background_starts() -> None:
    unit = (Path(service.__file__).parent / "vrabec.service").read_text()
    assert f"ExecStart={service.VRABECD} serve" in unit


def test_volumes_of_ours_are_known_by_their_names() -> None:
    vm = Vm(file_stem=file_stem("main.web-1", uuid4()))
    for name in (disk_name(vm), seed_name(vm), "template-tiny-0123456789ab.qcow2"):
        assert remove.OURS.fullmatch(name)
    for name in ("debian.iso", "web-1.qcow2", "template-tiny.qcow2"):
        assert not remove.OURS.fullmatch(name)


def test_what_was_made_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(made, "_FILE", tmp_path / "made.json")
    assert Made.read() == Made()
    noted = Made(user=True, network="started", daemons=["libvirtd"])
    noted.write()
    assert Made.read() == noted
