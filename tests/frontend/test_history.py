"""The history of load through REST and by the command."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller
from vrabec.lib.clock import now
from vrabec.models.vms import Vm
from vrabec.services.facts import Load
from vrabec.services.history import RANGES, Watched, write_history

__all__ = ["command", "controller", "home", "signed_in", "vrabec"]
pytestmark = pytest.mark.django_db(transaction=True)
MB = 1_000_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    """Ring files of this test alone."""
    settings.VRABEC_HISTORY_DIR = tmp_path / "history"
    return tmp_path / "history"


def watch(vm: Vm, *cpu_percent: float, ago_s: float = 0, **rates: float) -> None:
    """Look at `vm` every ten seconds and see these, the last of them `ago_s` seconds ago."""
    for place, percent in enumerate(cpu_percent):
        rates = {"disk_read_bytes_s": 18 * MB, "net_sent_bytes_s": 500, **rates}
        seen = now() - timedelta(seconds=ago_s + 10 * (len(cpu_percent) - 1 - place))
        load = Load(vm_id=vm.pk, cpu_percent=percent, memory_used_mib=96, seen_at=seen, **rates)
        write_history([Watched(load, vm.uuid, 10.0)])


def get(person: Person, path: str, status: int = 200) -> Any:
    headers = {"Authorization": f"Bearer {person.secret}"}
    response = Client(headers=headers).get(f"/api/v1{path}", secure=True)
    assert response.status_code == status, response.content
    return response.json()


def test_every_range_is_given_with_gaps_as_null(site: Site) -> None:
    watch(site.vm, 10, 20, 30, ago_s=5)
    for name, span in RANGES.items():
        found = get(site.viewer, f"/vms/{site.vm.pk}/history?range={name}")
        points = span // found["step_s"]
        assert found["range"] == name
        assert {len(found[metric][which]) for metric in ("cpu_percent", "net_sent_bytes_s")
                for which in ("average", "maximum")} == {points}  # fmt: skip
        assert found["cpu_percent"]["average"][0] is None
        assert max(value for value in found["cpu_percent"]["maximum"] if value is not None) == 30
        end = datetime.fromisoformat(found["start"]) + timedelta(seconds=points * found["step_s"])
        assert now() - timedelta(seconds=1) < end <= now() + timedelta(seconds=found["step_s"])
    assert 18 * MB in found["disk_read_bytes_s"]["average"]


def test_the_hour_is_the_range_where_none_is_named(site: Site) -> None:
    found = get(site.owner, f"/vms/{site.vm.pk}/history")
    assert (found["range"], found["step_s"]) == ("1h", 10)
    assert datetime.fromisoformat(found["start"]).astimezone(UTC) < now() - timedelta(minutes=59)


@pytest.mark.parametrize("range_", ["", "2h", "1H", "%00", "1h,1d"])
def test_a_range_that_is_not_known_is_refused_by_name(site: Site, range_: str) -> None:
    said = get(site.owner, f"/vms/{site.vm.pk}/history?range={range_}", status=422)["error"]
    assert (said["code"], said["field"]) == ("invalid", "range")


def test_the_history_of_what_one_may_not_see_is_not_there(site: Site) -> None:
    watch(site.vm, 30)
    assert get(site.stranger, f"/vms/{site.vm.pk}/history", status=404)["error"]["code"] == "not_found"


def test_the_command_prints_a_line_a_metric(site: Site, vrabec: Vrabec) -> None:
    watch(site.vm, 10, 20, 30)
    said = vrabec("vm", "history", "web", "--range", "1h")
    lines = [line.split("  ") for line in said.out.splitlines()]
    cells = {line[0]: [cell.strip() for cell in line[1:] if cell] for line in lines}
    assert cells["METRIC"] == ["LATEST", "LOWEST", "AVERAGE", "HIGHEST"]
    assert (cells["CPU"][:2], cells["CPU"][-1]) == (["30 %", "10 %"], "30 %")
    assert cells["Memory used"] == ["96 MiB"] * 4
    assert cells["Disk read"] == ["18 MB/s"] * 4
    assert cells["Disk written"] == ["0 B/s"] * 4
    assert cells["Network sent"] == ["4 kbit/s"] * 4


def test_the_command_gives_every_point_as_json(site: Site, vrabec: Vrabec) -> None:
    watch(site.vm, 30)
    found = vrabec("vm", "history", "web", "--range", "1d", "-o", "json").data
    assert (found["range"], found["step_s"], len(found["cpu_percent"]["average"])) == ("1d", 240, 360)


def test_the_command_says_why_there_is_nothing(site: Site, vrabec: Callable[..., Any]) -> None:
    said = vrabec("vm", "history", "web", "--range", "1y")
    assert "Nobody watched in this time" in said.err
    assert said.status == 0
    assert vrabec("vm", "history", "web", "--range", "2h").status == 2
