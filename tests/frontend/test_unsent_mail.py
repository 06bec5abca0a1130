"""Mail that was given up, on its page, by REST and by the command."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from tests.cast import Person, Site
from tests.frontend.command import Vrabec, command, home, signed_in, vrabec
from tests.frontend.controller import controller, engine
from tests.frontend.test_web_quotas import browser, text_of
from vrabec.lib.clock import now
from vrabec.models.mail import Mail
from vrabec.models.users import User

__all__ = ["command", "controller", "engine", "home", "signed_in", "vrabec"]


@pytest.fixture
def lost(site: Site) -> Mail:
    """To Olga, refused for good."""
    User.objects.filter(username="olga").update(email="olga@univ.example")
    then = {"created_at": now() - timedelta(days=4), "given_up_at": now()}
    said = {"subject": "web ends <soon>", "text": "private words", "tries": 1, "error": "550 no such user"}
    return Mail.objects.create(user=site.owner.user, to="old@univ.example", **then, **said)


def test_the_page_says_to_whom_why_and_sends_it_again(site: Site, lost: Mail) -> None:
    client = browser(site.administrator)
    shown = text_of(client, "/mail")
    for words in ("olga", "old@univ.example", "web ends &lt;soon&gt;", "550 no such user", "after 1 try"):
        assert words in shown
    assert "private words" not in shown
    assert 'href="/mail" aria-current="true"' in shown
    answer = client.post(f"/mail/{lost.pk}/send", secure=True)
    assert (answer.status_code, answer["Location"]) == (303, "/mail")
    shown = text_of(client, "/mail")
    assert "It goes to olga@univ.example soon." in shown
    assert "550 no such user" not in shown
    lost.refresh_from_db()
    assert lost.given_up_at is None


def test_it_is_for_administrators_and_nobody_else_is_led_there(site: Site, lost: Mail) -> None:
    assert 'href="/mail"' in text_of(browser(site.administrator), "/people")
    for person in (site.operator, site.owner):
        client: Client = browser(person)
        assert client.get("/mail", secure=True).status_code == 403
        assert client.post(f"/mail/{lost.pk}/send", secure=True).status_code == 403
    lost.refresh_from_db()
    assert lost.given_up_at


def rest(person: Person, method: str, path: str) -> Any:
    client = Client(headers={"authorization": f"Bearer {person.secret}"})
    answer = client.generic(method, f"/api/v1{path}", secure=True)
    return answer.status_code, answer.json()


def test_rest_lists_and_sends(site: Site, lost: Mail) -> None:
    status, [found] = rest(site.administrator, "GET", "/mail")
    assert (status, found["user"], found["to"], found["error"]) == (
        200, "olga", "old@univ.example", "550 no such user",
    )  # fmt: skip
    assert "text" not in found
    status, sent = rest(site.administrator, "POST", f"/mail/{lost.pk}/send")
    assert (status, sent["to"], sent["given_up_at"]) == (200, "olga@univ.example", None)
    assert rest(site.administrator, "POST", f"/mail/{lost.pk}/send")[0] == 404
    assert rest(site.administrator, "GET", "/mail") == (200, [])


@pytest.mark.django_db(transaction=True)
def test_the_command_lists_and_sends(
    site: Site, vrabec: Vrabec, lost: Mail, signed_in: Callable[[str], None]
) -> None:
    listed = vrabec("mail", "list").out
    assert "550 no such user" in listed
    assert str(lost.pk) in listed
    assert vrabec("mail", "send", str(lost.pk)).out == "It goes to olga@univ.example soon.\n"
    assert "No mail was given up." in vrabec("mail", "list").err
    assert vrabec("mail", "send", str(lost.pk)).status == 3
    signed_in("owner")
    assert vrabec("mail", "list").status == 4
