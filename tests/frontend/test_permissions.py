"""Every route of every front end against the cast: an unguarded route fails, and so does a wrong answer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from tests.cast import PASSWORD, Person, Site
from tests.frontend.routes import CAST, NARROW_VERBS, PEOPLE, REST, WEB, Route, expected, page
from vrabec.frontends.live.app import ROUTES
from vrabec.frontends.live.gate import Caller, admit
from vrabec.lib import ssh
from vrabec.lib.clock import now
from vrabec.lib.errors import Unauthenticated
from vrabec.lib.fit import Needs
from vrabec.models.clusters import Cluster
from vrabec.models.factors import Passkey
from vrabec.models.grants import Grant, Withheld
from vrabec.models.identities import Identity
from vrabec.models.jobs import Job
from vrabec.models.mail import Mail
from vrabec.models.pools import Pool
from vrabec.models.requests import LEASE, Request
from vrabec.models.roles import Role
from vrabec.models.screens import VmScreen
from vrabec.models.sessions import Session
from vrabec.models.users import Group, Membership, Token, User
from vrabec.services.permissions import ACTIONS, Level
from vrabec.services.tokens import create_token, list_tokens
from vrabec.services.views import ViewWish, save_view
from vrabec.services.vm_xml import Told, write_xml

QUERIES = {"why": "?verb=vm.view"}
PUBLIC = (
    "sign-in",
    "openid",
    "openid-back",
    "sign-in-link",
    "second-step",
    "passkey-sign-in",
    "passkey-options",
    "csp-report",
)
NAMING = ("create_vm", "place_vm", "give", "set_lease", "drop_lease", "change_project", "remove_project")
"""Their refusals say the name of the project that was asked for."""
BODIES = {
    "open_console": {"kind": "vnc"},
    "act_on_vms": {"action": "start", "vms": [1]},
    "create_vm": {"name": "fresh", "project": "alpha"},
    "pin_vm": {"hosts": ["kvm1"]},
    "place_vm": {"project": "alpha"},
    "create_cluster": {"name": "second"},
    "change_cluster": {"cover": "off"},
    "make_moves": {"moves": [{"vm": 1, "to": "kvm1"}]},
    "change_host": {"cluster": "default"},
    "describe_vm": {"description": "words"},
    "rename_vm": {"name": "other"},
    "adopt_vm": {"project": "alpha"},
    "resize_vm": {"cpus": 2},
    "extend_vm": {"no_end": False, "days": 30},
    "set_lease": {"days": 30},
    "create_request": {"vms": 9, "why": "a course"},
    "answer_request": {"granted": False},
    "clone_vm": {"name": "copy", "project": "alpha"},
    "build_template": {"builder": "tiny"},
    "share_template": {"projects": ["alpha"]},
    "share_network": {"projects": ["alpha"]},
    "add_host": {"name": "kvm9", "uri": "test:///default"},
    "look_at_host": {"uri": "test:///default"},
    "confirm_host": {"fingerprint": "SHA256:x"},
    "create_project": {"name": "gamma"},
    "change_project": {"title": "Alpha"},
    "create_token": {"name": "another"},
    "save_view": {"name": "kept"},
    "create_user": {"username": "petr"},
    "change_user": {"full_name": "Petr"},
    "create_group": {"name": "zoology"},
    "create_role": {"name": "night-shift", "verbs": ["vm.view"]},
    "set_role_factor": {"is_needed": True},
    "change_role": {"version": 1, "verbs": ["vm.view"]},
    "give": {"user": "tom", "role": "viewer", "project": "alpha"},
    "withhold": {"user": "tom", "verb": "vm.delete"},
    "set_quota": {"vms": 10},
    "set_default": {"vms": 10},
    "transfer_vm": {"user": "olga"},
    "follow_groups": {"names": ["staff"]},
    "vouch": {"subject": "petr"},
    "login": {"username": "olga", "password": PASSWORD},
}


@pytest.fixture(autouse=True)
def ssh_key(settings: Any, tmp_path: Path) -> None:
    """As `vrabecd migrate` leaves it."""
    settings.VRABEC_SSH_DIR = tmp_path
    ssh.ensure_key(tmp_path)


def test_every_route_names_an_action_of_the_table() -> None:
    unguarded = [str(route) for route in REST if route.action not in ACTIONS]
    unguarded += [str(route) for route in WEB if route.action is not None and route.action not in ACTIONS]
    unguarded += [path for path, action in ROUTES.items() if action not in ACTIONS]
    assert unguarded == []


def test_only_signing_in_and_reports_are_open_pages() -> None:
    public = {route.name for route in WEB if route.action is None or ACTIONS[route.action] == Level.PUBLIC}
    assert public <= set(PUBLIC)


def test_nothing_changes_by_get(site: Site) -> None:
    client = Client()
    client.force_login(site.administrator.user)
    for route in WEB:
        client.get(_filled(route, "owner", site), secure=True)
    assert Job.objects.exclude(created_by_name="x").count() == 0
    assert list_tokens(site.administrator.actor).count() == 1


def test_every_live_route_is_answered_by_the_application() -> None:
    assert set(ROUTES) == {"/live/events", "/live/consoles/{vm_id}/{kind}"}


@contextmanager
def undone() -> Iterator[None]:
    """What one of the cast does, the next does not find: quicker than a new site for each."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize("route", REST, ids=str)
def test_rest_answers_the_cast_as_the_table_says(route: Route, site: Site) -> None:
    for who in CAST:
        with undone():
            response = _call(route, who, site)
        refusals = expected(route, who)
        if refusals is None:
            assert response.status_code not in (401, 403, 404, 500), (who, response.content)
        else:
            assert response.status_code in refusals, (who, response.content)
            assert b"alpha" not in response.content or route.name in NAMING


@pytest.mark.parametrize("route", [r for r in WEB if r.action], ids=str)
def test_nobody_is_sent_to_sign_in_from_every_page(route: Route, site: Site) -> None:
    if ACTIONS[route.action or ""] == Level.PUBLIC:
        return
    response = Client().generic("GET", _filled(route, "owner", site), secure=True)
    assert response.status_code == 405 or response["Location"].startswith("/sign-in"), response.content


@pytest.mark.parametrize("route", [r for r in WEB if r.action], ids=str)
def test_pages_answer_the_cast_as_the_table_says(route: Route, site: Site) -> None:
    client = Client()
    for who in PEOPLE:
        with undone():
            client.force_login(getattr(site, who).user)
            path = _filled(route, who, site)
            answers = [client.generic(method, path, secure=True) for method in ("GET", "POST")]
        assert answers[0].status_code != 405 or answers[1].status_code != 405
        for response in answers:
            refusals = expected(route, who)
            if refusals:
                assert response.status_code in {*refusals, 405}, (who, response.status_code)
            else:
                assert response.status_code < 500, (who, response.content)


def test_the_event_stream_admits_only_who_signed_in(site: Site) -> None:
    with pytest.raises(Unauthenticated):
        admit(Caller(host="localhost"), "events.view")
    viewer = admit(Caller(host="localhost", authorization=f"Bearer {site.viewer.secret}"), "events.view")
    assert viewer.sees(site.vm)
    assert not viewer.sees(site.make_vm("hidden", project=site.other))
    assert not viewer.sees(site.make_vm("found", project=None))


def _call(route: Route, who: str, site: Site) -> object:
    headers = {} if who == "nobody" else {"authorization": f"Bearer {_secret(who, site)}"}
    body = BODIES.get(route.name)
    path = _filled(route, who, site) + QUERIES.get(route.name, "")
    return Client(headers=headers).generic(
        route.method, path, data=_json(body), content_type="application/json", secure=True
    )


def _secret(who: str, site: Site) -> str:
    if who == "narrow":
        return create_token(site.owner.actor, name="narrow", verbs=NARROW_VERBS, projects=["alpha"])[1]
    if who == "expired":
        token, secret = create_token(site.owner.actor, name="expired")
        Token.objects.filter(pk=token.pk).update(expires_at=token.created_at)
        return secret
    person: Person = getattr(site, who)
    return person.secret


def _json(body: object) -> bytes:
    import orjson

    return orjson.dumps(body) if body else b""


def _filled(route: Route, who: str, site: Site) -> str:
    """The path with ids of what the route needs to be able to succeed."""
    path = route.path
    for name in (
        "vm_id",
        "job_id",
        "look_id",
        "host_id",
        "cluster_id",
        "pool_id",
        "token_id",
        "session_id",
        "passkey_id",
        "branch_id",
        "view_id",
        "user_id",
        "request_id",
        "mail_id",
        "group_id",
        "source",
        "username",
        "role",
        "grant_id",
        "withheld_id",
        "kind",
        "name",
        "template",
        "network",
        "secret",
        "verb",
    ):
        for form in (f"{{{name}}}", f"<int:{name}>", f"<str:{name}>"):
            if form in path:
                path = path.replace(form, str(_id(name, who, site)))
    return path


_MADE: dict[str, Callable[[Site], object]] = {
    "cluster_id": lambda site: Cluster.objects.get_or_create(name="empty")[0].pk,
    "pool_id": lambda site: Pool.objects.get_or_create(host=site.host, name="vrabec", kind="dir")[0].pk,
    "user_id": lambda site: vouched_for().pk,
    "source": lambda site: "ldap",
    "request_id": lambda site: _request(site).pk,
    "mail_id": lambda site: _mail(site).pk,
    "kind": lambda site: "project",
    "name": lambda site: "alpha",
    "template": lambda site: "tiny",
    "network": lambda site: "default",
    "username": lambda site: "tom",
    "group_id": lambda site: _group(site).pk,
    "role": lambda site: Role.objects.get_or_create(name="day-shift", verb_line=" vm.view ")[0].name,
    "grant_id": lambda site: Grant.objects.get(user=site.viewer.user).pk,
    "withheld_id": lambda site: (
        Withheld.objects.get_or_create(vm=site.vm, verb="vm.xml", user=site.viewer.user)[0].pk
    ),
}


def vouched_for() -> User:
    """Somebody who signs in by the directory."""
    user = User.objects.get_or_create(username="petr")[0]
    Identity.objects.get_or_create(user=user, source="ldap", subject="petr")
    return user


def _token(person: Person) -> int:
    token = list_tokens(person.actor).first()
    assert token
    return token.pk


def _session(person: Person) -> int:
    Client().force_login(person.user)
    return Session.objects.filter(user=person.user).latest("pk").pk


def _passkey(person: Person) -> int:
    return Passkey.objects.get_or_create(user=person.user, digest=str(person.user.pk))[0].pk


_OWN: dict[str, Callable[[Person], int]] = {
    "token_id": _token,
    "session_id": _session,
    "passkey_id": _passkey,
    "view_id": lambda person: save_view(person.actor, ViewWish(name="kept")).pk,
}
"""What everybody has of their own."""


def _mail(site: Site) -> Mail:
    """One that was given up, to somebody who has an address."""
    site.owner.user.email = "olga@univ.example"
    site.owner.user.save()
    times = {"created_at": now(), "given_up_at": now()}
    return Mail.objects.create(user=site.owner.user, to="olga@univ.example", subject="Lost", **times)


def _request(site: Site) -> Request:
    """An open one for a longer lease."""
    petr = User.objects.get_or_create(username="petr")[0]
    asks = {"kind": LEASE, "vm": site.vm, "user": petr}
    rest = {"until": now().date() + timedelta(days=9), "why": "a thesis", "created_at": now()}
    return Request.objects.get_or_create(**asks, defaults=rest)[0]


def _group(site: Site) -> Group:
    """One with a member."""
    group = Group.objects.get_or_create(name="botany")[0]
    Membership.objects.get_or_create(group=group, user=site.teammate.user)
    return group


def _id(name: str, who: str, site: Site) -> object:
    if name == "job_id":
        columns = {"kind": "vm.start", "vm": site.vm, "project": site.project, "created_by_name": "x"}
        return Job.objects.get_or_create(**columns)[0].pk
    if name == "look_id":
        args = {"uri": "test:///default"}
        return Job.objects.get_or_create(kind="host.look", created_by_name="x", args=args)[0].pk
    if name in _OWN:
        return _OWN[name](getattr(site, who, site.owner))
    if name in _MADE:
        return _MADE[name](site)
    if name == "vm_id":
        VmScreen.objects.get_or_create(vm=site.vm, png=b"picture")
        write_xml(site.vm.pk, Told("<domain/>", Needs(), "1"))
    return {
        "vm_id": site.vm.pk,
        "host_id": site.host.pk,
        "branch_id": site.host.pk,
        "secret": "x",
        "verb": "start",
        "name": site.project.name,
    }[name]


def test_the_page_says_who_is_answered_what(pytestconfig: pytest.Config) -> None:
    path = Path(__file__).parents[2] / "docs/reference/permissions.md"
    if pytestconfig.getoption("--regenerate"):
        path.write_text(page())
    assert path.read_text() == page(), "run pytest tests/frontend/test_permissions.py --regenerate"


def test_what_one_may_not_know_of_answers_as_what_is_not_there(site: Site) -> None:
    client = Client(headers={"authorization": f"Bearer {site.stranger.secret}"})
    for route in REST:
        if "{vm_id}" in route.path or "{job_id}" in route.path:
            there = _filled(route, "stranger", site)
            missing = _filled(
                Route(route.method, _missing(route.path), route.action, route.name), "stranger", site
            )
            body = _json(BODIES.get(route.name))
            answers = [
                client.generic(route.method, path, data=body, content_type="application/json", secure=True)
                for path in (there, missing)
            ]
            assert answers[0].status_code == answers[1].status_code, str(route)
            assert answers[0].content == answers[1].content, str(route)


def _missing(path: str) -> str:
    return path.replace("{vm_id}", "999999").replace("{job_id}", "999999")
