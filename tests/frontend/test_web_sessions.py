"""One's own sessions on the account page, and all of somebody's on the page of people."""

from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import PASSWORD, Person, Site
from vrabec.lib.clock import now
from vrabec.models.sessions import Session

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1"


def signed_in(person: Person, agent: str, address: str) -> Client:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR=address)
    sent = client.post("/sign-in", {"username": person.user.username, "password": PASSWORD}, secure=True)
    assert sent.status_code == 303
    return client


def test_a_lost_phone_is_signed_out_from_the_desk(site: Site) -> None:
    desk = signed_in(site.owner, FIREFOX, "192.0.2.7")
    phone = signed_in(site.owner, SAFARI, "2001:db8::7")
    said = desk.get("/account", secure=True).content.decode()
    assert said.count("this one") == 1
    shown = ("Firefox on Linux", "192.0.2.7", "Safari on iPhone", "2001:db8::7")
    assert all(words in said for words in shown)
    lost = Session.objects.get(agent="Safari on iPhone")
    assert desk.post(f"/account/sessions/{lost.pk}/end", secure=True).status_code == 303
    assert phone.get("/", secure=True)["Location"] == "/sign-in"
    assert desk.get("/", secure=True).status_code == 200
    assert desk.post(f"/account/sessions/{lost.pk}/end", secure=True).status_code == 404


def test_all_others_end_by_one_button(site: Site) -> None:
    desk, *others = (signed_in(site.owner, FIREFOX, f"192.0.2.{number}") for number in range(3))
    stranger = signed_in(site.stranger, FIREFOX, "192.0.2.9")
    assert "End all others" in desk.get("/account", secure=True).content.decode()
    desk.post("/account/sessions/end-others", secure=True)
    assert [client.get("/", secure=True)["Location"] for client in others] == ["/sign-in"] * 2
    assert desk.get("/", secure=True).status_code == stranger.get("/", secure=True).status_code == 200
    assert "End all others" not in desk.get("/account", secure=True).content.decode()


def test_an_administrator_ends_all_sessions_of_somebody(site: Site) -> None:
    desk = signed_in(site.owner, FIREFOX, "192.0.2.7")
    admin = signed_in(site.administrator, FIREFOX, "192.0.2.8")
    assert "End all sessions" in admin.get("/people", secure=True).content.decode()
    path = f"/people/{site.owner.user.pk}/sign-out"
    assert desk.post(path, secure=True).status_code == 403
    assert admin.post(path, secure=True).status_code == 303
    assert desk.get("/", secure=True)["Location"] == "/sign-in"
    assert signed_in(site.owner, FIREFOX, "192.0.2.7").get("/", secure=True).status_code == 200


def test_a_page_writes_that_it_was_seen_once_in_some_minutes(site: Site) -> None:
    client = signed_in(site.owner, FIREFOX, "192.0.2.7")
    client.get("/account", secure=True)
    with CaptureQueriesContext(connection) as soon:
        client.get("/account", secure=True)
    assert not [query for query in soon if query["sql"].startswith("UPDATE")]
    Session.objects.update(seen_at=now() - timedelta(minutes=6))
    with CaptureQueriesContext(connection) as later:
        client.get("/account", secure=True)
    assert len(later) == len(soon) + 1
    assert Session.objects.get().seen_at > now() - timedelta(minutes=1)


def test_changing_the_password_signs_the_others_out(site: Site) -> None:
    desk, other = (signed_in(site.owner, FIREFOX, f"192.0.2.{number}") for number in range(2))
    form = {"current": PASSWORD, "password": "a quite new phrase", "again": "a quite new phrase"}
    assert desk.post("/account/password", form, secure=True).status_code == 303
    assert desk.get("/", secure=True).status_code == 200
    assert other.get("/", secure=True)["Location"] == "/sign-in"
    assert Session.objects.get().address == "192.0.2.0"
