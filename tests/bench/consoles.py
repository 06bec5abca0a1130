"""Many screens at once: how much comes through, beside a bare copy between two sockets."""

import base64
import os
import secrets
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, BinaryIO, Protocol

import libvirt

from tests.bench.figures import median, now_ms, quartiles
from tests.bench.processes import held_still
from tests.bench.screens import FRAME_BYTES, NUMBER, PICTURE
from tests.e2e.controller import REPOSITORY, Controller
from tests.e2e.waiting import wait_until
from tests.lab.guests import diskless
from vrabec_client.client import Client

MACHINE = "bench-screen"


@dataclass(frozen=True)
class Size:
    """How many pairs, screens, and MiB a screen."""

    runs: int
    consoles: int
    mib: int

    @property
    def frames(self) -> int:
        """What each screen shows in a run."""
        return self.mib * 2**20 // FRAME_BYTES


class Reader(Protocol):
    """One open screen."""

    def ask(self, frames: int) -> None:
        """Ask for so many frames."""

    def read(self, size: int) -> bytes:
        """Exactly so many bytes of the screen's own."""


class Bare:
    """A screen through the bare copy."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._file: BinaryIO = self._socket.makefile("rb", buffering=FRAME_BYTES)

    def ask(self, frames: int) -> None:
        """As Reader has it."""
        self._socket.sendall(NUMBER.pack(frames))

    def read(self, size: int) -> bytes:
        """As Reader has it."""
        return self._file.read(size)


class Ours:
    """A screen through a WebSocket (RFC 6455), with as little of a client as there can be."""

    def __init__(self, client: Client, vm_id: int) -> None:
        ticket = client.open_console(vm_id, "vnc")
        self._socket, headers = client.transport.new_socket()
        self._file: BinaryIO = self._socket.makefile("rb", buffering=FRAME_BYTES)
        self._left = b""
        self._shake_hands(ticket["path"], ticket["protocols"], headers)

    def _shake_hands(self, path: str, protocols: list[str], headers: dict[str, str]) -> None:
        headers |= {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade"}
        headers |= {"Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode()}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": ", ".join(protocols)}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        status = self._file.readline()
        assert b" 101 " in status, status
        while self._file.readline().strip():
            pass

    def ask(self, frames: int) -> None:
        """As Reader has it."""
        # A client's frames are masked; a mask of zeros is one, too.
        self._socket.sendall(bytes((0x82, 0x80 | NUMBER.size)) + bytes(4) + NUMBER.pack(frames))

    def read(self, size: int) -> bytes:
        """As Reader has it."""
        parts, missing = [self._left], size - len(self._left)
        while missing > 0:
            parts.append(self._message())
            missing -= len(parts[-1])
        whole = b"".join(parts)
        self._left = whole[size:]
        return whole[:size]

    def _message(self) -> bytes:
        kind, length = self._file.read(2)
        if length >= 126:
            length = int.from_bytes(self._file.read(2 if length == 126 else 8), "big")
        content = self._file.read(length)
        if kind == 0x89:  # a ping: whoever is silent for 20 s is let go
            self._socket.sendall(bytes((0x8A, 0x80 | length)) + bytes(4) + content)
            return b""
        assert kind == 0x82, (kind, content)
        return content


def measure(controller: Controller, size: Size) -> dict[str, Any]:
    """The line of `scripts/bench consoles`."""
    with ExitStack() as stack:
        vm_id = stack.enter_context(_machine(controller))
        path, port = controller.root / "screens.sock", _free_port()
        stack.enter_context(_process("screens", path))
        stack.enter_context(_process("copy", port, path))
        wait_until(path.exists, "the screens are there")
        console_socket = controller.root / "run/console.sock"
        before = console_socket.stat().st_ino
        stack.enter_context(_process("consoles", controller.root / "run", path))
        wait_until(lambda: _is_another(console_socket, before), "the console process is there")
        ours, floor = [], []
        with controller.client() as client:
            for _ in range(size.runs):
                ours.append(_rate([Ours(client, vm_id) for _ in range(size.consoles)], size))
                with held_still(controller):
                    floor.append(_rate([Bare(port) for _ in range(size.consoles)], size))
    ratios = [one / other for one, other in zip(ours, floor, strict=True)]
    return {
        "ours_mb_s": median(ours),
        "floor_mb_s": median(floor),
        "ratio": round(statistics.median(ratios), 3),
        "spread": {"ours": quartiles(ours), "floor": quartiles(floor), "ratio": quartiles(ratios)},
        "runs": size.runs,
        "consoles": size.consoles,
        "frames_each": size.frames * size.runs,
        "frames_lost": 0,  # each is looked at: one that is missing or wrong ends the measurement
    }


def _rate(readers: list[Any], size: Size) -> float:
    """Megabytes a second of all readers, from the first question to the last frame."""
    start, wrong = Barrier(len(readers) + 1), []
    threads = [Thread(target=_watch, args=[reader, size.frames, start, wrong]) for reader in readers]
    for thread in threads:
        thread.start()
    start.wait()
    began = now_ms()
    for thread in threads:
        thread.join()
    took_s = (now_ms() - began) / 1000
    assert not wrong, wrong[0]
    for reader in readers:
        reader._file.close()
        reader._socket.close()
    return len(readers) * size.frames * FRAME_BYTES / took_s / 1e6


def _watch(reader: Reader, frames: int, start: Barrier, wrong: list[str]) -> None:
    start.wait()
    reader.ask(frames)
    for number in range(frames):
        shown = reader.read(FRAME_BYTES)
        if NUMBER.unpack_from(shown)[0] != number or shown[NUMBER.size :] != PICTURE[NUMBER.size :]:
            wrong.append(f"frame {number} is another, or broken")
            return


@contextmanager
def _machine(controller: Controller) -> Iterator[int]:
    """A machine that runs, for its right to a console; its real screen is not looked at."""
    raw = libvirt.open(controller.host.uri)
    domain = raw.createXML(diskless(MACHINE))
    with controller.client() as client:

        def look() -> int:
            found = client.list_vms(search=MACHINE)["items"]
            return found[0]["id"] if found and found[0]["state"] == "running" else 0

        yield wait_until(look, "the machine is seen")
    domain.destroy()
    raw.close()


@contextmanager
def _process(role: str, *where: object) -> Iterator[None]:
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.bench.screens", role]
    with subprocess.Popen([*command, *map(str, where)], cwd=REPOSITORY, env=os.environ) as process:
        yield
        process.kill()


def _is_another(path: Path, before: int) -> bool:
    return path.exists() and path.stat().st_ino != before


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
