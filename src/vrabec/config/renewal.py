"""A certificate that is renewed on disk is shown to the next connection, without a restart."""

from __future__ import annotations

import asyncio
import logging
import ssl
from pathlib import Path

from vrabec.config.tls import fingerprint

logger = logging.getLogger(__name__)
LOOK_SECONDS = 10.0


async def renewed(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load the two files into `context` whenever they have changed. Runs until it is cancelled.

    In the loop that makes the connections: OpenSSL does not let one be made while its context changes.
    """
    seen = _stamps(certificate, key)
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = _stamps(certificate, key)
        if now != seen and _taken(context, certificate, key):
            seen = now


def _taken(context: ssl.SSLContext, certificate: Path, key: Path) -> bool:
    """Whether they belong together; tried apart, as half of a pair would end all connections."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        logger.error("the certificate in %s is not taken, the one before stays: %s", certificate, error)
        return False
    logger.info("the certificate in %s is taken: SHA-256 %s", certificate, fingerprint(certificate))
    return True


def _stamps(*paths: Path) -> list[tuple[int, int]]:
    """When each was written, and which file it is; of a link what it leads to."""
    return [(path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else (0, 0) for path in paths]
