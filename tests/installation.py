"""A Vrabec of a test's own, used as a person uses it: by its settings file and the vrabecd command."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.configuration import write_config

VRABECD = (sys.executable, "-c", "from vrabec.config.daemon import main; main()")
REPOSITORY = Path(__file__).parents[1]


@dataclass
class Installation:
    """A Vrabec of the test's own: its settings, its database, its data directory."""

    root: Path
    config: Path

    @property
    def data(self) -> Path:
        """Where keys, templates and SQLite lie."""
        return self.root / "data"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of vrabecd, whatever its outcome."""
        environment = os.environ | {"VRABEC_CONFIG": str(self.config)}
        return subprocess.run(
            [*VRABECD, *words], check=False, capture_output=True, text=True, env=environment, cwd=REPOSITORY
        )

    def do(self, *words: str) -> str:
        """A command that must succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str) -> str:
        """The one sentence of a command that must not succeed."""
        done = self.run(*words)
        assert done.returncode == 1, done.stdout
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr.strip().removeprefix("vrabecd: ")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """`vrabecd serve`, until the block ends; its words are in root/log."""
        environment = os.environ | {"VRABEC_CONFIG": str(self.config)}
        command = ["setpriv", "--pdeathsig", "KILL", *VRABECD, "serve"]
        with (self.root / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(40)

    def rows(self, word: str = "look") -> Any:
        """Every table's count and digest; or, with "fill", rows of every kind."""
        environment = os.environ | {"VRABEC_CONFIG": str(self.config)}
        command = [sys.executable, "-m", "tests.filled", word]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, cwd=REPOSITORY)
        found = json.loads(done.stdout or b"{}")
        for sessions in ("django_session", "vrabec_session"):
            found.pop(sessions, None)
        return found

    def django(self, code: str) -> str:
        """What code prints, run with the database of this installation."""
        environment = os.environ | {"VRABEC_CONFIG": str(self.config)}
        start = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'vrabec.config.settings'\n"
        start += "import django; django.setup()\nfrom django.db import connection\n"
        command = [sys.executable, "-c", start + code]
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=REPOSITORY
        )
        return done.stdout


def install(root: Path, database: str = "") -> Installation:
    return Installation(root, write_config(root, database))


def migrated(root: Path) -> Installation:
    """One on SQLite that was migrated: a copy, as many tests begin so and it takes seconds."""
    found = install(root)
    shutil.copytree(_migrated(), found.data, dirs_exist_ok=True)
    return found


@cache
def _migrated() -> Path:
    first = install(settings.DATA_DIR.parent / "migrated")
    first.do("migrate")
    return first.data


def free_port() -> int:
    """A port of loopback that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
