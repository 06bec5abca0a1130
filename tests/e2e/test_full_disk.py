"""A controller whose disk is full says so, shows what it has, and goes on once there is room."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.installation import Installation, free_port, migrated
from vrabec_client import Client
from vrabec_client.errors import Unavailable, VrabecError

_TOKEN = """\
from vrabec.services.people import actor_of, create_administrator
from vrabec.services.tokens import create_token
secret = create_token(actor_of(create_administrator("ada")), name="test")[1]
"""
PATIENCE_S = 60.0
ROWS = 3000
"""More than the database's free pages and its WAL could hold."""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Installation]:
    """One whose data lie on a file system of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("a small file system needs root")
    (tmp_path / "data").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "none", tmp_path / "data"], check=True)
    found = migrated(tmp_path)
    found.config.write_text(f'{found.config.read_text()}port = {free_port()}\nlisten = "127.0.0.1"\n')
    yield found
    subprocess.run(["umount", tmp_path / "data"], check=True)


@pytest.fixture
def client(there: Installation) -> Iterator[Client]:
    """Its administrator, while it runs."""
    there.django(f"{_TOKEN}\nopen('{there.root}/token', 'w').write(secret)")
    port = there.config.read_text().partition("port = ")[2].split()[0]
    certificate = (there.data / "tls/certificate.pem").read_text()
    token = (there.root / "token").read_text()
    with there.serving(), Client(f"https://127.0.0.1:{port}", token, certificate_pem=certificate) as found:
        wait_until_it_works(found)
        yield found


def wait_until_it_works(client: Client) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            client.me()
        except VrabecError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def fill(folder: Path) -> Path:
    """A file that takes all the room there is."""
    ballast = folder / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    return ballast


def write_until_refused(client: Client) -> None:
    for number in range(ROWS):
        client.create_project(f"p{number}")


def test_a_full_disk_is_said_and_survived(there: Installation, client: Client) -> None:
    client.create_project("before")
    ballast = fill(there.data)
    with pytest.raises(Unavailable, match=r"disk is full\. Make room: vrabecd doctor says where"):
        write_until_refused(client)
    assert "before" in {project["name"] for project in client.list_projects()}
    assert "make room, 1 GiB at least" in there.run("doctor").stdout
    ballast.unlink()
    client.create_project("after")
    names = [project["name"] for project in client.list_projects()]
    assert len(names) == len(set(names))
