"""An open console: bytes both ways over a WebSocket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from vrabec_client.client import Client
from vrabec_client.errors import Unavailable, VrabecError, from_answer

OPEN_SECONDS = 10.0
_REASON = re.compile(r"(\w+): (.*)", re.DOTALL)


class Line:
    """One console, open inside `with`. One thread may read while another types.

    Opening and reading raise Forbidden, NotFound, WrongState when the machine is off, Unavailable; Conflict
    when somebody has the serial console, which `take` takes.
    """

    def __init__(self, client: Client, vm_id: int, kind: str = "serial", *, take: bool = False) -> None:
        ticket = client.open_console(vm_id, kind, take=take)
        self._socket, headers = client.transport.new_socket()
        address = client.transport.address
        self._open = ExitStack()
        self._open.callback(self._socket.close)
        try:
            line = connect(
                f"ws://{_netloc(address.host, address.port)}{address.prefix}{ticket['path']}",
                sock=self._socket,
                subprotocols=[Subprotocol(name) for name in ticket["protocols"]],
                additional_headers=headers,
                compression=None,
                max_size=None,
                proxy=None,
                open_timeout=OPEN_SECONDS,
            )
            self._line = self._open.enter_context(line)
        except InvalidStatus as error:
            self._open.close()
            raise from_answer(error.response.status_code, _json(error.response.body)) from error
        except (WebSocketException, OSError) as error:
            self._open.close()
            raise Unavailable("The controller does not open the console.", raw=str(error)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Type. Nothing happens once it has ended: whoever reads is told."""
        with suppress(ConnectionClosed):
            self._line.send(data)

    def received(self) -> Iterator[bytes]:
        """What comes, until `close`. Raises what ended it, when somebody else did."""
        try:
            for message in self._line:
                yield message if isinstance(message, bytes) else message.encode()
        except ConnectionClosed as error:
            raise _ended(error) from error

    def close(self) -> None:
        """End it."""
        self._open.close()


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _json(body: bytes | bytearray | None) -> Any:
    try:
        return json.loads(body or b"")
    except ValueError:
        return None


def _ended(closed: ConnectionClosed) -> VrabecError:
    found = _REASON.fullmatch(closed.rcvd.reason) if closed.rcvd else None
    if closed.rcvd is None or found is None or closed.rcvd.code < 4000:
        return Unavailable("The connection to the console broke off.")
    said = {"code": found[1], "message": found[2]}
    return from_answer(closed.rcvd.code - 4000, {"error": said})
