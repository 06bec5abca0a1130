"""Signing in by a real OpenID Connect provider, step by step as a browser does it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from joserfc._rfc7519 import claims

from tests.cast import Site
from tests.frontend import provider
from tests.installation import free_port
from vrabec.models.audit import Audit
from vrabec.models.users import Group, Membership, User

ENTRY = "/sign-in/openid"


@pytest.fixture(scope="module")
def there() -> Iterator[provider.Provider]:
    with provider.running() as found:
        yield found


@pytest.fixture(autouse=True)
def told(settings: Any, there: provider.Provider, tmp_path: Path) -> None:
    provider.told_of(settings, there.url, tmp_path)


def go(client: Client, path: str = ENTRY) -> str:
    """To the provider: where it is asked."""
    answer = client.get(path)
    assert answer.status_code == 302, answer.content
    return str(answer.headers["Location"])


def come_back(client: Client, url: str) -> Any:
    return client.get(url.partition("testserver")[2])


def arrive(client: Client, there: provider.Provider, sub: str) -> Any:
    return come_back(client, there.agree(go(client), sub))


def test_the_button_stands_where_a_provider_is_known(site: Site, settings: Any, tmp_path: Path) -> None:
    assert f'href="{ENTRY}?next=%2Fhosts">Univ account</a>' in page(Client(), "/sign-in?next=/hosts")
    provider.told_of(settings, "", tmp_path)
    assert ENTRY not in page(Client(), "/sign-in")
    assert Client().get(ENTRY).status_code == 404


def test_the_first_sign_in_makes_the_account(site: Site, there: provider.Provider) -> None:
    client = Client()
    answer = come_back(client, there.agree(go(client, f"{ENTRY}?next=/account"), "4711"))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert "Jan Novák" in page(client, "/account")
    user = User.objects.get(username="j.novak")
    assert (user.email, user.has_usable_password()) == ("jan@univ.example", False)
    assert Audit.objects.get(action="session.begin", subject="j.novak").detail == {"by": "openid"}
    assert arrive(Client(), there, "4711").status_code == 303
    assert User.objects.filter(full_name="Jan Novák").count() == 1


def test_their_groups_follow_the_claim(site: Site, there: provider.Provider) -> None:
    group = Group.objects.create(name="botany", outside="botany-students")
    arrive(Client(), there, "4711")
    assert Membership.objects.filter(group=group, user__username="j.novak").exists()
    there.say("4711", preferred_username="j.novak", groups=["everybody"])
    arrive(Client(), there, "4711")
    assert not Membership.objects.filter(group=group).exists()


def test_an_account_that_is_there_is_not_taken_over(site: Site, there: provider.Provider) -> None:
    answer = arrive(Client(), there, "4712")
    assert answer.status_code == 401
    assert "There is an account named ada already" in answer.content.decode()
    assert "vrabec user vouch ada openid 4712" in answer.content.decode()
    site.administrator.user.identities.create(source="openid", subject="4712")
    assert arrive(Client(), there, "4712").status_code == 303


def test_a_name_that_cannot_be_one_here_is_said(site: Site, there: provider.Provider) -> None:
    people = User.objects.count()
    answer = arrive(Client(), there, "4713")
    assert answer.status_code == 401
    assert "Your name there is Čeněk Nový" in answer.content.decode()
    assert User.objects.count() == people


def test_an_answer_counts_once_and_for_one_browser(site: Site, there: provider.Provider) -> None:
    client, other = Client(), Client()
    back = there.agree(go(client), "4711")
    assert_refused(come_back(other, back))
    assert come_back(client, back).status_code == 303
    client.logout()
    assert_refused(come_back(client, back))


@pytest.mark.parametrize("query", ["", "?code=x&state=y", "?state=%00", "?error=access_denied&state=x"])
def test_made_up_answers_sign_nobody_in(site: Site, query: str) -> None:
    assert_refused(Client().get(f"{ENTRY}/back{query}"))


@pytest.mark.parametrize(("off_s", "is_in"), [(-100, True), (-600, False), (100, True), (7200, False)])
def test_a_clock_that_is_two_minutes_off_is_no_hindrance(
    site: Site, there: provider.Provider, monkeypatch: pytest.MonkeyPatch, off_s: int, is_in: bool
) -> None:
    monkeypatch.setattr(claims, "_generate_now", lambda: int(time.time()) + off_s)
    answer = arrive(Client(), there, "4711")
    assert User.objects.filter(username="j.novak").exists() is is_in
    if not is_in:
        assert_refused(answer)


def test_who_says_no_there_is_not_in(site: Site, there: provider.Provider) -> None:
    client = Client()
    assert_refused(come_back(client, there.deny(go(client))))


def test_a_provider_that_is_away_is_said(site: Site, settings: Any, tmp_path: Path) -> None:
    provider.told_of(settings, f"http://localhost:{free_port()}", tmp_path)
    answer = Client().get(ENTRY)
    assert answer.status_code == 503
    assert "The other side does not answer" in answer.content.decode()
    assert 'name="password"' in answer.content.decode()


def assert_refused(answer: Any) -> None:
    assert answer.status_code == 401, answer.content
    assert "cannot be used" in answer.content.decode()
    assert "_auth_user_id" not in answer.client.session


def page(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()
