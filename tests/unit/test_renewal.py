"""A renewed certificate is shown to the next connection, and one that cannot be used to none."""

import asyncio
import logging
import os
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vrabec.config import renewal
from vrabec.config.renewal import renewed
from vrabec.config.tls import ensure_certificate


@dataclass
class Site:
    """A server, and the files that it has its certificate from."""

    certificate: Path
    key: Path
    port: int = 0

    @property
    def kept(self) -> bytes:
        """The certificate in the file."""
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    @property
    def shown(self) -> bytes:
        """The one that a client sees."""
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10))

    async def shows(self, certificate: bytes) -> None:
        """Wait until it does."""
        for _ in range(500):
            if await asyncio.to_thread(lambda: self.shown) == certificate:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("another certificate is shown")


def made(folder: Path) -> Site:
    folder.mkdir()
    site = Site(folder / "certificate.pem", folder / "key.pem")
    ensure_certificate(site.certificate, site.key)
    return site


def serving(tmp_path: Path, test: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    """Run a test beside a server whose certificate is looked after."""

    async def run() -> None:
        site = made(tmp_path / "site")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(site.certificate, site.key)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
        site.port = server.sockets[0].getsockname()[1]
        looking = asyncio.create_task(renewed(context, site.certificate, site.key))
        try:
            await test(site)
        finally:
            looking.cancel()
            server.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "LOOK_SECONDS", 0.02)


def test_a_renewed_certificate_is_shown_to_the_next_connection(tmp_path: Path) -> None:
    other = made(tmp_path / "other")

    async def test(site: Site) -> None:
        before = site.kept
        await site.shows(before)
        os.replace(other.key, site.key)
        os.replace(other.certificate, site.certificate)
        assert site.kept != before
        await site.shows(site.kept)

    serving(tmp_path, test)


@pytest.mark.parametrize("broken", ["half", "of another key", "gone"])
def test_one_that_cannot_be_used_is_not_taken_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    caplog.set_level(logging.INFO, renewal.__name__)
    other = made(tmp_path / "other")
    text = {"half": other.certificate.read_text()[:200], "of another key": other.certificate.read_text()}

    async def test(site: Site) -> None:
        before = site.kept
        await site.shows(before)
        if broken == "gone":
            site.certificate.unlink()
        else:
            site.certificate.write_text(text[broken])
        for _ in range(500):
            if "is not taken, the one before stays" in caplog.text:
                break
            await asyncio.sleep(0.02)
        assert "is not taken, the one before stays" in caplog.text
        await site.shows(before)
        os.replace(other.key, site.key)
        other.certificate.replace(site.certificate)
        await site.shows(site.kept)

    serving(tmp_path, test)
