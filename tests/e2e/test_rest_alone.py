"""The life of a machine by plain HTTP alone, and every answer as the OpenAPI document says."""

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.controller import ADMINISTRATOR, PASSWORD, Controller
from tests.e2e.machines import ENDED, Machines
from tests.e2e.onhost import OnHost
from tests.e2e.openapi import Document
from tests.e2e.visitor import Visitor
from tests.e2e.waiting import wait_until
from tests.lab import TestFleetHost

API = "/api/v1"
LIFE = [
    ("pause", "paused"),
    ("resume", "running"),
    ("reboot", "running"),
    ("hibernate", "off"),
    ("start", "running"),
    ("send-keys", "running"),
    ("reset", "running"),
    ("shutdown", "off"),
    ("start", "running"),
    ("power-off", "off"),
]
"""Verbs in turn, and how the host sees the machine after each."""


class Rest:
    """Plain requests with a token; every answer is held against the document."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._headers = {"Content-Type": "application/json"}
        self.document = Document(visitor.get(f"{API}/openapi.json").json())

    def sign_in(self) -> None:
        """Ask for a token by name and password, and use it from now on."""
        given = {"username": ADMINISTRATOR, "password": PASSWORD}
        self._headers["Authorization"] = f"Bearer {self('POST', '/login', given, status=201)['secret']}"

    def __call__(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        """The answer's JSON; its status must be this one."""
        sent = None if body is None else json.dumps(body).encode()
        answer = self._visitor.send(method, API + path, sent, **self._headers)
        content = answer.json() if answer.body else None
        self.document.check(method, API + path, answer.status, content)
        assert answer.status == status, content
        return content

    def done(self, job_id: int) -> None:
        """Wait until a job is done."""
        assert self.ended(job_id)["state"] == "done"

    def ended(self, job_id: int) -> Any:
        """A job, once it has ended."""

        def look() -> Any:
            job = self("GET", f"/jobs/{job_id}")
            return job if job["state"] in ENDED else None

        return wait_until(look, f"job {job_id} has ended")


@pytest.fixture
def rest(controller: Controller) -> Rest:
    """Somebody without a token yet."""
    return Rest(controller.visitor())


def test_every_operation_answers_as_the_document_says(
    rest: Rest, controller: Controller, machines: Machines, on_host: OnHost
) -> None:
    assert rest("GET", "/")["name"] == "vrabec"
    rest("GET", "/me", status=401)
    rest.sign_in()
    assert rest("GET", "/me")["administrator"] is True
    a_machine_lives(rest, on_host)
    a_job_fails_is_repeated_and_dismissed(rest, controller, on_host)
    a_host_comes_and_goes(rest)
    the_rest_of_a_site(rest)
    people_come_and_go(rest)
    a_project_goes(rest)
    assert rest.document.called == rest.document.operations


def a_machine_lives(rest: Rest, on_host: OnHost) -> None:
    wish = {"name": "heron", "run": ["echo hello"]}
    made = rest("POST", "/vms", wish, status=202)
    one = f"/vms/{made['vm']}"
    rest.done(made["job"]["id"])
    assert [line["step"] for line in rest("GET", f"/jobs/{made['job']['id']}/log")] == []
    wait_until(lambda: rest("GET", one)["ready"], "the guest answers")
    assert on_host.domains() == {"main.heron": "running"}
    assert [vm["name"] for vm in rest("GET", "/vms?search=heron&state=running")["items"]] == ["heron"]
    wait_until(lambda: history_begun(rest, one), "the history of load has begun")
    rest("POST", "/vms", wish, status=409)
    rest("POST", f"{one}/start", status=409)
    rest("POST", f"/jobs/{made['job']['id']}/cancel", status=409)

    assert rest("PUT", f"{one}/hosts", {"hosts": ["kvm1"]})["pinned_to"] == ["kvm1"]
    assert rest("PATCH", one, {"description": "grey", "tags": ["bird"]})["tags"] == ["bird"]
    assert rest("POST", f"{one}/console", {"kind": "vnc"})["path"].endswith("/vnc")
    a_screen_is_seen(rest, one)
    assert "<name>main.heron</name>" in rest("GET", f"{one}/xml")["xml"]
    assert [host["fits"] for host in rest("GET", f"{one}/targets")["items"]] == [False]
    rest("POST", f"{one}/migrate", {"to": "kvm1"}, status=409)
    for verb, state in LIFE:
        rest.done(rest("POST", f"{one}/{verb}", status=202)["job"]["id"])
        assert on_host.domains() == {"main.heron": state}
        if state == "running":
            wait_until(lambda: rest("GET", one)["ready"], "the guest answers again")
    a_machine_is_changed(rest, on_host, one)
    a_machine_is_shared(rest, one)
    rest.done(rest("DELETE", one, status=202)["job"]["id"])
    rest("GET", one, status=404)
    assert on_host.remains() == []


def a_machine_is_changed(rest: Rest, on_host: OnHost, one: str) -> None:
    """While it is off: its size, its name, and a copy that comes and goes."""
    rest.done(rest("POST", f"{one}/resize", {"memory_mib": 224, "disk_mib": 1100}, status=202)["job"]["id"])
    rest.done(rest("POST", f"{one}/rename", {"name": "egret"}, status=202)["job"]["id"])
    found = rest("GET", one)
    assert (found["name"], found["memory_mib"], found["disk_mib"]) == ("egret", 224, 1100)
    copy = rest("POST", f"{one}/clone", {"name": "bittern"}, status=202)
    rest.done(copy["job"]["id"])
    assert on_host.domains() == {"main.egret": "off", "main.bittern": "off"}
    both = {"action": "tag", "vms": [found["id"], copy["vm"]], "tag": ["pair"]}
    assert rest("POST", "/vms/actions", both, status=202)["message"] == "Tag 2 of 2."
    rest("POST", "/vms/actions", {"action": "delete", "search": "pair"}, status=422)
    rest.done(rest("DELETE", f"/vms/{copy['vm']}", status=202)["job"]["id"])
    assert on_host.domains() == {"main.egret": "off"}


def a_screen_is_seen(rest: Rest, one: str) -> None:
    rest("GET", f"{one}/screenshot", status=404)
    rest("POST", f"{one}/screenshot", status=202)
    wait_until(lambda: rest("POST", f"{one}/screenshot", status=202)["taken_at"], "a picture was taken")
    assert b64decode(rest("GET", f"{one}/screenshot")["png"]).startswith(b"\x89PNG")


def history_begun(rest: Rest, one: str) -> bool:
    found = rest("GET", f"{one}/history?range=1h")
    used = [value for value in found["memory_used_mib"]["average"] if value is not None]
    return bool(used) and 0 < used[-1] < 192


def a_job_fails_is_repeated_and_dismissed(rest: Rest, controller: Controller, on_host: OnHost) -> None:
    controller.host.fill_disk()
    try:
        job_id = rest("POST", "/vms", {"name": "unlucky"}, status=202)["job"]["id"]
        assert rest.ended(job_id)["error_code"] == "no_capacity"
        again = rest("POST", f"/jobs/{job_id}/retry", status=202)["id"]
        assert rest.ended(again)["state"] == "failed"
    finally:
        controller.host.free_disk()
    assert again in [job["id"] for job in rest("GET", "/jobs?active=true")["items"]]
    rest("POST", f"/jobs/{again}/dismiss", status=204)
    assert again not in [job["id"] for job in rest("GET", "/jobs?active=true")["items"]]
    assert on_host.remains() == []


def a_host_comes_and_goes(rest: Rest) -> None:
    with TestFleetHost() as fleet:
        look = rest("POST", "/hosts/looks", {"uri": fleet.uri}, status=202)
        rest.done(look["id"])
        assert rest("GET", f"/hosts/looks/{look['id']}")["found"]["machines"] == 1
        assert rest("GET", "/hosts/key")["public_key"].startswith("ssh-ed25519 ")
        job = rest("POST", "/hosts", {"name": "fleet", "uri": fleet.uri}, status=202)
        rest.done(job["id"])
        assert rest("GET", f"/hosts/{job['host']}")["name"] == "fleet"
        assert {host["name"] for host in rest("GET", "/hosts")} == {"fleet", "kvm1"}
        wait_until(lambda: rest("GET", "/vms?search=host:fleet")["items"], "its machine is found")
        at = f"/hosts/{job['host']}"
        [stays] = rest("GET", f"{at}/maintenance")["stays"]
        assert stays["why"].startswith("No other host can take it. kvm1: ")
        rest.done(rest("POST", f"{at}/maintenance", {"rest": "leave"}, status=202)["id"])
        assert [host["name"] for host in rest("GET", "/hosts?state=maintenance")] == ["fleet"]
        rest.done(rest("POST", f"{at}/resume", status=202)["id"])
        assert rest("GET", at)["maintenance_since"] is None
        [found] = rest("GET", "/vms?search=host:fleet")["items"]
        assert rest("PUT", f"/vms/{found['id']}/project", {"project": "main"})["project"] == "main"
        rest("POST", "/hosts", {"name": "fleet", "uri": fleet.uri}, status=409)
        rest("POST", f"/hosts/{job['host']}/confirm", {"fingerprint": "SHA256:x"}, status=422)
        a_cluster_comes_and_goes(rest, job["host"])
        rest("DELETE", f"/hosts/{job['host']}", status=204)
        rest("GET", f"/hosts/{job['host']}", status=404)


def a_cluster_comes_and_goes(rest: Rest, host: int) -> None:
    made = rest("POST", "/clusters", {"name": "second", "memory_ratio": 1.5}, status=201)
    assert rest("PATCH", f"/hosts/{host}", {"cluster": "second"})["cluster"] == "second"
    assert rest("PATCH", f"/clusters/{made['id']}", {"cover": "refuse"})["memory_ratio"] == 1.5
    rest("DELETE", f"/clusters/{made['id']}", status=409)
    assert [one["cluster"] for one in rest("GET", f"/capacity?cluster={made['id']}")] == ["second"]
    assert rest("GET", f"/clusters/{made['id']}/balance")["moves"] == []
    moved = {"moves": [{"vm": 1, "to": "nowhere"}]}
    assert rest("POST", f"/clusters/{made['id']}/balance", moved, status=202)["done"] == 0
    placed = rest("POST", "/vms/placement", {"cluster": "second"})
    assert [verdict["host"] for verdict in placed["hosts"]] == ["fleet"]
    rest("PATCH", f"/hosts/{host}", {"cluster": "default"})
    rest("DELETE", f"/clusters/{made['id']}", status=204)
    assert [cluster["name"] for cluster in rest("GET", "/clusters")] == ["default"]


def a_machine_is_shared(rest: Rest, one: str) -> None:
    """With somebody who may use it, and not delete it."""
    user = rest("POST", "/users", {"username": "petr"}, status=201)
    vm_id = int(one.rpartition("/")[2])
    grant = rest("POST", "/grants", {"user": "petr", "role": "owner", "vm": vm_id}, status=201)
    kept = rest("POST", f"{one}/withheld", {"user": "petr", "verb": "vm.delete"}, status=201)
    assert [row["verb"] for row in rest("GET", f"{one}/withheld")] == ["vm.delete"]
    assert rest("GET", f"/why?verb=vm.start&user=petr&vm={vm_id}")["may"] is True
    assert rest("GET", f"/why?verb=vm.delete&user=petr&vm={vm_id}")["may"] is False
    rest("DELETE", f"{one}/withheld/{kept['id']}", status=204)
    rest("PUT", f"{one}/owner", {"user": "petr"}, status=422)
    assert rest("PUT", f"{one}/owner", {}) == {"user": None, "group": None}
    assert grant["id"] in [row["id"] for row in rest("GET", f"/grants?vm={vm_id}")]
    [petr] = [row for row in rest("GET", f"/grants/people?vm={vm_id}")["items"] if row["user"] == "petr"]
    assert [(way["role"], way["scope"]) for way in petr["ways"]] == [("owner", "vm")]
    assert "vm.delete" in petr["verbs"]
    rest("DELETE", f"/grants/{grant['id']}", status=204)
    rest("DELETE", f"/users/{user['id']}", status=204)
    leases_begin_and_end(rest, one)


def leases_begin_and_end(rest: Rest, one: str) -> None:
    project = rest("GET", one)["project"]
    rules = {"days": 30, "most_days": 90, "also_present": True}
    assert rest("PUT", f"/projects/{project}/lease", rules)["lease"]["grace_days"] == 14
    assert rest("GET", one)["lease_ends_at"]
    assert rest("POST", f"{one}/extend", {"no_end": True})["lease_ends_at"] is None
    rest("POST", f"{one}/extend", {"days": 0}, status=422)
    assert rest("DELETE", f"/projects/{project}/lease")["lease"] is None
    asked = rest("POST", "/requests", {"vms": 99, "why": "a course"}, status=201)
    assert [found["asks"] for found in rest("GET", "/requests")] == ["99 machines"]
    assert rest("POST", f"/requests/{asked['id']}/answer", {"granted": False})["granted"] is False
    assert rest("GET", "/mail") == []
    rest("POST", "/mail/1/send", status=404)


def people_come_and_go(rest: Rest) -> None:
    user = rest("POST", "/users", {"username": "zoe", "full_name": "Zoë"}, status=201)
    assert user["path"].startswith("/sign-in/link/")
    one = f"/users/{user['id']}"
    assert rest("POST", f"{one}/link", status=201)["path"] != user["path"]
    assert rest("PATCH", one, {"email": "zoe@univ.example"})["email"] == "zoe@univ.example"
    group = rest("POST", "/groups", {"name": "botany"}, status=201)
    assert rest("PUT", f"{one}/identities/ldap", {"subject": "z.oak"})["signs_in_by"] == ["ldap"]
    assert rest("DELETE", f"{one}/identities/ldap")["signs_in_by"] == []
    assert rest("PUT", f"/groups/{group['id']}/follows", {"names": ["staff"]})["follows"] == ["staff"]
    member = f"/groups/{group['id']}/members/zoe"
    assert rest("PUT", member)["members"] == ["zoe"]
    assert [found["members"] for found in rest("GET", "/groups")] == [["zoe"]]
    role = rest("POST", "/roles", {"name": "night-shift", "verbs": ["vm.view"]}, status=201)
    changed = {"version": role["version"], "verbs": ["vm.view", "vm.start"]}
    assert rest("PUT", "/roles/night-shift", changed)["verbs"] == ["vm.start", "vm.view"]
    rest("PUT", "/roles/night-shift", changed, status=409)
    asked = rest("PUT", "/roles/night-shift/second-factor", {"is_needed": True})
    assert asked["needs_second_factor"] is True
    assert rest("GET", "/roles")[0]["name"] == "administrator"
    rest("POST", "/grants", {"group": "botany", "role": "night-shift", "project": "aviary"}, status=201)
    assert [found["groups"] for found in rest("GET", "/users") if found["username"] == "zoe"] == [["botany"]]
    assert rest("DELETE", member)["members"] == []
    rest("DELETE", f"/groups/{group['id']}", status=204)
    rest("DELETE", "/roles/night-shift", status=204)
    quotas_are_set(rest)
    assert rest("POST", f"{one}/sign-out") == {"sessions": 0}
    rest("DELETE", f"{one}/second-factors", status=204)
    assert all(held["address"] == "127.0.0.1" for held in rest("GET", "/sessions"))
    rest("DELETE", "/sessions/999999", status=404)
    rest("DELETE", one, status=204)


def a_project_goes(rest: Rest) -> None:
    assert rest("PATCH", "/projects/aviary", {"title": "The aviary"})["title"] == "The aviary"
    rest("DELETE", "/projects/aviary", status=204)
    rest("DELETE", "/projects/aviary", status=404)


def quotas_are_set(rest: Rest) -> None:
    assert rest("GET", "/grants?user=zoe") == []
    assert rest("PUT", "/quotas/user/zoe", {"vms": 2, "memory_mib": 4096})["vms"] == 2
    found = rest("GET", "/quotas?user=zoe")
    assert (found["limits"]["vms"], found["taken"]["vms"], found["is_own"]) == (2, 0, True)
    assert rest("DELETE", "/quotas/user/zoe")["vms"] is None
    assert rest("PUT", "/quotas/group", {"cpus": 99})["cpus"] == 99
    assert rest("GET", "/quotas/defaults")["group"]["cpus"] == 99
    rest("PUT", "/quotas/nothing", {"cpus": 99}, status=422)
    rest("PUT", "/quotas/group", {})


def volumes_of(rest: Rest, name: str) -> str:
    """The names of what lies in the pool of this name."""
    ids = [pool["id"] for pool in rest("GET", "/pools") if pool["name"] == name]
    found = [volume for pool in ids for volume in rest("GET", f"/pools/{pool}/volumes")["items"]]
    return " ".join(volume["name"] for volume in found)


def the_rest_of_a_site(rest: Rest) -> None:
    assert [network["name"] for network in rest("GET", "/networks")] == ["default"]
    wait_until(lambda: "template-tiny" in volumes_of(rest, "vrabec"), "the pool is looked at", seconds=60)
    rest.done(rest("POST", "/templates", {"builder": "tiny"}, status=202)["id"])
    assert [template["name"] for template in rest("GET", "/templates")] == ["tiny"]
    rest("POST", "/templates", {"builder": "none"}, status=422)
    rest("POST", "/projects", {"name": "Not A Name"}, status=422)
    rest("POST", "/projects", {"name": "aviary"}, status=201)
    for path in ("/networks/default", "/templates/tiny"):
        assert rest("PUT", f"{path}/projects", {"projects": ["aviary"]})["projects"] == ["aviary"]
        rest("PUT", f"{path}/projects", {"projects": ["nowhere"]}, status=422)
        assert rest("PUT", f"{path}/projects", {"projects": []})["is_for_all"] is True
    assert {"main", "aviary"} <= {project["name"] for project in rest("GET", "/projects")}
    view = rest("POST", "/views", {"name": "Night", "search": "state:running"}, status=201)
    assert [one["name"] for one in rest("GET", "/views")] == ["Night"]
    rest("DELETE", f"/views/{view['id']}", status=204)
    token = rest("POST", "/tokens", {"name": "spare", "days": 1}, status=201)
    assert token["id"] in [one["id"] for one in rest("GET", "/tokens")]
    rest("DELETE", f"/tokens/{token['id']}", status=204)
    assert "vm.create" in {line["action"] for line in rest("GET", "/activity?action=vm.create")["items"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x", "memory_mib": 1}, "memory_mib"),
        ({"name": "x", "cpus": 999}, "cpus"),
        ({"name": "x", "cpus": "many"}, "cpus"),
        ({"name": "A B"}, "name"),
        ({}, "name"),
        ({"name": "x", "network": "nowhere"}, "network"),
        ({"name": "x", "project": "nowhere"}, "project"),
    ],
)
def test_a_broken_limit_is_answered_with_its_field(
    body: dict[str, Any], field: str, rest: Rest, on_host: OnHost
) -> None:
    rest.sign_in()
    error = rest("POST", "/vms", body, status=422)["error"]
    assert error["field"] == field
    assert error["message"]
    assert on_host.remains() == []


def test_the_document_names_no_operation_that_is_not_served(rest: Rest) -> None:
    source = Path(__file__).parents[2] / "src/vrabec/frontends/rest"
    served = {
        name for path in source.glob("*.py") for name in re.findall(r'operation_id="(\w+)"', path.read_text())
    }
    assert rest.document.operations == served
