"""What the person who runs Vrabec relies on, asked of a whole controller with its host."""

from tests.e2e.controller import Controller
from tests.e2e.waiting import wait_until


def test_a_running_controller_is_healthy(controller: Controller) -> None:
    wait_until(lambda: controller.visitor().get("/healthz").text == "ok\n", "health is ok")


def test_its_processes_are_measured(controller: Controller) -> None:
    answer = controller.visitor().send("GET", "/metrics", authorization=f"Bearer {controller.token}")
    lines = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(lines['vrabec_resident_memory_bytes{process="engine"}']) > 2**20
    assert float(lines['vrabec_hosts{state="online"}']) == 1
