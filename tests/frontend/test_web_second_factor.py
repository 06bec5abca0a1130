"""The second step, as a browser and a program see it: nothing opens before it."""

import re
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from tests.apps import App, app
from tests.cast import PASSWORD, Person, Site
from tests.frontend.test_rest import call
from vrabec.frontends.live.gate import Caller, identify
from vrabec.frontends.web import entering
from vrabec.lib.errors import Unauthenticated
from vrabec.models.audit import Audit
from vrabec.models.factors import Authenticator
from vrabec.models.identities import Identity
from vrabec.models.sessions import Session
from vrabec.models.users import User
from vrabec.services.people import make_sign_in_link

__all__ = ["app"]


def first_step(person: Person, path: str = "/sign-in") -> Client:
    client = Client()
    form = {"username": person.user.username, "password": PASSWORD}
    sent = client.post(path, form, secure=True)
    assert (sent.status_code, sent["Location"]) == (303, "/sign-in/second")
    return client


def give(client: Client, code: str) -> Any:
    return client.post("/sign-in/second", {"code": code}, secure=True)


def test_between_the_steps_nothing_knows_the_browser(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = first_step(site.owner)
    for path in ("/", "/account", "/account/second-factor"):
        assert client.get(path, secure=True)["Location"].startswith("/sign-in")
    assert client.get("/api/v1/me", secure=True).status_code == 401
    assert client.post("/api/v1/tokens", {"name": "x"}, "application/json", secure=True).status_code == 401
    cookie = f"vrabec_session={client.cookies['vrabec_session'].value}"
    with pytest.raises(Unauthenticated):
        identify(Caller(host="testserver", cookie=cookie))
    assert Session.objects.get().user is None


def test_a_code_opens_the_page_that_was_asked_for(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = first_step(site.owner, f"/sign-in?next=/machines/{site.vm.pk}")
    before = client.cookies["vrabec_session"].value
    refused = give(client, app.wrong(site.owner.user))
    assert (refused.status_code, "The code is wrong" in refused.content.decode()) == (401, True)
    assert give(client, app.code(site.owner.user))["Location"] == f"/machines/{site.vm.pk}"
    assert client.get("/", secure=True).status_code == 200
    assert client.cookies["vrabec_session"].value != before
    assert Session.objects.get().user == site.owner.user


def test_a_replayed_code_does_not_open_another_browser(site: Site, app: App) -> None:
    app.set_up(site.owner)
    code = app.code(site.owner.user)
    assert give(first_step(site.owner), code).status_code == 303
    assert give(first_step(site.owner), code).status_code == 401


def test_the_first_step_ends_after_five_minutes(
    site: Site, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.set_up(site.owner)
    client = first_step(site.owner)
    later = entering.time.time() + entering.STEP_SECONDS + 1
    monkeypatch.setattr(entering.time, "time", lambda: later)
    assert give(client, app.code(site.owner.user))["Location"] == "/sign-in"
    assert client.get("/", secure=True)["Location"] == "/sign-in"


def test_a_new_password_takes_the_first_step_back(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = first_step(site.owner)
    site.owner.user.set_password("a quite new phrase")
    site.owner.user.save()
    assert give(client, app.code(site.owner.user))["Location"] == "/sign-in"


def test_nobody_who_has_done_no_first_step_is_asked_for_a_code(site: Site) -> None:
    assert Client().get("/sign-in/second", secure=True)["Location"] == "/sign-in"
    assert give(Client(), "123456")["Location"] == "/sign-in"


def test_six_wrong_codes_make_wait(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = first_step(site.owner)
    for _ in range(5):
        assert give(client, app.wrong(site.owner.user)).status_code == 401
    assert give(client, app.code(site.owner.user)).status_code == 429


def test_a_link_of_an_administrator_asks_for_the_code_too(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = Client()
    sent = client.post(f"/sign-in/link/{make_sign_in_link(site.owner.user)}", secure=True)
    assert sent["Location"] == "/sign-in/second"
    assert give(client, app.code(site.owner.user))["Location"] == "/account/password"


def test_the_way_back_of_vrabecd_needs_no_code_and_leads_to_a_new_factor(
    site: Site, app: App, settings: Any
) -> None:
    settings.VRABEC_REQUIRE_SECOND_FACTOR = frozenset({"administrator"})
    app.set_up(site.administrator)
    client = Client()
    link = make_sign_in_link(site.administrator.user, is_way_back=True)
    assert client.get(f"/sign-in/link/{link}", secure=True).status_code == 200
    assert client.post(f"/sign-in/link/{link}", secure=True)["Location"] == "/account/password"
    form = {"password": "a quite new phrase", "again": "a quite new phrase"}
    client.post("/account/password", form, secure=True)
    assert client.get("/", secure=True)["Location"] == "/account/second-factor"


def test_an_app_is_set_up_on_the_account_s_page(site: Site, app: App) -> None:
    client = Client()
    client.force_login(site.owner.user)
    assert client.get("/account/second-factor/app/confirm", secure=True).status_code == 404
    sent = client.post("/account/second-factor/app", secure=True)
    shown = client.get(sent["Location"], secure=True)
    page = shown.content.decode()
    assert "<svg" in page
    drawn = page[
        page.index("<svg", page.index('class="qr"')) : page.index("</svg>", page.index('class="qr"'))
    ]
    assert "style" not in drawn
    assert "<script" not in drawn
    assert "default-src 'self'" in shown["Content-Security-Policy"]
    wrong = client.post(sent["Location"], {"code": app.wrong(site.owner.user)}, secure=True)
    assert wrong.status_code == 422
    made = client.post(sent["Location"], {"code": app.code(site.owner.user)}, secure=True)
    codes = re.findall(r"<li><code>([a-z2-7-]{19})</code>", made.content.decode())
    assert (made.status_code, len(codes)) == (201, 10)
    again = client.get("/account/second-factor", secure=True).content.decode()
    assert codes[0] not in again
    assert "10 are left" in again
    assert client.get(sent["Location"], secure=True).status_code == 404
    assert give(first_step(site.owner), codes[3]).status_code == 303
    assert "9 are left" in client.get("/account/second-factor", secure=True).content.decode()


def test_a_factor_is_removed_with_the_password(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = Client()
    client.force_login(site.owner.user)
    path = "/account/second-factor/app/remove"
    assert "Present password" in client.get(path, secure=True).content.decode()
    assert client.post(path, {"current": "wrong"}, secure=True).status_code == 422
    assert Authenticator.objects.exists()
    assert client.post(path, {"current": PASSWORD}, secure=True)["Location"] == "/account/second-factor"
    assert not Authenticator.objects.exists()
    codes = client.post("/account/second-factor/codes", {"current": PASSWORD}, secure=True)
    assert codes.status_code == 409


def test_who_must_have_a_factor_is_led_to_it_before_anything_else(
    site: Site, app: App, settings: Any
) -> None:
    settings.VRABEC_REQUIRE_SECOND_FACTOR = frozenset({"administrator"})
    client = Client()
    client.force_login(site.administrator.user)
    for path in ("/", "/people", "/account", "/jobs/drawer"):
        assert client.get(path, secure=True)["Location"] == "/account/second-factor"
    assert client.post(f"/machines/{site.vm.pk}/start", secure=True)["Location"] == "/account/second-factor"
    refused = client.get("/api/v1/vms", secure=True)
    assert (refused.status_code, "second factor first" in refused.json()["error"]["message"]) == (403, True)
    cookie = f"vrabec_session={client.cookies['vrabec_session'].value}"
    with pytest.raises(Unauthenticated, match="second factor"):
        identify(Caller(host="testserver", cookie=cookie))
    page = client.get("/account/second-factor", secure=True).content.decode()
    assert "A role of yours asks for one" in page
    client.post("/account/second-factor/app", secure=True)
    code = app.code(site.administrator.user)
    client.post("/account/second-factor/app/confirm", {"code": code}, secure=True)
    assert client.get("/people", secure=True).status_code == 200


def test_one_who_must_have_a_factor_can_still_sign_out(site: Site, settings: Any) -> None:
    settings.VRABEC_REQUIRE_SECOND_FACTOR = frozenset({"administrator"})
    client = Client()
    client.force_login(site.administrator.user)
    assert client.post("/sign-out", secure=True)["Location"] == "/sign-in"


def test_an_administrator_removes_the_factors_of_who_lost_them(site: Site, app: App) -> None:
    app.set_up(site.owner)
    client = Client()
    client.force_login(site.administrator.user)
    page = client.get("/people", secure=True).content.decode()
    assert page.count("Remove second factors") == 1
    client.post(f"/people/{site.owner.user.pk}/factors", secure=True)
    assert User.objects.get(username="olga").second_factor_since is None
    assert client.post(f"/people/{site.administrator.user.pk}/factors", secure=True).status_code == 409


def login(**more: str) -> Any:
    form = {"username": "olga", "password": PASSWORD, **more}
    return Client().post("/api/v1/login", form, "application/json", secure=True)


def test_rest_asks_for_a_code_by_an_error_of_its_own(site: Site, app: App) -> None:
    assert login().status_code == 201
    app.set_up(site.owner)
    missing = login()
    assert (missing.status_code, missing.json()["error"]["code"]) == (401, "second_factor")
    assert login(password="wrong").json()["error"]["code"] == "unauthenticated"
    wrong = login(code=app.wrong(site.owner.user))
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "unauthenticated")
    code = app.code(site.owner.user)
    assert login(code=code).status_code == 201
    assert login(code=code).status_code == 401


def test_rest_gives_no_token_to_who_must_set_up_a_factor_first(site: Site, settings: Any) -> None:
    settings.VRABEC_REQUIRE_SECOND_FACTOR = frozenset({"owner"})
    refused = login()
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")


def test_rest_shows_and_removes_factors(site: Site, app: App) -> None:
    app.set_up(site.owner)
    found = {user["username"]: user for user in call(site, "GET", "/users", who="administrator").json()}
    assert (found["olga"]["has_second_factor"], found["tom"]["has_second_factor"]) == (True, False)
    path = f"/users/{site.owner.user.pk}/second-factors"
    assert call(site, "DELETE", path, who="owner").status_code == 403
    assert call(site, "DELETE", path, who="administrator").status_code == 204
    assert not Authenticator.objects.exists()


def test_a_role_is_made_to_ask_for_a_factor_on_its_page(site: Site) -> None:
    client = Client()
    client.force_login(site.administrator.user)
    form = {"name": "night-shift", "title": "", "verbs": ["vm.view"], "factor": "1"}
    assert client.post("/new-role", form, secure=True).status_code == 303
    found = {role["name"]: role for role in call(site, "GET", "/roles", who="administrator").json()}
    assert found["night-shift"]["needs_second_factor"] is True
    page = client.get("/roles/night-shift", secure=True).content.decode()
    assert re.search(r'name="factor" value="1" checked', page)


def test_a_passkey_s_answer_that_is_none_is_refused(site: Site) -> None:
    client = Client()
    for said in ("", "null", "{}", "[]", '{"rawId": 7}', '{"rawId": "AAAA"}', "x" * 30_000):
        client.post("/sign-in/passkey/options", secure=True)
        refused = client.post("/sign-in/passkey", {"credential": said}, secure=True)
        assert refused.status_code == 401, said
        assert "does not open an account" in refused.content.decode()
    client.force_login(site.owner.user)
    for said in ("", "null", "{}", '{"rawId": "AAAA", "response": {}}'):
        client.post("/account/second-factor/passkeys/new", secure=True)
        refused = client.post("/account/second-factor/passkeys", {"credential": said}, secure=True)
        assert refused.status_code == 422, said


def test_a_proxy_s_word_is_a_first_step_and_binds_the_session_after_the_second(
    site: Site, app: App, settings: Any
) -> None:
    config = replace(
        settings.VRABEC_CONFIG, proxy_user_header="X-Remote-User", proxy_user_from=("127.0.0.1",)
    )
    settings.VRABEC_CONFIG = config
    app.set_up(site.owner)
    Identity.objects.create(user=site.owner.user, source="proxy", subject="olga")
    client = Client(headers={"x-remote-user": "olga"})
    sent = client.get("/sign-in?next=/projects", secure=True)
    assert sent["Location"] == "/sign-in/second"
    assert not Audit.objects.filter(action="session.begin").exists()
    assert give(client, app.code(site.owner.user))["Location"] == "/projects"
    assert client.get("/projects", secure=True).status_code == 200
    other = client.get("/projects", secure=True, headers={"x-remote-user": "sid"})
    assert other["Location"].startswith("/sign-in")
