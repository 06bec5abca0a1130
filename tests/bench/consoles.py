"""Many screens at once: how much comes through, beside a bare copy between two sockets."""

import base64
import os
import secrets
import selectors
import socket
import ssl
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libvirt

from tests.bench.figures import median, now_ms, quartiles
from tests.bench.processes import held_still
from tests.bench.screens import FRAME_BYTES, NUMBER, PICTURE
from tests.e2e.controller import REPOSITORY, Controller
from tests.e2e.waiting import wait_until
from tests.lab.guests import diskless
from vrabec_client.client import Client

MACHINE = "bench-screen"
TAIL = PICTURE[NUMBER.size :]
ROUNDS = 4
"""So often a screen is read in a row."""


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


class Reader:
    """One open screen, whose every frame is looked at."""

    def __init__(self, line: socket.socket) -> None:
        line.setblocking(False)
        self.line = line
        self.shown = 0
        self._frame = bytearray(FRAME_BYTES)
        self._filled = 0

    def ask(self, frames: int) -> None:
        """Ask for so many frames."""
        self.line.sendall(NUMBER.pack(frames))

    def take(self, scratch: memoryview) -> None:
        """Read what is there, and no more than is fair to the others."""
        with suppress(BlockingIOError):
            for _ in range(ROUNDS):
                count = self.line.recv_into(scratch)
                assert count, "a screen has ended"
                self._read(scratch[:count])

    def _read(self, part: memoryview) -> None:
        self._show(part)

    def _show(self, part: memoryview) -> None:
        while part:
            end = min(self._filled + len(part), FRAME_BYTES)
            count = end - self._filled
            self._frame[self._filled : end] = part[:count]
            part, self._filled = part[count:], end % FRAME_BYTES
            if not self._filled:
                whole = NUMBER.unpack_from(self._frame)[0] == self.shown and self._frame.endswith(TAIL)
                assert whole, f"frame {self.shown} is another, or broken"
                self.shown += 1


def bare(port: int) -> Reader:
    """A screen through the bare copy."""
    return Reader(socket.create_connection(("127.0.0.1", port)))


class Ours(Reader):
    """A screen through TLS and a WebSocket (RFC 6455), with as little of a client as there can be.

    Read in large pieces, as browsers do; ssl.SSLSocket would ask the system twice for every 16 KiB.
    """

    def __init__(self, client: Client, vm_id: int) -> None:
        ticket = client.open_console(vm_id, "vnc")
        spare, headers = client.transport.new_socket()
        spare.close()
        line = socket.create_connection((client.transport.address.host, client.transport.address.port))
        self._coming, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _unchecked().wrap_bio(self._coming, self._going)
        self._head, self._missing = bytearray(), 0
        self._encrypt(line)
        self._shake_hands(line, _request(ticket["path"], ticket["protocols"], headers))
        super().__init__(line)

    def _encrypt(self, line: socket.socket) -> None:
        while True:
            with suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                return line.sendall(self._going.read())
            line.sendall(self._going.read())
            self._coming.write(line.recv(FRAME_BYTES))

    def _shake_hands(self, line: socket.socket, request: bytes) -> None:
        self._tls.write(request)
        line.sendall(self._going.read())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):  # byte by byte: what follows is the console's
            try:
                answer += self._tls.read(1)
            except ssl.SSLWantReadError:
                self._coming.write(line.recv(FRAME_BYTES))
        assert b" 101 " in answer.splitlines()[0], answer

    def ask(self, frames: int) -> None:
        """As Reader has it."""
        # A client's frames are masked; a mask of zeros is one, too.
        self._tls.write(bytes((0x82, 0x80 | NUMBER.size)) + bytes(4) + NUMBER.pack(frames))
        self.line.sendall(self._going.read())

    def _read(self, part: memoryview) -> None:
        self._coming.write(part)
        with suppress(ssl.SSLWantReadError):
            while plain := self._tls.read(FRAME_BYTES):
                self._unpack(memoryview(plain))

    def _unpack(self, part: memoryview) -> None:
        while part:
            if self._missing:
                shown, part = part[: self._missing], part[self._missing :]
                self._missing -= len(shown)
                self._show(shown)
            else:
                self._head.append(part[0])
                part = part[1:]
                self._missing = self._length()

    def _length(self) -> int:
        """Of the message whose head is whole now; 0 before."""
        if len(self._head) < 2:
            return 0
        kind, length = self._head[:2]
        assert kind == 0x82 or not length, f"a message of kind {kind:#x}"
        more = {126: 2, 127: 8}.get(length, 0)
        if len(self._head) < 2 + more:
            return 0
        length = int.from_bytes(self._head[2:], "big") if more else length
        self._head.clear()
        return length


def _unchecked() -> ssl.SSLContext:
    """The certificate was checked when the ticket was fetched."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _request(path: str, protocols: list[str], headers: dict[str, str]) -> bytes:
    headers |= {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade"}
    headers |= {"Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode()}
    headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": ", ".join(protocols)}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


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
                ours.append(_rate([Ours(client, vm_id) for _ in range(size.consoles)], size.frames))
                with held_still(controller):
                    floor.append(_rate([bare(port) for _ in range(size.consoles)], size.frames))
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


def _rate(readers: list[Reader], frames: int) -> float:
    """Megabytes a second of all readers, from the first question to the last frame."""
    scratch = memoryview(bytearray(FRAME_BYTES))
    with selectors.DefaultSelector() as ready:
        for reader in readers:
            ready.register(reader.line, selectors.EVENT_READ, reader)
        began = now_ms()
        for reader in readers:
            reader.ask(frames)
        while ready.get_map():
            for key, _ in ready.select():
                key.data.take(scratch)
                if key.data.shown == frames:
                    ready.unregister(key.fileobj)
        took_s = (now_ms() - began) / 1000
    for reader in readers:
        reader.line.close()
    return len(readers) * frames * FRAME_BYTES / took_s / 1e6


@contextmanager
def _machine(controller: Controller) -> Iterator[int]:
    """A paused machine, for its right to a console: its own screen is not looked at. It needs no core."""
    raw = libvirt.open(controller.host.uri)
    domain = raw.createXML(diskless(MACHINE), libvirt.VIR_DOMAIN_START_PAUSED)
    with controller.client() as client:

        def look() -> int:
            found = client.list_vms(search=MACHINE)["items"]
            return found[0]["id"] if found and found[0]["state"] == "paused" else 0

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
