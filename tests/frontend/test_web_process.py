"""What stands before Django: which pool answers, and bodies that are too large."""

import asyncio
from typing import Any

from vrabec.config.web import MAX_BODY_BYTES, Web


class Pool:
    """Remembers the paths it was asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer 200 to everything."""
        self.paths.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})


def ask(web: Web, path: str, headers: list[tuple[bytes, bytes]], chunks: int = 1) -> int:
    """The status of the answer to a request with a body of so many chunks."""
    messages = [
        {"type": "http.request", "body": b"x" * 1000, "more_body": i < chunks - 1} for i in range(chunks)
    ]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(web({"type": "http", "path": path, "headers": headers}, receive, send))
    return int(sent[0]["status"])


def make() -> tuple[Web, Pool, Pool]:
    pages, sign_in = Pool(), Pool()
    return Web(Pool(), pages, sign_in), pages, sign_in  # type: ignore[arg-type]


def test_signing_in_has_threads_of_its_own() -> None:
    web, pages, sign_in = make()
    for path in ("/", "/sign-in", "/api/v1/login", "/api/v1/vms"):
        assert ask(web, path, []) == 200
    assert pages.paths == ["/", "/api/v1/vms"]
    assert sign_in.paths == ["/sign-in", "/api/v1/login"]


def test_a_body_over_the_limit_is_read_and_refused() -> None:
    web, pages, _ = make()
    length = [(b"content-length", str(MAX_BODY_BYTES + 1).encode())]
    assert ask(web, "/api/v1/vms", length, chunks=5) == 413
    assert pages.paths == []


def test_a_body_of_unknown_length_is_refused() -> None:
    web, pages, _ = make()
    assert ask(web, "/api/v1/vms", [(b"transfer-encoding", b"chunked")]) == 413
    assert pages.paths == []


def test_a_body_at_the_limit_passes() -> None:
    web, pages, _ = make()
    assert ask(web, "/api/v1/vms", [(b"content-length", str(MAX_BODY_BYTES).encode())]) == 200
    assert pages.paths == ["/api/v1/vms"]
