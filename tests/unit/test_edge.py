"""Whose word for who somebody is passes the edge."""

import asyncio
from typing import Any

import pytest

from vrabec.config.edge import Edge

HEADER = "X-Remote-User"
NAMED = (b"x-remote-user", b"ada")
OTHER = (b"host", b"vrabec")


def passed(
    headers: list[tuple[bytes, bytes]], peer: str | None, believed: tuple[str, ...], **more: str
) -> list[Any]:
    """The headers that get through."""
    seen: list[Any] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.extend(scope["headers"])

    scope = {"type": "http", "headers": headers, "client": (peer, 1) if peer else None, **more}
    asyncio.run(Edge(app, HEADER, believed)(scope, None, None))  # type: ignore[arg-type]
    return seen


@pytest.mark.parametrize("believed", [("127.0.0.1",), ("127.0.0.0/8", "::1")])
def test_a_proxy_that_is_believed_says_who_they_are(believed: tuple[str, ...]) -> None:
    assert passed([OTHER, NAMED], "127.0.0.1", believed) == [OTHER, NAMED]


@pytest.mark.parametrize("peer", ["127.0.0.2", "::1", "2001:db8::1", "", None, "unix"])
def test_nobody_else_does(peer: str | None) -> None:
    assert passed([OTHER, NAMED], peer, ("127.0.0.1",)) == [OTHER]
    assert passed([OTHER, NAMED], peer, ()) == [OTHER]


@pytest.mark.parametrize(
    "told",
    [
        [NAMED, NAMED],
        [NAMED, (b"x_remote_user", b"eve")],
        [(b"x_remote-user", b"eve")],
        [(b"X_Remote_User", b"eve"), NAMED],
    ],
)
def test_what_reads_alike_in_the_end_counts_as_one_too_many(told: list[tuple[bytes, bytes]]) -> None:
    assert passed([*told, OTHER], "127.0.0.1", ("127.0.0.1",)) == [OTHER]


def test_only_a_certificate_that_was_shown_names_somebody() -> None:
    lie = (b"X_Vrabec-Certificate", b"eve")
    assert passed([lie, OTHER], "127.0.0.1", ("127.0.0.1",)) == [OTHER]
    named = (b"x-vrabec-certificate", b"%C4%8Cen%C4%9Bk")
    assert passed([lie, OTHER], "127.0.0.1", (), certificate="Čeněk") == [OTHER, named]
