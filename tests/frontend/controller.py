"""A whole web process on loopback, in a thread: TLS, pools, Django; and an engine with made-up steps."""

import gc
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import uvicorn

from tests.engine import running
from vrabec.config import tls, web
from vrabec.jobs.plans import PLANS, STEPS, Plan, Step, fixed
from vrabec.jobs.run import Run
from vrabec.lib.errors import HostError
from vrabec.models.vms import Seen, Vm

PATIENCE_S = 30


@dataclass
class Controller:
    """Where it listens, and the certificate it shows."""

    url: str
    fingerprint: str
    certificate_pem: str


@pytest.fixture(scope="module")
def controller(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """The web process; it answers from the test database, so tests must be transactional."""
    root = tmp_path_factory.mktemp("tls")
    certificate, key = root / "certificate.pem", root / "key.pem"
    tls.ensure_certificate(certificate, key)
    # The protocol is named, as asyncio sets TCP_NODELAY only then: without it an answer takes 40 ms more.
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        app = web.application()
        server = _server(app, certificate, key)
        thread = Thread(target=server.run, args=[[listener]], name="web")
        thread.start()
        _wait_for(server)
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        yield Controller(url, tls.fingerprint(certificate), certificate.read_text())
        server.should_exit = True
        thread.join()
        for pool in (app._pages, app._sign_in):
            # Their threads hold connections, which PostgreSQL minds when the test database is dropped.
            pool.executor.shutdown()  # type: ignore[attr-defined]
        gc.collect()


def _server(app: web.Web, certificate: Path, key: Path) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        http="h11",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
        **web.WEBSOCKETS,
    )
    return uvicorn.Server(config)


def _wait_for(server: uvicorn.Server) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not server.started:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def engine(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An engine whose jobs on machines change rows only; a machine named "broken" makes them fail."""
    for kind, seen in (("create", Seen.RUNNING), ("start", Seen.RUNNING), ("power_off", Seen.OFF)):
        step = Step(f"Pretend to {kind}", partial(_pretend, seen))
        monkeypatch.setitem(STEPS, f"pretend_{kind}", step)
        monkeypatch.setitem(PLANS, f"vm.{kind}", Plan(kind, fixed(f"pretend_{kind}")))
    monkeypatch.setattr("vrabec.jobs.engine.POLL_SECONDS", 0.05)
    with running(threads=2):
        yield


def _pretend(seen: Seen, run: Run) -> None:
    vm = Vm.objects.get(pk=run.job.vm_id or 0)
    if vm.name == "broken":
        raise HostError("The host refused.", raw="internal error: \x1b[31mred\x1b[0m\nsecond line")
    run.wait(1.0)  # so that who looks twice a second sees it at its step
    Vm.objects.filter(pk=vm.pk).update(seen=seen, is_ready=seen == Seen.RUNNING, address="10.0.0.9")
