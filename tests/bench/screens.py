"""What stands for many machines' VNC servers: each reader gets as many numbered frames as it asks for.

python -m tests.bench.screens screens PATH       the servers, on a unix socket
python -m tests.bench.screens copy PORT PATH     the floor: a bare copy from TCP to them
python -m tests.bench.screens consoles RUN PATH  Vrabec's console process, with them in the place of libvirt
"""

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

from vrabec.consoles.server import Server
from vrabec.lib import tunnel

FRAME_BYTES = 64 * 1024
NUMBER = struct.Struct("!Q")
PICTURE = bytes(range(256)) * (FRAME_BYTES // 256)
COPY_BYTES = 256 * 1024


def frame(number: int) -> bytes:
    """One picture: its number, and always the same bytes after it."""
    return NUMBER.pack(number) + PICTURE[NUMBER.size :]


def serve_screens(path: Path) -> None:
    """Send frames to whoever connects and says how many, again and again."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(512)
        while True:
            Thread(target=_show, args=[listener.accept()[0]], daemon=True).start()


def _show(reader: socket.socket) -> None:
    with reader, suppress(OSError):
        while asked := reader.recv(NUMBER.size, socket.MSG_WAITALL):
            for number in range(NUMBER.unpack(asked)[0]):
                reader.sendall(frame(number))


async def copy(port: int, path: Path) -> None:
    """Copy bytes both ways between TCP and the screens, and nothing else."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        listener.setblocking(False)
        kept = set()
        while True:
            near, _ = await loop.sock_accept(listener)
            far = socket.socket(socket.AF_UNIX)
            for each in (near, far):
                each.setblocking(False)
            await loop.sock_connect(far, str(path))
            kept |= {asyncio.create_task(_copy(near, far)), asyncio.create_task(_copy(far, near))}


async def _copy(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(COPY_BYTES))
    with suppress(OSError):
        while count := await loop.sock_recv_into(source, buffer):
            await loop.sock_sendall(target, buffer[:count])
        target.shutdown(socket.SHUT_WR)


async def serve_consoles(run_dir: str, path: Path) -> None:
    """The product's own server, in the place of the one that asks libvirt."""

    def open_screen(wanted: tunnel.Wanted) -> socket.socket:
        screen = socket.socket(socket.AF_UNIX)
        screen.connect(str(path))
        return screen

    await Server(tunnel.socket_in(run_dir), open_screen).run(asyncio.Event())


if __name__ == "__main__":
    role, *where = sys.argv[1:]
    if role == "screens":
        serve_screens(Path(where[0]))
    elif role == "copy":
        asyncio.run(copy(int(where[0]), Path(where[1])))
    else:
        asyncio.run(serve_consoles(where[0], Path(where[1])))
