"""Signing in and out, the link of a first sign-in, and the first password."""

import pytest
from django.test import Client

from tests.cast import PASSWORD, Site
from vrabec.models.users import User
from vrabec.services import people
from vrabec.services.people import make_sign_in_link

NEW = "a quite new phrase"


@pytest.fixture(autouse=True)
def nobody_failed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are counted in the process: each test begins with none."""
    monkeypatch.setattr(people, "_FAILURES", people.Failures())


def sign_in(client: Client, path: str = "/sign-in", **form: str) -> object:
    return client.post(path, {"username": "olga", "password": PASSWORD, **form}, secure=True)


def test_a_right_password_opens_the_machines(site: Site) -> None:
    client = Client()
    response = sign_in(client)
    assert (response.status_code, response["Location"]) == (303, "/")
    assert client.get("/", secure=True).status_code == 200


def test_a_wrong_password_says_so_and_keeps_the_name(site: Site) -> None:
    response = sign_in(Client(), password="wrong")
    assert response.status_code == 401
    assert "The name or the password is wrong." in response.content.decode()
    assert 'value="olga"' in response.content.decode()
    assert "wrong" not in response.content.decode().replace("password is wrong", "")


def test_ten_wrong_passwords_make_wait(site: Site) -> None:
    for _ in range(10):
        sign_in(Client(), password="wrong")
    response = sign_in(Client())
    assert response.status_code == 429


def test_ten_wrong_present_passwords_make_wait(site: Site) -> None:
    client = Client()
    client.force_login(site.owner.user)
    form = {"password": NEW, "again": NEW}
    for _ in range(10):
        client.post("/account/password", form | {"current": "wrong"}, secure=True)
    refused = client.post("/account/password", form | {"current": PASSWORD}, secure=True)
    assert refused.status_code == 429
    assert "Too many failed tries" in refused.content.decode()


def test_a_page_that_was_asked_for_is_opened_after_signing_in(site: Site) -> None:
    client = Client()
    sent = client.get(f"/machines/{site.vm.pk}?a=1", secure=True)
    assert sent["Location"] == f"/sign-in?next=%2Fmachines%2F{site.vm.pk}%3Fa%3D1"
    assert sign_in(client, next=f"/machines/{site.vm.pk}")["Location"] == f"/machines/{site.vm.pk}"


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1"]
)
def test_signing_in_never_leads_to_another_site(site: Site, elsewhere: str) -> None:
    assert sign_in(Client(), next=elsewhere)["Location"] == "/"


def test_opening_a_sign_in_link_changes_nothing(site: Site) -> None:
    secret = make_sign_in_link(site.owner.user)
    client = Client()
    assert client.get(f"/sign-in/link/{secret}", secure=True).status_code == 200
    assert client.get(f"/sign-in/link/{secret}", secure=True).status_code == 200
    assert "_auth_user_id" not in client.session


def test_a_sign_in_link_leads_to_a_first_password_and_to_nothing_else(site: Site) -> None:
    client = Client()
    response = client.post(f"/sign-in/link/{make_sign_in_link(site.owner.user)}", secure=True)
    assert response["Location"] == "/account/password"
    assert client.get("/", secure=True)["Location"] == "/account/password"
    assert "Present password" not in client.get("/account/password", secure=True).content.decode()
    response = client.post("/account/password", {"password": NEW, "again": NEW}, secure=True)
    assert response["Location"] == "/"
    assert client.get("/", secure=True).status_code == 200
    assert User.objects.get(username="olga").check_password(NEW)


def test_a_sign_in_link_works_once(site: Site) -> None:
    path = f"/sign-in/link/{make_sign_in_link(site.owner.user)}"
    assert Client().post(path, secure=True).status_code == 303
    again = Client().post(path, secure=True)
    assert again.status_code == 401
    assert "was used or has ended" in again.content.decode()


def test_changing_the_password_asks_for_the_present_one_and_keeps_the_session(site: Site) -> None:
    client = Client()
    client.force_login(site.owner.user)
    form = {"password": NEW, "again": NEW}
    refused = client.post("/account/password", form | {"current": "wrong"}, secure=True)
    assert refused.status_code == 422
    assert "not your present password" in refused.content.decode()
    assert client.post("/account/password", form | {"current": PASSWORD}, secure=True).status_code == 303
    assert client.get("/", secure=True).status_code == 200


def test_two_different_new_passwords_are_refused(site: Site) -> None:
    client = Client()
    client.force_login(site.owner.user)
    form = {"password": NEW, "again": NEW + "x", "current": PASSWORD}
    response = client.post("/account/password", form, secure=True)
    assert response.status_code == 422
    assert "The two are not the same." in response.content.decode()


def test_signing_out_ends_the_session(site: Site) -> None:
    client = Client()
    client.force_login(site.owner.user)
    assert client.get("/sign-out", secure=True).status_code == 405
    assert client.post("/sign-out", secure=True)["Location"] == "/sign-in"
    assert client.get("/", secure=True)["Location"] == "/sign-in"


def test_a_post_without_the_csrf_token_is_refused(site: Site) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(site.owner.user)
    assert client.post(f"/machines/{site.vm.pk}/start", secure=True).status_code == 403


def test_htmx_of_somebody_signed_out_is_led_to_the_sign_in_page(site: Site) -> None:
    response = Client(headers={"hx-request": "true"}).get("/jobs/drawer", secure=True)
    assert (response.status_code, response["HX-Redirect"]) == (204, "/sign-in")
