"""A certificate that is renewed while Vrabec serves is the one that the next browser sees."""

import os
import ssl
from pathlib import Path

import pytest

from tests.e2e.test_proxies import Caller, wait_for
from tests.e2e.waiting import wait_until
from tests.installation import free_port, migrated
from vrabec.config.tls import ensure_certificate

pytestmark = pytest.mark.e2e


def test_a_renewed_certificate_needs_no_restart(tmp_path: Path) -> None:
    there, port = migrated(tmp_path / "there"), free_port()
    there.config.write_text(f"{there.config.read_text()}port = {port}\n")
    files, fresh = there.data / "tls", tmp_path / "fresh"
    ensure_certificate(fresh / "certificate.pem", fresh / "key.pem")
    renewed = (fresh / "certificate.pem").read_text()

    def shown() -> bytes:
        return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", port), timeout=30))

    with there.serving():
        wait_for(Caller(port))
        assert shown() == ssl.PEM_cert_to_DER_cert((files / "certificate.pem").read_text())
        for name in ("key.pem", "certificate.pem"):
            os.replace(fresh / name, files / name)
        wait_until(
            lambda: shown() == ssl.PEM_cert_to_DER_cert(renewed), "the renewed one is shown", seconds=120
        )
