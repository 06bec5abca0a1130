"""The controller's own certificate, for sites that bring none: made once, known by its fingerprint."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
import ssl
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from vrabec.lib.clock import now

if TYPE_CHECKING:
    from cryptography.x509 import GeneralName

LIFE = timedelta(days=825)
"""Browsers refuse longer ones."""


def ensure_certificate(certificate: Path, key: Path) -> None:
    """Make a self-signed certificate where there is none."""
    if certificate.exists() and key.exists():
        return
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"Vrabec on {socket.gethostname()}"[:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(hours=1))
        .not_valid_after(now() + LIFE)
        .add_extension(x509.SubjectAlternativeName(_names()), critical=False)
        .sign(secret, hashes.SHA256())
    )
    pem = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(key, pem)
    write_secret(certificate, made.public_bytes(serialization.Encoding.PEM))


def fingerprint(certificate: Path) -> str:
    """SHA-256 of the certificate as browsers show it: "AB:CD:…"."""
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def write_secret(path: Path, data: bytes) -> None:
    """Write a file that only we can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    temporary.replace(path)


def _names() -> list[GeneralName]:
    from cryptography import x509

    host = socket.gethostname()
    loopback = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    return [*(x509.DNSName(name) for name in {host, "localhost"}), *(x509.IPAddress(ip) for ip in loopback)]
