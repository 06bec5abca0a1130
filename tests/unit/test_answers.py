"""Answers of Django's pages: each comes whole and in order, short or long, and a fault comes through."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from tests.e2e.waiting import wait_until
from vrabec.config.answers import MOST_BYTES, Answers

App = Callable[[dict[str, Any], Any], Iterable[bytes]]


def answer(app: App, sent: list[dict[str, Any]]) -> None:
    """Ask `app`; what it sends goes into `sent`."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/", "root_path": "", "query_string": b"", "headers": [],
        "http_version": "1.1", "scheme": "https", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2),
    }  # fmt: skip

    async def run() -> None:
        await Answers(app, workers=1)(scope, receive, send)

    asyncio.run(run())


@pytest.mark.parametrize("chunks", [1, 3, 200])
def test_an_answer_comes_whole_and_in_order(chunks: int) -> None:
    parts = [bytes([number % 256]) * (MOST_BYTES // 64) for number in range(chunks)]

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return parts

    sent: list[dict[str, Any]] = []
    answer(app, sent)
    assert (sent[0]["type"], sent[0]["status"]) == ("http.response.start", 200)
    assert b"".join(message["body"] for message in sent[1:]) == b"".join(parts)
    assert [message.get("more_body", False) for message in sent[1:]] == [True] * chunks + [False]


def test_what_is_longer_than_is_kept_is_sent_before_the_rest_is_made() -> None:
    sent: list[dict[str, Any]] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x" * (MOST_BYTES + 1)
        wait_until(lambda: len(sent) == 2, "what there is was sent")
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        answer(app, sent)
    assert [len(message.get("body", b"")) for message in sent] == [0, MOST_BYTES + 1]
