"""REST as a client meets it: what is answered to good, wrong and hostile requests."""

from typing import Any

import orjson
import pytest
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import PASSWORD, Site
from vrabec.models.audit import Audit
from vrabec.models.jobs import Job, JobState
from vrabec.models.templates import Template
from vrabec.models.vms import Seen, Vm


def call(site: Site, method: str, path: str, body: object = None, who: str = "owner") -> Any:
    client = Client(headers={"authorization": f"Bearer {getattr(site, who).secret}"})
    data = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else b""
    return client.generic(method, f"/api/v1{path}", data=data, content_type="application/json", secure=True)


def test_a_created_machine_is_a_job_first(site: Site) -> None:
    answer = call(site, "POST", "/vms", {"name": "fresh", "project": "alpha"})
    assert answer.status_code == 202
    said = answer.json()
    assert said["job"]["state"] == "queued"
    assert call(site, "GET", f"/vms/{said['vm']}").json()["label"] == "Creating"
    assert call(site, "GET", f"/jobs/{said['job']['id']}").json()["title"] == "Create fresh"


def test_a_second_verb_names_the_job_in_the_way(site: Site) -> None:
    first = call(site, "POST", f"/vms/{site.vm.pk}/start").json()
    second = call(site, "POST", f"/vms/{site.vm.pk}/start")
    assert second.status_code == 409
    assert second.json()["error"]["job"] == first["job"]["id"]


def test_a_wrong_state_is_one_sentence(site: Site) -> None:
    answer = call(site, "POST", f"/vms/{site.vm.pk}/shutdown")
    assert answer.status_code == 409
    assert answer.json()["error"] == {"code": "wrong_state", "message": "web is off."}


@pytest.mark.parametrize(
    ("body", "args"),
    [
        (None, {"deadline_seconds": 90, "then_power_off": False}),
        ({}, {"deadline_seconds": 90, "then_power_off": False}),
        ({"deadline_seconds": 5, "then_power_off": True}, {"deadline_seconds": 5, "then_power_off": True}),
    ],
)
def test_a_shutdown_takes_a_deadline_or_nothing(site: Site, body: object, args: object) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    assert call(site, "POST", f"/vms/{site.vm.pk}/shutdown", body).status_code == 202
    assert Job.objects.get().args == args


def test_keys_are_named_and_ctrl_alt_delete_needs_no_word(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    path = f"/vms/{site.vm.pk}/send-keys"
    wrong = call(site, "POST", path, {"keys": ["ctrl-alt-delet"]})
    assert (wrong.status_code, wrong.json()["error"]["errors"][0]["field"]) == (422, "keys")
    assert call(site, "POST", path, {"keys": []}).status_code == 422
    assert call(site, "POST", path).status_code == 202
    assert Job.objects.get().args == {"codes": [[29, 56, 111]]}


@pytest.mark.parametrize("body", [[], ["name"], "name", 7, True])
def test_a_body_that_is_no_object_is_refused_though_every_field_may_be_left_out(
    site: Site, body: object
) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    one = f"/vms/{site.vm.pk}"
    for method, path in (("POST", f"{one}/shutdown"), ("POST", f"{one}/resize"), ("PATCH", one)):
        assert call(site, method, path, body).status_code == 422, path
    assert not Job.objects.exists()


def test_a_wrong_deadline_names_its_field(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(seen=Seen.RUNNING)
    for seconds in (0, 4000, "soon"):
        answer = call(site, "POST", f"/vms/{site.vm.pk}/shutdown", {"deadline_seconds": seconds})
        assert answer.status_code == 422
        assert answer.json()["error"]["errors"][0]["field"] == "deadline_seconds"


def test_every_broken_field_is_named(site: Site) -> None:
    answer = call(site, "POST", "/vms", {"name": "A B", "project": "alpha", "cpus": 0})
    assert answer.status_code == 422
    assert {e["field"] for e in answer.json()["error"]["errors"]} == {"name", "cpus"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b"[]", "name"),
        (b"null", "name"),
        (b'{"name": 7, "project": "alpha"}', "name"),
        (b'{"name": "a", "cpus": 1e300}', "cpus"),
        (b'{"name": "a", "run": "ls"}', "run"),
        (b'{"name": "a\\u0000b", "project": "alpha"}', "name"),
        (b"\xff\xfe", "body"),
    ],
)
def test_a_body_of_the_wrong_shape_names_what_is_wrong(site: Site, body: bytes, field: str) -> None:
    answer = call(site, "POST", "/vms", body)
    assert answer.status_code == 422, answer.content
    assert field in {e["field"] for e in answer.json()["error"]["errors"]}
    assert Vm.objects.count() == 1


@pytest.mark.parametrize(
    "path", ["/vms?page=0", "/vms?per_page=100000", "/vms?state=asleep", "/vms?page=x", "/vms/x"]
)
def test_a_wrong_parameter_is_refused(site: Site, path: str) -> None:
    assert call(site, "GET", path).status_code == 422


def test_what_is_not_there_is_not_found(site: Site) -> None:
    for path in ("/vms/999999", "/jobs/999999"):
        assert call(site, "GET", path).json()["error"]["code"] == "not_found"


def test_a_number_too_large_for_the_database_is_not_found(site: Site) -> None:
    assert call(site, "GET", f"/vms/{10**30}").status_code in (404, 422)


def test_host_names_are_for_administrators(site: Site) -> None:
    assert call(site, "GET", f"/vms/{site.vm.pk}").json()["host"] is None
    assert call(site, "GET", f"/vms/{site.vm.pk}", who="administrator").json()["host"] == "kvm1"


def test_a_session_needs_the_csrf_token_to_change_things(site: Site) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(site.owner.user)
    path = f"/api/v1/vms/{site.vm.pk}/start"
    assert client.get("/api/v1/vms", secure=True).status_code == 200
    refused = client.post(path, secure=True)
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["error"]["message"]
    assert not Job.objects.exists()


def test_login_gives_a_token_that_works(site: Site) -> None:
    body = orjson.dumps({"username": "olga", "password": PASSWORD})
    answer = Client().post("/api/v1/login", body, content_type="application/json", secure=True)
    assert answer.status_code == 201
    headers = {"authorization": f"Bearer {answer.json()['secret']}"}
    assert Client(headers=headers).get("/api/v1/me", secure=True).json()["name"] == "olga"
    assert Audit.objects.filter(action="token.create", actor="olga").exists()


def test_login_without_a_set_password_sends_to_the_browser(site: Site) -> None:
    site.owner.user.must_change_password = True
    site.owner.user.save()
    body = orjson.dumps({"username": "olga", "password": PASSWORD})
    answer = Client().post("/api/v1/login", body, content_type="application/json", secure=True)
    assert (answer.status_code, "browser" in answer.json()["error"]["message"]) == (403, True)


def test_a_queued_job_is_cancelled_and_a_failed_one_retried(site: Site) -> None:
    job = call(site, "POST", f"/vms/{site.vm.pk}/start").json()["job"]["id"]
    assert call(site, "POST", f"/jobs/{job}/cancel").status_code == 202
    assert call(site, "POST", f"/jobs/{job}/cancel").status_code == 202
    assert Job.objects.get().cancel_asked
    assert call(site, "POST", f"/jobs/{job}/retry").status_code == 409
    Job.objects.filter(pk=job).update(state=JobState.FAILED)
    again = call(site, "POST", f"/jobs/{job}/retry")
    assert again.status_code == 202
    assert again.json()["id"] != job
    assert [j["id"] for j in call(site, "GET", "/jobs?active=true").json()["items"]] == [again.json()["id"]]


def test_lists_cost_the_same_queries_with_more_rows(site: Site) -> None:
    from django.db import connection

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert call(site, "GET", path, who="administrator").status_code == 200
        return len(captured)

    call(site, "GET", "/me", who="administrator")  # the token's first use is noted once a minute
    paths = ("/vms", "/jobs", "/hosts", "/projects", "/activity", "/templates", "/tokens")
    few = {path: queries(path) for path in paths}
    for number in range(20):
        vm = site.make_vm(f"m{number}")
        Job.objects.create(
            kind="vm.start", vm=vm, project=site.project, subject_name=vm.name, created_by_name="x"
        )
    assert {path: queries(path) for path in paths} == few


@pytest.mark.parametrize(
    "uri",
    [
        "qemu+ext://kvm2/system?command=/bin/sh",
        "qemu+ssh://kvm2/system?Command=/bin/sh",
        "qemu+ssh://kvm2/system?socket=/x;comm%61nd=/bin/sh",
    ],
)
def test_a_uri_that_would_run_a_command_here_is_refused(site: Site, uri: str) -> None:
    said = call(site, "POST", "/hosts", {"name": "kvm2", "uri": uri}, "administrator")
    assert (said.status_code, said.json()["error"]["field"]) == (422, "uri")
    assert "may not name a command" in said.json()["error"]["message"]


def test_every_answer_carries_the_security_headers(site: Site) -> None:
    answer = call(site, "GET", "/vms")
    assert answer["Content-Security-Policy"].startswith("default-src 'self';")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"


def test_a_machine_is_described_and_tagged_at_once(site: Site) -> None:
    path = f"/vms/{site.vm.pk}"
    said = call(site, "PATCH", path, {"description": "<b>", "tags": ["web", "prod"]})
    assert (said.status_code, said.json()["description"], said.json()["tags"]) == (
        200,
        "<b>",
        ["prod", "web"],
    )
    assert call(site, "PATCH", path, {"untag": ["web"], "tag": ["x"]}).json()["tags"] == ["prod", "x"]
    assert call(site, "GET", "/vms?tag=prod").json()["total"] == 1
    assert call(site, "GET", "/vms?tag=pro").json()["total"] == 0
    wrong = call(site, "PATCH", path, {"tags": ["No"]})
    assert (wrong.status_code, wrong.json()["error"]["field"]) == (422, "tags")


def test_a_rename_and_a_resize_are_jobs(site: Site) -> None:
    path = f"/vms/{site.vm.pk}"
    said = call(site, "POST", f"{path}/rename", {"name": "db"})
    assert (said.status_code, said.json()["job"]["title"]) == (202, "Rename web")
    Job.objects.update(state=JobState.DONE)
    said = call(site, "POST", f"{path}/resize", {"cpus": 2, "disk_mib": 4096})
    assert (said.status_code, said.json()["job"]["title"]) == (202, "Resize web")
    Job.objects.update(state=JobState.DONE)
    wrong = call(site, "POST", f"{path}/resize", {"cpus": 99, "disk_mib": 1})
    assert {error["field"] for error in wrong.json()["error"]["errors"]} == {"cpus", "disk_mib"}
    assert call(site, "POST", f"{path}/resize", {}).status_code == 422


def test_what_waits_for_the_next_start_is_given(site: Site) -> None:
    Vm.objects.filter(pk=site.vm.pk).update(next_cpus=4)
    said = call(site, "GET", f"/vms/{site.vm.pk}").json()
    assert (said["cpus"], said["next_cpus"], said["next_memory_mib"]) == (1, 4, None)


def test_malformed_user_data_is_refused_with_field_and_line(site: Site) -> None:
    Template.objects.update(takes_user_data=True)
    wish = {"name": "fresh", "project": "alpha", "user_data": "#cloud-config\na: [1"}
    error = call(site, "POST", "/vms", wish).json()["error"]
    assert (error["field"], error["message"][:7]) == ("user_data", "Line 2:")


def test_a_clone_answers_with_the_copy(site: Site) -> None:
    said = call(site, "POST", f"/vms/{site.vm.pk}/clone", {"name": "copy", "project": "alpha"})
    assert (said.status_code, said.json()["job"]["title"]) == (202, "Make the copy copy")
    assert Vm.objects.get(pk=said.json()["vm"]).name == "copy"
