"""One's own account: tokens are shown once; and the thin lists beside the machines."""

from django.test import Client

from tests.cast import Person, Site
from vrabec.models.jobs import Job, JobState
from vrabec.models.projects import Project
from vrabec.services.tokens import actor_of_token, list_tokens


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def test_a_token_is_shown_once_and_works(site: Site) -> None:
    client = browser(site.owner)
    response = client.post("/account/tokens", {"name": "backup script", "days": "30"}, secure=True)
    assert response.status_code == 201
    secret = response.content.decode().partition('id="secret">')[2].partition("<")[0]
    assert actor_of_token(secret).user_id == site.owner.user.pk
    again = client.get("/account", secure=True).content.decode()
    assert "backup script" in again
    assert secret not in again


def test_a_token_with_a_wrong_life_is_refused_and_keeps_its_name(site: Site) -> None:
    for days in ("0", "999", "many", "-1", "9" * 400):
        response = browser(site.owner).post("/account/tokens", {"name": "ci", "days": days}, secure=True)
        assert response.status_code == 422
        assert 'value="ci"' in response.content.decode()
        assert "1 to 366 days" in response.content.decode()


def test_one_revokes_one_s_own_token_only(site: Site) -> None:
    token = list_tokens(site.owner.actor).get()
    path = f"/account/tokens/{token.pk}/revoke"
    assert browser(site.administrator).post(path, secure=True).status_code == 404
    assert browser(site.owner).post(path, secure=True).status_code == 303
    assert not list_tokens(site.owner.actor).exists()


def test_an_administrator_makes_a_project(site: Site) -> None:
    client = browser(site.administrator)
    assert client.post("/new-project", {"name": "gamma", "title": "Gamma"}, secure=True).status_code == 303
    assert Project.objects.get(name="gamma").title == "Gamma"
    refused = client.post("/new-project", {"name": "Gamma!", "title": "G"}, secure=True)
    assert refused.status_code == 422
    assert 'data-value="gamma"' in refused.content.decode()
    assert client.post("/new-project", {"name": "gamma", "title": ""}, secure=True).status_code == 409


def test_building_a_template_shows_its_progress(site: Site) -> None:
    client = browser(site.administrator)
    client.post("/templates/build", {"builder": "tiny"}, secure=True)
    Job.objects.update(state=JobState.RUNNING, percent=30)
    page = client.get("/templates", secure=True).content.decode()
    assert "Building" in page
    assert "30\u202f%" in page
    assert "Build Tiny" not in browser(site.owner).get("/templates", secure=True).content.decode()


def test_each_suite_of_debian_has_its_button(site: Site) -> None:
    client = browser(site.administrator)
    page = client.get("/templates", secure=True).content.decode()
    assert "Build Debian 12" in page
    assert "Build Debian 13" in page
    client.post("/templates/build", {"builder": "debian", "suite": "trixie"}, secure=True)
    assert Job.objects.get().subject_name == "debian-trixie"


def test_hosts_are_for_administrators(site: Site) -> None:
    assert browser(site.owner).get("/hosts", secure=True).status_code == 403
    page = browser(site.administrator).get("/hosts", secure=True).content.decode()
    assert "kvm1" in page
    assert "KVM does not work on every host." in page


def test_a_failed_job_is_retried_dismissed_and_stays_in_the_list_of_all(site: Site) -> None:
    columns = {"vm": site.vm, "project": site.project, "subject_name": "web", "created_by_name": "x"}
    job = Job.objects.create(kind="vm.start", state=JobState.FAILED, error_template="No.", **columns)
    client = browser(site.owner)
    assert client.post(f"/jobs/{job.pk}/dismiss", secure=True)["Location"] == "/jobs"
    assert "Start web" not in client.get("/jobs", secure=True).content.decode()
    assert "Start web" in client.get("/jobs?show=all", secure=True).content.decode()
    assert client.post(f"/jobs/{job.pk}/retry", secure=True).status_code == 303
    assert Job.objects.filter(state=JobState.QUEUED).count() == 1
    assert browser(site.viewer).post(f"/jobs/{job.pk}/retry", secure=True).status_code == 403


def test_the_tree_of_who_may_not_see_hosts_is_of_projects(site: Site) -> None:
    page = browser(site.owner).get("/", secure=True).content.decode()
    tree = page.partition('id="tree"')[2].partition("</nav>")[0]
    assert "alpha" in tree
    assert "web" in tree
    assert browser(site.owner).get(f"/tree/{site.other.pk}", secure=True).status_code == 404
    assert "web" in browser(site.administrator).get(f"/tree/{site.host.pk}", secure=True).content.decode()
