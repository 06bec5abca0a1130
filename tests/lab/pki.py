"""A certificate authority as `certtool` makes one for libvirt, for tests alone."""

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vrabec.lib.clock import now

_DAY = timedelta(days=1)


class Authority:
    """It signs what a host shows and what Vrabec signs in with."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("CA")
        made = _builder(self._name, self._name, self._key)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._certificate = made.sign(self._key, hashes.SHA256())

    def issue(self, folder: Path, kind: str, address: str = "127.0.0.1") -> None:
        """Put `{kind}cert.pem`, `{kind}key.pem`, `cacert.pem` into `folder`; `kind`: client or server."""
        folder.mkdir(exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if kind == "server" else ExtendedKeyUsageOID.CLIENT_AUTH
        made = _builder(_name(kind), self._name, key)
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        signed = made.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "cacert.pem").write_bytes(self._certificate.public_bytes(Encoding.PEM))
        (folder / f"{kind}cert.pem").write_bytes(signed.public_bytes(Encoding.PEM))
        (folder / f"{kind}key.pem").write_bytes(secret)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return made.not_valid_before(now() - _DAY).not_valid_after(now() + _DAY)
