"""A whole Vrabec as in production: `vrabecd serve` with TLS on loopback, and a real host in namespaces.

Nothing of it outlives the test run: the supervisor dies with the process that started it, its children die
with the supervisor, and the folder has a lab's name, so that the next lab sweeps what a killed run left.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.cache import keep_templates, lend_templates
from tests.e2e.visitor import Visitor
from tests.e2e.waiting import wait_until
from tests.lab import LabHost, labs
from vrabec_client.client import Client

REPOSITORY = Path(__file__).parents[2]
HOST = "kvm1"
ADMINISTRATOR, PASSWORD = "ada", "correct horse battery"
BUILD_SECONDS = 900.0
VRABECD = (sys.executable, "-c", "from vrabec.config.daemon import main; main()")
_CONFIG = """\
data_dir = "{root}/data"
run_dir = "{root}/run"
listen = "127.0.0.1"
port = {port}
database = "{database}"
"""


class Controller:
    """One controller with one host, template "tiny" and project "main", on inside `with`.

    `token` is that of its administrator, who was made by the sign-in link and has PASSWORD;
    `settings` are more lines of its settings file.
    """

    def __init__(self, *, database: str = "") -> None:
        self._database = database
        self.root = labs.directory_of(labs.new_name())
        self.data = self.root / "data"
        self.host = LabHost(HOST, self.root / "host", storage_mib=2048)
        self.url = f"https://127.0.0.1:{_free_port()}"
        self.token = ""
        self.settings = ""
        self.environment = os.environ | {"VRABEC_CONFIG": str(self.root / "vrabec.toml")}
        self._serve: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        labs.sweep()
        self.root.mkdir(mode=0o755)
        try:
            self._install()
            self.start()
            self._sign_in()
            self._prepare()
        except BaseException as error:
            error.add_note(self.log()[-4000:])
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the controller and the host, whatever state they are in, and remove all of it."""
        self.stop()
        self._power_off()
        shutil.rmtree(self.root, ignore_errors=True)

    # Looking

    @property
    def pid(self) -> int:
        """The supervisor's."""
        assert self._serve is not None, "the controller is not started"
        return self._serve.pid

    @property
    def certificate(self) -> Path:
        """The certificate it shows."""
        return self.data / "tls/certificate.pem"

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256, as `vrabecd migrate` printed it."""
        return self._migrated.rpartition(" ")[2]

    def client(self) -> Client:
        """A new client of the administrator."""
        return Client(self.url, self.token, certificate_pem=self.certificate.read_text())

    def visitor(self) -> Visitor:
        """Somebody with cookies and no session."""
        return Visitor(self.url, self.certificate)

    def sign_in_link(self, username: str) -> str:
        """A link as `vrabecd create-admin` prints it."""
        return self.vrabecd("create-admin", username, "--url", self.url)

    def children(self) -> dict[str, int]:
        """The pids of "web", "engine" and "console", as far as they live."""
        found = {}
        for pid in _read(f"/proc/{self.pid}/task/{self.pid}/children").split():
            for name in re.findall(r"vrabec\.config\.(\w+)", _read(f"/proc/{pid}/cmdline")):
                found[name] = int(pid)
        return found

    def log(self) -> str:
        """What all its processes have said."""
        return _read(self.root / "log")

    # Power

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = ["setpriv", "--pdeathsig", "KILL", *VRABECD, "serve"]
        with (self.root / "log").open("ab") as log:
            self._serve = subprocess.Popen(
                command, cwd=REPOSITORY, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, "the controller answers")

    def stop(self) -> None:
        """Stop it as systemd does."""
        if self._serve is None or self._serve.poll() is not None:
            return
        self._serve.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._serve.wait(40)
        if self._serve.poll() is None:
            self.kill("tree")

    def kill(self, which: str) -> None:
        """SIGKILL "engine", "web" or "console", which start again; "supervisor" or "tree", which do not."""
        children = self.children()
        if which in ("engine", "web", "console"):
            os.kill(children[which], signal.SIGKILL)
            return
        os.kill(-self.pid if which == "tree" else self.pid, signal.SIGKILL)
        assert self._serve is not None
        self._serve.wait()
        wait_until(lambda: not any(map(_is_alive, children.values())), "every process of it is dead")

    def wait_online(self) -> None:
        """Until it sees its host."""
        with self.client() as client:
            wait_until(lambda: client.find_host(HOST)["state"] == "online", "the host is online")

    # Private

    def _power_on(self) -> None:
        self.host.__enter__()

    def _power_off(self) -> None:
        self.host.close()

    def _install(self) -> None:
        self._power_on()
        port = self.url.rpartition(":")[2]
        (self.root / "vrabec.toml").write_text(
            _CONFIG.format(root=self.root, port=port, database=self._database) + self.settings
        )
        self._migrated = self.vrabecd("migrate")

    def vrabecd(self, *words: str) -> str:
        """What a command says that must succeed."""
        command = [*VRABECD, *words]
        done = subprocess.run(
            command, check=True, cwd=REPOSITORY, env=self.environment, stdout=subprocess.PIPE, text=True
        )
        return done.stdout.strip()

    def _answers(self) -> bool:
        assert self._serve is not None
        assert self._serve.poll() is None, f"the controller ended: {self.log()[-4000:]}"
        with suppress(OSError):
            return self.visitor().get("/api/v1/").status == 200
        return False

    def _sign_in(self) -> None:
        self.visitor().set_first_password(self.sign_in_link(ADMINISTRATOR), PASSWORD)
        with self.client() as client:
            self.token = client.login(ADMINISTRATOR, PASSWORD)["secret"]

    def _prepare(self) -> None:
        lend_templates(self.data / "templates")
        with self.client() as client:
            client.wait_for_job(client.add_host(HOST, self.host.uri)["id"], timeout=BUILD_SECONDS)
            client.create_project("main")
            client.wait_for_job(client.build_template("tiny")["id"], timeout=BUILD_SECONDS)
        keep_templates(self.data / "templates")
        self.wait_online()


def _is_alive(pid: int) -> bool:
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def _read(path: str | Path) -> str:
    with suppress(OSError):
        return Path(path).read_text(errors="replace")
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
