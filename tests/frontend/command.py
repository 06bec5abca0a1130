"""The vrabec command in tests: in this process, or in one of its own on a terminal, with an empty home."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cast import Site
from tests.frontend.controller import PATIENCE_S, Controller
from vrabec_client.cli import config
from vrabec_client.cli.root import run


@dataclass
class Said:
    """What a run of the command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output, as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error on standard error, as JSON."""
        return json.loads(self.err)["error"]


Vrabec = Callable[..., Said]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and no variable of ours set."""
    for name in ("VRABEC_URL", "VRABEC_TOKEN", "VRABEC_FINGERPRINT", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Vrabec:
    """Run the command in this process: words, and what stands on standard input."""

    def vrabec(*words: str, stdin: str = "") -> Said:
        read, write = os.pipe()
        os.write(write, stdin.encode())
        os.close(write)
        with open(read, encoding="utf-8") as stream:
            monkeypatch.setattr("sys.stdin", stream)
            status = run(list(words))
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return vrabec


@pytest.fixture
def signed_in(site: Site, controller: Controller) -> Callable[[str], None]:
    """Sign in as one of the cast, by a token."""

    def as_person(name: str) -> None:
        secret: str = getattr(site, name).secret
        config.write(config.Login(controller.url, controller.fingerprint, secret))

    return as_person


@pytest.fixture
def vrabec(signed_in: Callable[[str], None], command: Vrabec) -> Vrabec:
    """The command, signed in as the administrator."""
    signed_in("administrator")
    return command


class Terminal:
    """The command in a process of its own, on a terminal of its own.

    It hears Ctrl-C also when these tests run in the background of a shell, which has them ignore it.
    """

    def __init__(self, *words: str, **environment: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, "-m", "vrabec_client", *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | environment,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until `text` has been printed."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            self._read()

    def _read(self) -> bool:
        """Read what is there; False once the command has let go of the terminal."""
        if not select.select([self._master], [], [], 0.1)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False  # Linux says EIO when the other side of a terminal is closed.
        self.seen += data.decode(errors="replace")
        return bool(data)

    def type(self, line: str) -> None:
        """Type one line."""
        os.write(self._master, line.encode() + b"\n")

    def end(self) -> int:
        """The exit status."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read():
            assert time.monotonic() < deadline, self.seen
        os.close(self._master)
        return self.process.wait(PATIENCE_S)

    def interrupt(self) -> int:
        """Press Ctrl-C; the exit status. Again after a while, as a person would.

        Python forgets a signal that comes just before it begins to read a terminal (3.11): it notes it, and
        sleeps on.
        """
        for tick in range(10 * PATIENCE_S):
            if tick % 50 == 0:
                self.process.send_signal(signal.SIGINT)
            if not self._read():
                break
        return self.end()


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Start the command on a terminal; it is ended after the test."""
    started: list[Terminal] = []

    def start(*words: str, **environment: str) -> Terminal:
        started.append(Terminal(*words, **environment))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
