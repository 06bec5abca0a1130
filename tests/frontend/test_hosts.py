"""Adding a host by ssh, from REST and the page: nothing is trusted that nobody confirmed."""

from typing import Any

import pytest
from django.test import Client

from tests.cast import Site
from tests.frontend.test_rest import call
from vrabec.lib import ssh
from vrabec.models.audit import Audit
from vrabec.models.hosts import Host, HostState
from vrabec.models.jobs import Job, JobState

URI = "qemu+ssh://root@kvm2/system"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGdpdmVuIGZvciB0ZXN0cywgbm90IGEgcmVhbCBrZXkh"
SHOWN = ssh.fingerprint(KEY)
FOUND = {
    "hostname": "kvm2", "arch": "x86_64", "cpus": 8, "memory_mib": 32768, "libvirt_version": "9.0.0",
    "machines": 41, "networks": ["default"],
}  # fmt: skip
BAD = {
    "": "uri", "kvm2": "uri", "qemu+ssh://[::1/system": "uri", "qemu+libssh2://kvm2/system": "uri",
    "qemu://kvm2/system?no_verify=1": "uri", "qemu+tls://kvm2/system?socket=/x;pkiPath=/y": "uri",
    "qemu+ssh://kvm2/system?command=/bin/sh": "uri", "x" * 400: "uri", "qemu+ssh://kvm 2/system": "uri",
}  # fmt: skip


def looked(**columns: Any) -> Job:
    """A look that is over."""
    args = {"uri": URI, "host_key": KEY, "fingerprint": SHOWN, "found": FOUND}
    values = {"kind": "host.look", "subject_name": "kvm2", "state": JobState.DONE, "args": args}
    return Job.objects.create(**(values | {"created_by_name": "ada"} | columns))


def failed() -> Job:
    """A look that saw the key, and was not let in."""
    args = {"uri": URI, "host_key": KEY, "fingerprint": SHOWN}
    return looked(args=args, state=JobState.FAILED, error_template="The host does not let Vrabec in.")


def post(site: Site, path: str, body: object) -> Any:
    return call(site, "POST", path, body, who="administrator")


def test_a_look_is_a_job_and_leaves_a_line_in_the_record(site: Site) -> None:
    answer = post(site, "/hosts/looks", {"uri": URI})
    assert answer.status_code == 202
    job = Job.objects.get()
    assert (job.kind, job.args) == ("host.look", {"uri": URI})
    assert Audit.objects.get(action="host.look").detail["uri"] == URI


@pytest.mark.parametrize("uri", BAD)
def test_what_no_host_can_be_is_refused_before_anybody_is_asked(uri: str, site: Site) -> None:
    for path, body in (("/hosts/looks", {"uri": uri}), ("/hosts", {"name": "kvm2", "uri": uri})):
        answer = post(site, path, body)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == BAD[uri]
    assert not Job.objects.exists()


def test_what_a_look_has_seen_is_told(site: Site) -> None:
    said = call(site, "GET", f"/hosts/looks/{looked().pk}", who="administrator").json()
    assert (said["fingerprint"], said["found"], said["warning"]) == (SHOWN, FOUND, "")
    said = call(site, "GET", f"/hosts/looks/{failed().pk}", who="administrator").json()
    assert (said["fingerprint"], said["found"]) == (SHOWN, None)
    assert said["job"]["error"] == "The host does not let Vrabec in."


def test_a_job_that_is_no_look_is_not_shown_as_one(site: Site) -> None:
    other = looked(kind="host.probe")
    assert call(site, "GET", f"/hosts/looks/{other.pk}", who="administrator").status_code == 404


def test_plain_tcp_is_warned_of(site: Site) -> None:
    job = looked(args={"uri": "qemu+tcp://kvm2/system"})
    said = call(site, "GET", f"/hosts/looks/{job.pk}", who="administrator").json()
    assert "Nothing is encrypted" in said["warning"]


def test_a_host_by_ssh_needs_a_key_that_was_seen(site: Site) -> None:
    body = {"name": "kvm2", "uri": URI}
    assert post(site, "/hosts", body).json()["error"]["field"] == "fingerprint"
    assert post(site, "/hosts", body | {"fingerprint": SHOWN}).status_code == 409
    looked(args={"uri": "qemu+ssh://root@other/system", "host_key": KEY, "fingerprint": SHOWN})
    assert post(site, "/hosts", body | {"fingerprint": SHOWN}).status_code == 409
    looked()
    assert post(site, "/hosts", body | {"fingerprint": SHOWN}).status_code == 202
    host = Host.objects.get(name="kvm2")
    assert host.host_key == KEY
    assert Audit.objects.get(action="host.add").detail["fingerprint"] == SHOWN


def test_a_new_key_is_confirmed_in_place_of_the_old(site: Site) -> None:
    host = Host.objects.create(name="kvm2", uri=URI, host_key="ssh-ed25519 AAAA")
    path = f"/hosts/{host.pk}/confirm"
    assert post(site, path, {"fingerprint": SHOWN}).status_code == 409
    looked()
    assert post(site, path, {"fingerprint": SHOWN}).json()["fingerprint"] == SHOWN
    host.refresh_from_db()
    assert host.host_key == KEY
    line = Audit.objects.get(action="host.confirm")
    assert line.subject == "kvm2"
    assert (line.detail["before"][:7], line.detail["fingerprint"]) == ("SHA256:", SHOWN)


def test_a_host_without_ssh_has_no_key_to_confirm(site: Site) -> None:
    answer = post(site, f"/hosts/{site.host.pk}/confirm", {"fingerprint": SHOWN})
    assert answer.status_code == 422


def test_the_public_key_is_shown(site: Site, keys: str) -> None:
    assert call(site, "GET", "/hosts/key", who="administrator").json() == {"public_key": keys}


@pytest.fixture
def keys(settings: Any, tmp_path: Any) -> str:
    """The controller has a key."""
    settings.VRABEC_SSH_DIR = tmp_path / "ssh"
    ssh.ensure_key(settings.VRABEC_SSH_DIR)
    return ssh.public_key(settings.VRABEC_SSH_DIR)


# The page


def browser(site: Site) -> Client:
    client = Client()
    client.force_login(site.administrator.user)
    return client


def test_the_page_leads_from_the_uri_by_the_look_to_the_host(site: Site, keys: str) -> None:
    client = browser(site)
    assert keys in client.get("/hosts/new", secure=True).content.decode()
    answer = client.post("/hosts/new", {"name": "kvm2", "uri": URI}, secure=True)
    job = Job.objects.get()
    assert answer["Location"] == f"/hosts/looks/{job.pk}?name=kvm2"
    assert "Looking at the host" in client.get(answer["Location"], secure=True).content.decode()
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, args=looked().args)
    page = client.get(answer["Location"], secure=True).content.decode()
    assert SHOWN in page
    assert not Host.objects.filter(name="kvm2").exists()
    added = client.post(answer["Location"], {"fingerprint": SHOWN}, secure=True)
    assert added["Location"] == "/hosts"
    assert Host.objects.get(name="kvm2").host_key == KEY


def test_a_changed_key_is_looked_at_and_confirmed_from_the_list(site: Site, keys: str) -> None:
    client = browser(site)
    host = Host.objects.create(
        name="kvm2", uri=URI, host_key="ssh-ed25519 AAAA", state=HostState.UNREACHABLE, reason="Another key."
    )
    assert f'action="/hosts/{host.pk}/confirm"' in client.get("/hosts", secure=True).content.decode()
    answer = client.post(f"/hosts/{host.pk}/confirm", secure=True)
    job = Job.objects.get()
    assert answer["Location"] == f"/hosts/looks/{job.pk}?name=kvm2&host=kvm2"
    Job.objects.filter(pk=job.pk).update(state=JobState.DONE, args=looked().args)
    assert "trust it from now on" in client.get(answer["Location"], secure=True).content.decode()
    assert client.post(answer["Location"], {"fingerprint": SHOWN}, secure=True)["Location"] == "/hosts"
    host.refresh_from_db()
    assert host.host_key == KEY
    gone = client.post(answer["Location"].replace("host=kvm2", "host=x"), {"fingerprint": SHOWN}, secure=True)
    assert gone.status_code == 404


def test_a_look_that_failed_says_why_and_can_be_repeated(site: Site, keys: str) -> None:
    client = browser(site)
    here = f"/hosts/looks/{failed().pk}?name=kvm2"
    page = client.get(here, secure=True).content.decode()
    assert "does not let Vrabec in" in page
    assert "Look again" in page
    again = client.post(here, {"again": "1"}, secure=True)
    assert again["Location"] == f"/hosts/looks/{Job.objects.latest('pk').pk}?name=kvm2"


def test_a_refused_name_and_uri_stand_beside_their_fields(site: Site, keys: str) -> None:
    client = browser(site)
    for typed, word in (
        ({"name": "KVM 2", "uri": URI}, "Use letters"),
        ({"name": "kvm2", "uri": "x"}, "libvirt URI"),
    ):
        answer = client.post("/hosts/new", typed, secure=True)
        assert answer.status_code == 422
        assert word in answer.content.decode()
    looked_at = looked()
    taken = client.post(f"/hosts/looks/{looked_at.pk}?name=kvm1", {"fingerprint": SHOWN}, secure=True)
    assert taken.status_code == 409
    assert "exists already" in taken.content.decode()
