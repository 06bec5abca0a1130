"""A private PostgreSQL for the tests: unix socket only, gone afterwards, shared by all workers of a run."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg

USER = "postgres"
"""PostgreSQL refuses to run as root; Debian's package makes this user."""
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "200",
    "log_min_messages": "panic",
}


class PrivatePostgres:
    """A cluster in a temporary directory. It dies with this process, however that ends."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="vrabec-pg-"))
        self._user = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Make the cluster and wait until it answers."""
        try:
            if self._user:
                shutil.chown(self.directory, USER, USER)
            self._initialise()
            self._process = subprocess.Popen(self._command(), **self._options())
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End it at once (what it holds is worth nothing) and remove its files."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, name: str = "postgres") -> str:
        """Our configuration's `database` for the database `name`."""
        return database_url(self.directory, name)

    def _initialise(self) -> None:
        made = ["-D", str(self._data), "-U", USER, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
        subprocess.run([program("initdb"), *made], check=True, **self._options())

    def _command(self) -> list[str]:
        settings = [word for key, value in _SETTINGS.items() for word in ("-c", f"{key}={value}")]
        dying = ["setpriv", "--pdeathsig", "QUIT"]
        return [*dying, program("postgres"), "-D", str(self._data), "-k", str(self.directory), *settings]

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _options(self) -> dict[str, object]:
        return {"cwd": self.directory, "stdout": subprocess.DEVNULL, **self._user}

    def _wait(self) -> None:
        for _ in range(600):
            try:
                psycopg.connect(host=str(self.directory), user=USER, dbname="postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("PostgreSQL did not answer within 30 s")


def database_url(directory: Path | str, name: str) -> str:
    """The URL of database `name` in the cluster whose socket lies in `directory`."""
    return f"postgresql://{USER}@{quote(str(directory), safe='')}/{name}"


def program(name: str) -> str:
    """The newest installed PostgreSQL's program `name`; Debian keeps them off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    if not found:
        raise FileNotFoundError(f"{name} is not there: install postgresql to run these tests")
    return str(found[-1])
