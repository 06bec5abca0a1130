"""Accounts, groups and roles by their pages."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Site
from tests.frontend.test_web_access import browser, note, post, text_of
from vrabec.frontends.web.words import ACTS, NOUNS
from vrabec.models.audit import Audit
from vrabec.models.grants import Grant
from vrabec.models.identities import Identity
from vrabec.models.roles import VIEWER, Role
from vrabec.models.users import Group, Membership, Token, User
from vrabec.models.vms import Vm
from vrabec.services.people import use_sign_in_link
from vrabec.services.roles import GRANTABLE


@pytest.fixture
def group(site: Site) -> Group:
    """One with a member."""
    made = Group.objects.create(name="botany", title="Botany")
    Membership.objects.create(group=made, user=site.teammate.user)
    return made


def link_in(page: str) -> str:
    return page.partition('id="secret">')[2].partition("<")[0]


# ---- accounts


def test_the_menu_leads_to_people_for_who_may_list_them(site: Site) -> None:
    assert 'href="/people"' in text_of(browser(site.administrator), "/")
    for who in (site.operator, site.owner):
        assert 'href="/people"' not in text_of(browser(who), "/")
        for path in ("/people", "/groups"):
            text_of(browser(who), path, 403)


def test_everybody_is_listed_with_groups_and_roles(site: Site, group: Group) -> None:
    Grant.objects.create(user=site.teammate.user, vm=site.vm, role=VIEWER)
    User.objects.filter(pk=site.stranger.user.pk).update(is_active=False)
    page = text_of(browser(site.administrator), "/people")
    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "tom botany Member in alpha Viewer on web" in words
    assert "oto – Operator on the whole site" in words
    assert "sid closed" in words
    assert f'href="/groups/{group.pk}"' in page


def test_a_new_account_gets_a_link_that_is_shown_once_and_works(site: Site) -> None:
    form = {"username": "petr", "full_name": "Petr Novák", "email": "petr@example.org"}
    page = post(site.administrator, "/people/new", 201, **form)
    link = link_in(page)
    assert link.startswith("https://testserver/sign-in/link/")
    assert "A link for Petr Novák." in page
    user = User.objects.get(username="petr")
    assert (user.full_name, user.email, user.must_change_password) == ("Petr Novák", "petr@example.org", True)
    assert use_sign_in_link(link.rpartition("/")[2]) == user
    assert link not in text_of(browser(site.administrator), "/people")


def test_a_refused_account_keeps_what_was_typed(site: Site) -> None:
    page = post(site.administrator, "/people/new", 422, username="Petr!", full_name="Petr", email="")
    assert "Letters" in note(page, "username") or "letters" in note(page, "username")
    assert 'value="Petr"' in page
    page = post(site.administrator, "/people/new", 422, username="petr", email="nowhere")
    assert note(page, "email") == "This is no address for mail."
    page = post(site.administrator, "/people/new", 409, username="tom")
    assert note(page, "username") == "A user named tom exists already."
    post(site.operator, "/people/new", 403, username="petr")
    assert not User.objects.filter(username="petr").exists()


def test_a_new_link_ends_the_one_before(site: Site) -> None:
    path = f"/people/{site.teammate.user.pk}/link"
    first, second = (link_in(post(site.administrator, path, 201)) for _ in range(2))
    assert first != second
    assert Token.objects.filter(user=site.teammate.user, kind="sign_in", ended_at=None).count() == 1
    post(site.owner, path, 403)


def test_an_account_is_closed_and_opened(site: Site) -> None:
    user, client = site.teammate.user, browser(site.teammate)
    assert post(site.administrator, f"/people/{user.pk}/close") == "/people"
    assert not User.objects.get(pk=user.pk).is_active
    assert client.get("/", secure=True)["Location"].startswith("/sign-in")
    assert post(site.administrator, f"/people/{user.pk}/open") == "/people"
    assert User.objects.get(pk=user.pk).is_active


def test_the_last_administrator_is_not_closed(site: Site) -> None:
    path = f"/people/{site.administrator.user.pk}/close"
    assert "Nobody would be left as an administrator." in post(site.administrator, path, 409)
    assert path not in text_of(browser(site.administrator), "/people")


def test_a_name_and_an_address_are_changed(site: Site) -> None:
    path = f"/people/{site.teammate.user.pk}/change"
    assert "The user name tom stays." in text_of(browser(site.administrator), path)
    post(site.administrator, path, their_name="Tom Tit", their_email="tom@example.org")
    user = User.objects.get(pk=site.teammate.user.pk)
    assert (user.full_name, user.email) == ("Tom Tit", "tom@example.org")
    page = post(site.administrator, path, 422, their_name="x" * 121, their_email="")
    assert note(page, "their_name") == "A name has 120 signs at most."
    page = post(site.administrator, path, 422, their_name="", their_email="@")
    assert note(page, "their_email") == "This is no address for mail."


def test_removing_says_what_becomes_of_their_machines_and_asks_for_the_name(site: Site) -> None:
    user, path = site.teammate.user, f"/people/{site.teammate.user.pk}/remove"
    Vm.objects.update(owner=user)
    page = text_of(browser(site.administrator), path)
    assert "One machine of theirs goes to its project; it runs on." in page
    page = post(site.administrator, path, 422, name="tim")
    assert note(page, "name") == "This is not their user name: tom."
    assert User.objects.filter(pk=user.pk).exists()
    assert post(site.administrator, path, name="tom") == "/people"
    assert not User.objects.filter(pk=user.pk).exists()
    assert Vm.objects.get().owner is None
    assert Audit.objects.filter(action="user.remove", subject="tom").exists()


def test_nobody_removes_themselves(site: Site) -> None:
    path = f"/people/{site.administrator.user.pk}/remove"
    assert "You cannot remove your own account." in post(site.administrator, path, 409, name="ada")
    post(site.operator, path, 403, name="ada")


def test_the_dialog_is_a_part_of_a_page(site: Site) -> None:
    client = Client(headers={"hx-request": "true"})
    client.force_login(site.administrator.user)
    for path in ("change", "remove"):
        page = text_of(client, f"/people/{site.teammate.user.pk}/{path}")
        assert "<html" not in page
        assert "data-close" in page


def test_fifty_people_cost_the_queries_of_six(site: Site, group: Group) -> None:
    client = browser(site.administrator)
    Grant.objects.create(user=site.stranger.user, vm=site.vm, role=VIEWER)
    with CaptureQueriesContext(connection) as few:
        text_of(client, "/people")
    for number in range(40):
        user = User.objects.create(username=f"u{number}")
        Membership.objects.create(group=group, user=user)
        Grant.objects.create(user=user, project=site.project, role=VIEWER)
        Grant.objects.create(user=user, vm=site.vm, role=VIEWER)
    with CaptureQueriesContext(connection) as many:
        text_of(client, "/people")
    assert len(many) == len(few)


# ---- groups


def test_a_group_is_made_filled_and_emptied(site: Site) -> None:
    there = post(site.administrator, "/groups/new", name="zoology", title="Zoology")
    group = Group.objects.get(name="zoology")
    assert there == f"/groups/{group.pk}"
    assert group.title == "Zoology"
    post(site.administrator, f"{there}/members", username="tom")
    assert [row.user for row in group.memberships.all()] == [site.teammate.user]
    assert f"{there}/members/tom" in text_of(browser(site.administrator), there)
    assert "Zoology" in text_of(browser(site.administrator), "/groups")
    post(site.administrator, f"{there}/members/tom")
    assert not group.memberships.exists()


def test_a_refused_group_or_member_says_why(site: Site, group: Group) -> None:
    page = post(site.administrator, "/groups/new", 409, name="botany", title="T")
    assert note(page, "name") == "A group named botany exists already."
    assert 'value="T"' in page
    post(site.administrator, "/groups/new", 422, name="Bo tany")
    page = post(site.administrator, f"/groups/{group.pk}/members", 422, username="who")
    assert note(page, "username") == "There is no user named who."
    assert 'value="who"' in page
    page = post(site.administrator, f"/groups/{group.pk}/members", 422, username="")
    assert note(page, "username") == "Name a user."
    post(site.administrator, f"/groups/{group.pk}/members/vera", 404)
    for path in ("/groups/new", f"/groups/{group.pk}/members", f"/groups/{group.pk}/remove"):
        post(site.owner, path, 403, name="x", username="tom")
    assert Group.objects.get() == group


def test_removing_a_group_says_what_goes_with_it(site: Site, group: Group) -> None:
    Grant.objects.create(group=group, project=site.project, role=VIEWER)
    path = f"/groups/{group.pk}/remove"
    page = text_of(browser(site.administrator), path)
    assert "One person keeps only what they were given by name." in page
    assert "One role of the group ends." in page
    assert note(post(site.administrator, path, 422, name="x"), "name").startswith("This is not the name")
    assert post(site.administrator, path, name="botany") == "/groups"
    assert not Group.objects.exists()
    assert not Grant.objects.filter(project=site.project, role=VIEWER, user=None).exists()


# ---- roles


def test_every_verb_that_a_role_gives_has_a_word() -> None:
    assert {verb for verb in GRANTABLE if verb.partition(".")[0] not in NOUNS} == set()
    assert {verb for verb in GRANTABLE if verb.partition(".")[2] not in ACTS} == set()


def test_roles_are_for_all_to_read_and_those_built_in_for_nobody_to_change(site: Site) -> None:
    page = text_of(browser(site.viewer), "/roles")
    assert "Administrator" in page
    assert "New role" not in page
    assert "Remove" not in page
    text_of(browser(site.administrator), "/roles/owner", 404)
    page = post(site.administrator, "/roles/owner", 409, version="1", verbs="vm.view")
    assert "The role owner is built in and stays as it is." in page


def send(site: Site, path: str, status: int, **form: object) -> str:
    response = browser(site.administrator).post(path, form, secure=True)
    assert response.status_code == status, response.content
    return response["Location"] if status == 303 else response.content.decode()


def test_a_role_is_made_of_verbs(site: Site) -> None:
    form = {"name": "night", "title": "Night shift", "verbs": ["vm.view", "vm.start"]}
    assert send(site, "/new-role", 303, **form) == "/roles"
    assert Role.objects.get().verbs == {"vm.view", "vm.start"}
    assert "Night shift" in text_of(browser(site.administrator), "/roles")
    page = send(site, "/new-role", 409, **form)
    assert note(page, "name") == "A role named night exists already."
    assert re.search(r'value="vm.start" checked', page)
    page = send(site, "/new-role", 422, name="day", verbs=[])
    assert note(page, "verbs") == "Choose at least one verb."
    page = send(site, "/new-role", 422, name="day", verbs=["vm.fly"])
    assert "There is no verb vm.fly" in note(page, "verbs")
    assert Role.objects.count() == 1
    post(site.operator, "/new-role", 403, name="day", verbs="vm.view")
    text_of(browser(site.operator), "/new-role", 403)


def test_a_role_that_somebody_changed_meanwhile_is_not_overwritten(site: Site) -> None:
    Role.objects.create(name="night", verb_line=" vm.view ")
    page = text_of(browser(site.administrator), "/roles/night")
    assert 'name="version" value="1"' in page
    assert re.search(r'value="vm.view" checked', page)
    assert send(site, "/roles/night", 303, version="1", verbs=["vm.start"], title="N") == "/roles"
    assert Role.objects.get().verbs == {"vm.start"}
    page = send(site, "/roles/night", 409, version="1", verbs=["vm.pause"], title="M")
    assert "Somebody changed the role night meanwhile." in page
    assert 'value="M"' in page
    assert Role.objects.get().title == "N"
    send(site, "/roles/night", 409, version="many", verbs=["vm.pause"])


def test_a_role_is_removed_once_nobody_has_it(site: Site) -> None:
    Role.objects.create(name="night", verb_line=" vm.view ")
    grant = Grant.objects.create(user=site.stranger.user, project=site.project, role="night")
    assert "is given 1 times" in send(site, "/roles/night/remove", 409)
    grant.delete()
    post(site.operator, "/roles/night/remove", 403)
    assert send(site, "/roles/night/remove", 303) == "/roles"
    assert not Role.objects.exists()
    send(site, "/roles/night/remove", 404)


def test_a_role_may_be_called_new(site: Site) -> None:
    send(site, "/new-role", 303, name="new", verbs=["vm.view"])
    assert 'action="/roles/new"' in text_of(browser(site.administrator), "/roles/new")


def test_a_group_follows_others_and_says_what_is_too_long(site: Site, group: Group) -> None:
    here = f"/groups/{group.pk}"
    assert post(site.administrator, f"{here}/follows", outside="staff\r\n\r\nStudents of Botany\r\n") == here
    group.refresh_from_db()
    assert group.outside == "staff\nStudents of Botany"
    assert "staff\nStudents of Botany</textarea>" in text_of(browser(site.administrator), here)
    page = post(site.administrator, f"{here}/follows", 422, outside="x" * 256)
    assert "of 255 signs each" in page
    assert "x" * 256 in page


def test_who_is_vouched_for_by_another_system_is_marked(site: Site) -> None:
    Identity.objects.create(user=site.teammate.user, source="ldap", subject="tom")
    words = " ".join(re.sub(r"<[^>]*>", " ", text_of(browser(site.administrator), "/people")).split())
    assert "tom LDAP" in words
