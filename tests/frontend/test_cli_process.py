"""The command as a process: terminals, Ctrl-C, pipes, completion."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Site
from tests.frontend.command import Terminal, Vrabec, command, home, signed_in, terminal, vrabec
from tests.frontend.controller import PATIENCE_S, Controller, controller, engine
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Wished
from vrabec_client.cli import config

__all__ = ["command", "controller", "engine", "home", "signed_in", "terminal", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)


def as_process(*words: str, **given: Any) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "vrabec_client", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **given)


def test_progress_on_a_terminal_is_one_line_rewritten(
    vrabec: Vrabec, engine: None, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("vm", "start", "web", "--wait")
    assert screen.end() == 0
    shown, _, rest = screen.seen.rpartition("\r\x1b[K")
    assert "\n" not in shown
    assert "Start web: Pretend to start (1/1) 0 %" in shown
    assert rest.startswith("web is ready at 10.0.0.9")


def test_ctrl_c_leaves_the_job_and_is_status_130(vrabec: Vrabec, terminal: Callable[..., Terminal]) -> None:
    screen = terminal("vm", "start", "web", "--wait")
    screen.until("queued")
    assert screen.interrupt() == 130
    assert "Traceback" not in screen.seen
    job = Job.objects.get()
    assert f"Job {job.pk} goes on" in screen.seen
    assert (job.state, job.cancel_asked) == (JobState.QUEUED, False)


def test_ctrl_c_at_a_question_is_status_130(
    controller: Controller, terminal: Callable[..., Terminal]
) -> None:
    screen = terminal("login", controller.url)
    screen.until("Is it the controller's?")
    assert screen.interrupt() == 130
    assert "Traceback" not in screen.seen


def test_words_that_are_no_utf_8_are_a_usage_error(vrabec: Vrabec) -> None:
    line = [sys.executable, "-m", "vrabec_client", "vm", "show", b"\xff\x1b"]
    done = subprocess.run(line, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"\x1b" not in done.stderr


def test_a_password_that_is_no_utf_8_is_refused(controller: Controller) -> None:
    words = [
        "login",
        controller.url,
        "--fingerprint",
        controller.fingerprint,
        "--username",
        "a",
        "--password-stdin",
    ]
    line = [sys.executable, "-m", "vrabec_client", *words]
    done = subprocess.run(line, input=b"\xff\n", capture_output=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stderr.split(b"\n")[0]) == (5, b"Error: What is sent must be UTF-8 text.")


def test_a_terminal_of_few_signs_is_given_what_it_knows(site: Site, vrabec: Vrabec) -> None:
    site.make_vm("データ", project=None, is_managed=False, wished=Wished.NONE)
    done = as_process("vm", "list", env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "alpha" in done.stdout


def test_a_reader_that_goes_away_is_no_error(site: Site, vrabec: Vrabec) -> None:
    for number in range(100):
        site.make_vm(f"db-{number}")
    read, write = os.pipe()
    os.close(read)
    line = [sys.executable, "-m", "vrabec_client", "vm", "list", "--per-page", "500"]
    done = subprocess.run(line, stdout=write, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_said(vrabec: Vrabec) -> None:
    with open("/dev/full", "w") as full:
        line = [sys.executable, "-m", "vrabec_client", "vm", "list"]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: The answer cannot be printed.")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(command: Vrabec, shell: str) -> None:
    assert "_VRABEC_COMPLETE" in command("completion", shell).out


def completions(*words: str) -> list[str]:
    environment = {"_VRABEC_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(("vrabec", *words))}
    environment["COMP_CWORD"] = str(len(words))
    done = as_process(env=os.environ | environment)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_names_of_machines_are_completed_and_hostile_ones_left_out(site: Site, vrabec: Vrabec) -> None:
    for name in ("web; rm -rf ~", "web\nplain,evil", "web$(id)", "web-2"):
        site.make_vm(name, project=None if " " in name else site.project)
    assert completions("vm", "show", "we") == ["web", "web-2"]
    assert completions("vm", "start", "alpha/we") == ["alpha/web", "alpha/web-2"]


def test_completion_is_silent_without_a_controller() -> None:
    config.write(config.Login("https://127.0.0.1:1", "", "vrabec_x"))
    assert completions("vm", "show", "we") == []


def test_the_command_loads_little() -> None:
    line = [sys.executable, "-c", "import sys; from vrabec_client.cli import root; print(*sys.modules)"]
    loaded = subprocess.run(line, capture_output=True, text=True, check=True).stdout.split()
    assert {"yaml", "rich", "asyncio", "django", "vrabec", "unittest"} & set(loaded) == set()
