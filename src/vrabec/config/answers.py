"""Django's pages for the event loop, each answer handed over at once.

a2wsgi hands each message over by itself and waits until the loop has it: three messages a page, two waits for
another thread each, which on a busy machine took a third of the time a page took.
"""

from __future__ import annotations

from typing import Any

from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi import WSGIResponder

MOST_BYTES = 256 * 1024
"""So much of an answer is kept; what is longer is sent as it comes."""


class Answers(WSGIMiddleware):
    """The ASGI application around a WSGI one."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""
        await _Responder(self.app, self.executor, self.send_queue_size)(scope, receive, send)


class _Responder(WSGIResponder):
    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._kept: list[Any] = []
        self._bytes = 0

    def send(self, message: Any) -> None:
        """Called by Django's thread."""
        self._kept.append(message)
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            for kept in self._kept:
                super().send(kept)
            self._kept.clear()

    async def sender(self, send: Any) -> None:
        """Called by the loop; a2wsgi ends its own once Django's thread is done."""
        await super().sender(send)
        for message in self._kept:
            await send(message)
