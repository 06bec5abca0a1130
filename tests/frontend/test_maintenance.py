"""A host's maintenance by page, REST and command; what it does is proven in tests/service and tests/lab."""

from typing import Any

import pytest

from tests.cast import Site, make_host
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_clusters import browser
from tests.frontend.test_rest import call
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState
from vrabec.models.vms import Seen, Vm, Wished

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]


@pytest.fixture
def fleet(site: Site) -> Site:
    """The machine web runs on kvm1 and can go to kvm2; db is bound to kvm1, idle is off."""
    make_host("kvm2")
    Vm.objects.filter(name="web").update(seen=Seen.RUNNING, wished=Wished.ON)
    site.make_vm("db", seen=Seen.RUNNING, wished=Wished.ON).pinned_to.set([site.host])
    site.make_vm("idle")
    return site


def ask(site: Site, method: str, path: str, body: Any = None) -> Any:
    answer = call(site, method, f"/hosts/{site.host.pk}{path}", body, "administrator")
    return answer.json()


def page(site: Site, path: str, **posted: str) -> str:
    client = browser(site.administrator)
    answer = client.post(path, posted) if posted else client.get(path)
    return str(answer.content.decode())


def test_rest_plans_begins_and_ends_maintenance(fleet: Site) -> None:
    plan = ask(fleet, "GET", "/maintenance")
    assert [(move["name"], move["to"]) for move in plan["moves"]] == [("web", "kvm2")]
    assert plan["stays"][0]["why"] == "No other host can take it. kvm2: The machine is bound to kvm1."
    assert (plan["off"], plan["covered"], plan["is_measured"]) == (["idle"], False, False)
    assert ask(fleet, "POST", "/maintenance", {"rest": "x"})["error"]["field"] == "rest"
    job = ask(fleet, "POST", "/maintenance")
    assert (job["kind"], job["title"]) == ("host.maintain", "Empty host kvm1")
    assert ask(fleet, "GET", "")["maintenance_since"]
    assert ask(fleet, "POST", "/resume")["error"]["job"] == job["id"]
    Job.objects.update(state=JobState.DONE)
    assert ask(fleet, "POST", "/resume")["title"] == "Fill host kvm1 again"
    assert ask(fleet, "GET", "")["maintenance_since"] is None


def test_hosts_are_listed_by_state(fleet: Site) -> None:
    ask(fleet, "POST", "/maintenance")
    for state, names in (("maintenance", ["kvm1"]), ("online", ["kvm2"]), ("unreachable", [])):
        found = call(fleet, "GET", f"/hosts?state={state}", who="administrator").json()
        assert [host["name"] for host in found] == names
        shown = page(fleet, f"/hosts?state={state}")
        assert [name for name in ("kvm1", "kvm2") if f'?host={name}">{name}</a>' in shown] == names
    answer = call(fleet, "GET", "/hosts?state=broken", who="administrator")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "state")


def test_the_dialog_says_what_moves_and_what_stays_and_begins(fleet: Site) -> None:
    at = f"/hosts/{fleet.host.pk}/maintenance"
    shown = page(fleet, at)
    for words in (
        "One machine moves",
        "to kvm2",
        "One machine cannot move",
        "bound to kvm1",
        "is off and stays",
    ):
        assert words in shown
    page(fleet, at, rest="shutdown")
    job = Job.objects.get()
    assert (job.kind, job.args["rest"]) == ("host.maintain", "shutdown")
    assert "Another job works on kvm1" in page(fleet, at, rest="leave")


def test_the_state_has_its_own_word_and_shape_everywhere(fleet: Site) -> None:
    ask(fleet, "POST", "/maintenance")
    shown = page(fleet, "/hosts")
    assert 'data-state="maintenance"' in shown
    assert "In maintenance since" in shown
    Host.objects.filter(name="kvm1").update(state=HostState.UNREACHABLE)
    assert "Maintenance, does not answer" in page(fleet, "/hosts")


def test_the_end_brings_back_only_if_that_is_left_ticked(fleet: Site) -> None:
    ask(fleet, "POST", "/maintenance")
    move = Job.objects.create(
        kind="vm.migrate",
        vm=fleet.vm,
        parent=Job.objects.get(),
        state=JobState.DONE,
        created_by_name="ada",
        args={"source": fleet.host.pk, "target": Host.objects.get(name="kvm2").pk},
    )
    Job.objects.update(state=JobState.DONE)
    Vm.objects.filter(name="web").update(host_id=move.args["target"])
    at = f"/hosts/{fleet.host.pk}/resume"
    assert "One that was moved away comes back" in page(fleet, at)
    page(fleet, at, bring_back="1")
    assert Job.objects.get(kind="host.resume").args["moves"] == [fleet.vm.pk]
    Job.objects.update(state=JobState.DONE)
    assert "kvm1 is not in maintenance" in page(fleet, at, other="")


@pytest.mark.django_db(transaction=True)
def test_the_command_plans_begins_and_ends_it(fleet: Site, vrabec: Vrabec) -> None:
    plan = vrabec("host", "maintenance", "kvm1", "--plan")
    assert [line.split()[:2] for line in plan.out.splitlines()] == [["MACHINE", "GOES"], ["web", "kvm2"]]
    assert "It takes about 4 s, at 100 MiB/s (assumed)." in plan.err
    assert "db stays. No other host can take it." in plan.err
    assert "Off, and left there: idle." in plan.err
    assert "If kvm2 died then, there would be no place for" in plan.err
    assert vrabec("host", "maintenance", "kvm1", "--rest", "shutdown").out.endswith(
        "Empty host kvm1, queued.\n"
    )
    assert "maintenance" in vrabec("host", "list", "--state", "maintenance").out
    Job.objects.update(state=JobState.DONE)
    assert vrabec("host", "resume", "kvm1", "--leave").out.endswith("Fill host kvm1 again, queued.\n")
