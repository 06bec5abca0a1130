"""Hosts over TLS: our own certificates, a host that must have a good one, and a sentence for each refusal."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.installation import free_port
from tests.lab import TestFleetHost
from tests.lab.pki import Authority
from vrabec.hypervisor import connection, domains
from vrabec.lib.errors import Unavailable
from vrabec.lib.uris import certified

LISTEN = """\
listen_tls = 1
listen_tcp = 0
listen_addr = "127.0.0.1"
tls_port = "{port}"
auth_tls = "none"
key_file = "{folder}/serverkey.pem"
cert_file = "{folder}/servercert.pem"
ca_file = "{folder}/cacert.pem"
"""


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def listening(authority: Authority) -> Iterator[str]:
    """The URI of a host that speaks TLS alone, with a certificate for 127.0.0.1."""
    with serving(authority, "127.0.0.1") as uri:
        yield uri


@contextmanager
def serving(authority: Authority, address: str) -> Iterator[str]:
    """A host whose certificate is for `address`. Its libvirtd is nobody's: it may not read what is root's."""
    port = free_port()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        authority.issue(folder, "server", address)
        with TestFleetHost(LISTEN.format(port=port, folder=folder)):
            yield f"test+tls://127.0.0.1:{port}/default"


def why_not(uri: str, folder: Path) -> str:
    with pytest.raises(Unavailable) as caught:
        connection.open_host(certified(uri, folder))
    return caught.value.message


def test_a_host_opens_by_certificates_of_one_authority(
    listening: str, authority: Authority, tmp_path: Path
) -> None:
    authority.issue(tmp_path, "client")
    with connection.open_host(certified(listening, tmp_path)) as host:
        assert [found.name for found in domains.all_facts(host)] == ["test"]


def test_without_certificates_it_is_said_which_and_where(listening: str, tmp_path: Path) -> None:
    assert f"clientkey.pem into {tmp_path}." in why_not(listening, tmp_path)


def test_a_host_of_another_authority_is_refused(listening: str, tmp_path: Path) -> None:
    Authority().issue(tmp_path, "client")
    assert "another CA than Vrabec's" in why_not(listening, tmp_path)


def test_a_host_of_another_name_is_refused(authority: Authority, tmp_path: Path) -> None:
    authority.issue(tmp_path, "client")
    with serving(authority, "192.0.2.1") as uri:
        assert "another name than the URI's" in why_not(uri, tmp_path)


def test_a_certificate_of_ours_that_nobody_would_take_is_said(
    listening: str, authority: Authority, tmp_path: Path
) -> None:
    Authority().issue(tmp_path, "client")
    authority.issue(tmp_path / "host", "server")
    (tmp_path / "host/cacert.pem").rename(tmp_path / "cacert.pem")
    assert why_not(listening, tmp_path).startswith("Vrabec's own certificate is not good: The certificate")
