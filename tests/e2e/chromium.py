"""Chromium as a person has it: only this controller's certificate is taken, and every complaint is kept."""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 800}
PATIENCE_MS = 300_000
expect.set_options(timeout=PATIENCE_MS)  # here alone: it holds for the process, whoever imports last


@contextmanager
def launched(certificate: Path, executable: str = CHROMIUM, *flags: str) -> Iterator[Browser]:
    """A browser that trusts this certificate as if it were vouched for: so it caches, and workers run."""
    trust = f"--ignore-certificate-errors-spki-list={_key_digest(certificate)}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*FLAGS, trust, *flags])
        yield browser
        browser.close()


def _key_digest(certificate: Path) -> str:
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    return base64.b64encode(digest).decode()


class Person:
    """Somebody with a browser profile of their own; `complaints` is what its consoles said."""

    def __init__(self, browser: Browser, url: str, **how: Any) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.context: BrowserContext = browser.new_context(base_url=url, **{"viewport": DESK, **how})
        self.context.set_default_timeout(PATIENCE_MS)

    def open(self, path: str) -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.goto(path)
        return page

    def sign_in(self, username: str, password: str) -> None:
        """Sign in by the form."""
        page = self.open("/sign-in")
        page.get_by_label("Name").fill(username)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{self.url}/")
        page.close()

    def forgive(self, part: str) -> None:
        """Drop complaints that a test provoked; there must be one."""
        kept = [complaint for complaint in self.complaints if part not in complaint]
        assert kept != self.complaints, f"nobody complained of {part}"
        self.complaints = kept

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.location.get('url')}: {message.text}")
