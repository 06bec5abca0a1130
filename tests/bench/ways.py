"""The two ways to make machines that are compared: Vrabec's REST, and libvirt's binding by hand."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from tests.bench.figures import now_ms
from tests.bench.floor import Order, Parts
from tests.bench.machines import PROJECT, Identity, Picture
from tests.bench.processes import held_still
from tests.e2e.controller import REPOSITORY, Controller
from tests.e2e.onhost import POOL
from tests.e2e.waiting import PATIENCE_SECONDS
from vrabec_client.client import Client
from vrabec_client.errors import Conflict, JobFailed, NotFound, VrabecError, WrongState

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINobodyHasTheOtherHalfOfThisKeyAtAllxx bench"
WISH: dict[str, Any] = {
    "project": PROJECT,
    "template": "tiny",
    "cpus": 1,
    "memory_mib": 192,
    "disk_mib": 1024,
    "ssh_keys": [KEY],
}
THREADS_TO_DELETE = 8
_NUMBERS = count(1)


@dataclass
class Attempt:
    """Machines that are being made: since when, what went wrong, and who they are once they are there."""

    began_ms: float
    errors: list[str]
    identities: Callable[[], list[Identity]]


class Way(Protocol):
    """A way to make machines."""

    name: str

    def machines(self, names: list[str]) -> AbstractContextManager[Attempt]:
        """Make machines of these names; they are gone at the end."""


class Ours:
    """By REST: one request a machine, all at once, each on a connection of its own."""

    name = "ours"

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.jobs: list[dict[str, Any]] = []

    @contextmanager
    def machines(self, names: list[str]) -> Iterator[Attempt]:
        """Make machines of these names; they are gone at the end."""
        requests = _Requests(self._controller, names)
        began_ms = now_ms()
        requests.send()
        try:
            yield Attempt(began_ms, requests.errors, lambda: self._identities(requests))
        finally:
            with ThreadPoolExecutor(THREADS_TO_DELETE) as pool:
                list(pool.map(self._remove, requests.answers))

    def _identities(self, requests: "_Requests") -> list[Identity]:
        found = []
        with self._controller.client() as client:
            for answer in requests.answers:
                try:
                    self.jobs.append(dict(client.wait_for_job(answer["job"]["id"])))
                except VrabecError as error:
                    requests.errors.append(str(error))
                with suppress(NotFound):
                    vm = client.get_vm(answer["vm"])
                    found.append(Identity(vm["name"], vm["uuid"], vm["mac"], vm["id"]))
        return found

    def _remove(self, answer: dict[str, Any]) -> None:
        with self._controller.client() as client:
            _remove(client, answer["vm"])


def _remove(client: Client, vm_id: int) -> None:
    """Delete a machine and wait until it is gone; a controller that refuses for a while is asked again."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            client.wait_for_job(client.delete_vm(vm_id)["job"]["id"])
        except NotFound:
            return
        except (WrongState, Conflict, JobFailed):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


class _Requests:
    """As many clients as machines; each connects, asks and gets its 202."""

    def __init__(self, controller: Controller, names: list[str]) -> None:
        self._clients = [(controller.client(), name) for name in names]
        self.answers: list[dict[str, Any]] = []
        self.errors: list[str] = []

    def send(self) -> None:
        """Return when all are answered."""
        threads = [threading.Thread(target=self._send, args=pair) for pair in self._clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send(self, client: Any, name: str) -> None:
        try:
            with client:
                self.answers.append(client.create_vm(name, **WISH))
        except VrabecError as error:
            self.errors.append(f"{name}: {error}")


@dataclass(frozen=True)
class Sample:
    """A machine that ours made, for the floor to make again."""

    picture: Picture
    identity: Identity

    def under(self, other: Identity) -> Picture:
        """The same machine with another identity."""
        return self.picture.of_another(self.identity, other)


class ByHand:
    """By the floor's script in a process of its own, while the controller is held still.

    What it makes is the machine `sample` under other names.
    """

    def __init__(self, controller: Controller, sample: Sample, threads: int = 1) -> None:
        self.name = f"hand{threads}"
        self._controller = controller
        self._sample = sample
        self._threads = threads

    @contextmanager
    def machines(self, names: list[str]) -> Iterator[Attempt]:
        """Make machines of these names; they are gone at the end."""
        others = [Identity.numbered(name, next(_NUMBERS)) for name in names]
        parts = [self._sample.under(other).parts(other) for other in others]
        with held_still(self._controller):
            try:
                began_ms, errors = self._work("make", self._threads, parts)
                yield Attempt(began_ms, errors, lambda: others)
            finally:
                _, errors = self._work("delete", THREADS_TO_DELETE, parts)
        if errors:
            raise RuntimeError(f"the floor leaves something: {errors}")

    def _work(self, verb: str, threads: int, parts: list[Parts]) -> tuple[float, list[str]]:
        order = Order(verb, self._controller.host.uri, POOL, threads, parts)
        command = [sys.executable, "-m", "tests.bench.floor"]
        with subprocess.Popen(
            command, cwd=REPOSITORY, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(order.to_json() + "\n")
            process.stdin.flush()
            process.stdout.readline()  # it has loaded everything
            said, _ = process.communicate("go\n")
        answer = json.loads(said)
        return answer["began_ns"] / 1e6, answer["errors"]
