"""A stand-in for the console process, on its socket: it says one line, then gives back what it hears."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from django.conf import settings

from vrabec.lib import tunnel
from vrabec.lib.errors import VrabecError

SAID = b"RFB 003.008\n"


class Desk:
    """What was asked of it, and what it answers: `refusal`, or a console. `lines` are its ends of those."""

    def __init__(self) -> None:
        self.asked: list[tunnel.Wanted] = []
        self.refusal: VrabecError | None = None
        self.lines: list[socket.socket] = []

    def serve(self, web: socket.socket) -> None:
        """Serve one console."""
        with web, suppress(OSError):
            self.asked.append(tunnel.asked(web.recv(tunnel.MAX_LINE_BYTES)))
            if self.refusal:
                web.sendall(tunnel.answer(self.refusal))
                return
            ours, theirs = socket.socketpair()
            with theirs:
                socket.send_fds(web, [tunnel.answer()], [theirs.fileno()])
            self.lines.append(ours)
            ours.sendall(SAID)
            while heard := ours.recv(65536):
                ours.sendall(heard)

    def end(self) -> None:
        """End every console, as with the process."""
        for line in self.lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@contextmanager
def desk() -> Iterator[Desk]:
    """One, listening where the console process does."""
    path = tunnel.socket_in(settings.VRABEC_RUN_DIR)
    path.unlink(missing_ok=True)
    found = Desk()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        accepting = Thread(target=_accept, args=[listener, found], name="desk")
        accepting.start()
        try:
            yield found
        finally:
            path.unlink()
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
    found.end()


def _accept(listener: socket.socket, found: Desk) -> None:
    with suppress(OSError):
        while True:
            Thread(target=found.serve, args=[listener.accept()[0]], daemon=True).start()
