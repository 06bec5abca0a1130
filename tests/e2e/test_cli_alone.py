"""The life of a machine by the `vrabec` command alone, given a URL, a fingerprint and a password."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.controller import ADMINISTRATOR, PASSWORD, REPOSITORY, Controller
from tests.e2e.machines import Machines
from tests.e2e.onhost import OnHost

Command = Callable[..., str]


@pytest.fixture
def vrabec(tmp_path: Path) -> Command:
    """The command with a home of its own; gives what it printed, and must end well."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("VRABEC_")}
    environment = own | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}

    def run(words: str, typed: str = "", status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vrabec_client", *words.split()],
            check=False, cwd=REPOSITORY, env=environment, input=typed, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done.stdout

    return run


def test_the_whole_life_of_a_machine(
    vrabec: Command, controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    vrabec(
        f"login {controller.url} --fingerprint {controller.fingerprint} --yes"
        f" --username {ADMINISTRATOR} --password-stdin",
        f"{PASSWORD}\n",
    )
    assert "heron is ready" in vrabec("vm create heron --wait --timeout 600")
    assert on_host.domains() == {"main.heron": "running"}
    [row] = [line for line in vrabec("vm list").splitlines() if "heron" in line]
    assert {"heron", "main", "Running", "kvm1"} <= set(row.split())
    [vm] = json.loads(vrabec("vm list --output json"))["items"]
    assert (vm["name"], vm["state"], vm["ready"]) == ("heron", "running", True)

    vrabec("vm power-off heron --wait")
    assert on_host.domains() == {"main.heron": "off"}
    assert "heron is ready" in vrabec("vm start heron --wait --timeout 600")
    assert on_host.domains() == {"main.heron": "running"}
    vrabec("vm delete heron --yes --wait")
    assert on_host.remains() == []
    assert "heron" not in vrabec("vm list")
    vrabec("logout")
    vrabec("vm list", status=4)


def test_a_login_with_another_fingerprint_is_refused(vrabec: Command, controller: Controller) -> None:
    other = controller.fingerprint.translate(str.maketrans("0123456789", "1234567890"))
    vrabec(
        f"login {controller.url} --fingerprint {other} --yes --username {ADMINISTRATOR} --password-stdin",
        f"{PASSWORD}\n",
        status=4,
    )
