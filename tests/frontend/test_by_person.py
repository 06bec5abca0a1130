"""Who, in the end, may what, by person: the card on the pages of access, and REST's list."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site
from tests.frontend.test_rest import call
from tests.frontend.test_web_access import HOSTILE, browser, note, post, rows, text_of
from vrabec.frontends.web import show
from vrabec.lib.clock import now
from vrabec.models.grants import Grant, Withheld
from vrabec.models.roles import CLONER, MEMBER, OPERATOR, VIEWER, Role
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Vm


@pytest.fixture
def group(site: Site) -> Group:
    """One in which Sid and Vera are, with a role on the machine for a time and something withheld."""
    made = Group.objects.create(name="botany", title="Botany")
    for person in (site.stranger, site.viewer):
        Membership.objects.create(group=made, user=person.user)
    Grant.objects.create(group=made, vm=site.vm, role=MEMBER, until=last())
    Withheld.objects.create(group=made, vm=site.vm, verb="vm.power_off")
    return made


@pytest.fixture
def here(site: Site) -> str:
    return f"/machines/{site.vm.pk}/access"


def last() -> object:
    return now().date() + timedelta(days=20)


def lines(who: Person, path: str) -> dict[str, str]:
    """The rows by the first word of each."""
    return {line.split()[0]: line for line in rows(text_of(browser(who), f"{path}?by=person"))}


def test_the_tab_has_both_ways_to_read_it(site: Site, group: Group, here: str) -> None:
    client = browser(site.administrator)
    page = text_of(client, here)
    assert re.search(rf'href="{here}" aria-current="true">By grant', page)
    page = text_of(client, f"{here}?by=person")
    assert re.search(rf'href="{here}\?by=person" aria-current="true">By person', page)
    assert "6 people" in page
    assert "Take back" not in page


def test_each_person_has_a_row_that_says_why(site: Site, group: Group, here: str) -> None:
    Vm.objects.update(owner=site.teammate.user)
    found = lines(site.administrator, here)
    assert list(found) == ["ada", "olga", "oto", "sid", "tom", "vera"]
    day = show.day(now().date() + timedelta(days=20))
    assert found["vera"] == (
        "vera Member, Viewer console, start, stop, copy Withheld here: power off from the group Botany "
        f"Member: Granted on this machine By the group Botany · until {day} Viewer: From the project alpha"
    )
    assert "Owner, Member" in found["tom"]
    assert "Owner of this machine Member: From the project alpha" in found["tom"]
    assert found["ada"] == "ada Administrator everything, everywhere From the whole site"
    page = text_of(browser(site.administrator), f"{here}?by=person")
    assert f'href="/groups/{group.pk}"' in page
    assert "A group stands for all" not in page


def test_what_other_roles_add_is_said_beside_the_greatest(site: Site, here: str) -> None:
    Role.objects.create(name="movers", title="Movers", verb_line=" vm.migrate vm.start ")
    Grant.objects.create(user=site.viewer.user, vm=site.vm, role="movers")
    Grant.objects.create(user=site.viewer.user, project=site.project, role=MEMBER)
    found = lines(site.administrator, here)
    assert "Member, Movers, Viewer console, start, stop, copy; also move" in found["vera"]


def test_who_may_not_see_groups_sees_them_as_one(site: Site, group: Group, here: str) -> None:
    found = lines(site.owner, here)
    assert list(found) == ["ada", "olga", "oto", "tom", "vera", "Botany"]
    assert found["vera"] == "vera Viewer sees it, its charts and activity From the project alpha"
    assert "botany · Group, 2 people Member" in found["Botany"]
    assert "Withheld here: power off" in found["Botany"]
    page = text_of(browser(site.owner), f"{here}?by=person")
    assert "6 people and groups" in page
    assert "A group stands for all who are in it" in page
    assert "/groups/" not in page


def test_the_other_pages_of_access_have_it_too(site: Site, group: Group) -> None:
    Grant.objects.create(group=group, project=site.project, role=CLONER)
    Grant.objects.create(group=group, cluster=site.host.cluster, role=OPERATOR)
    Grant.objects.create(group=group, role=VIEWER)
    found = lines(site.administrator, "/projects/alpha")
    assert "May clone: Granted on this project By the group Botany" in found["sid"]
    assert "makes machines, and sees those alone" in found["sid"]
    found = lines(site.administrator, f"/clusters/{site.host.cluster_id}/access")
    assert "Operator: Granted on this cluster By the group Botany" in found["sid"]
    assert "olga" not in found
    found = lines(site.administrator, "/people/site")
    assert list(found) == ["ada", "oto", "sid", "vera"]
    assert "Granted on the whole site By the group Botany" in found["sid"]


def test_who_may_not_share_is_shown_none(site: Site, group: Group, here: str) -> None:
    text_of(browser(site.teammate), f"{here}?by=person", 403)
    text_of(browser(site.stranger), "/projects/alpha?by=person", 404)
    page = text_of(browser(site.viewer), "/projects/alpha?by=person")
    assert "olga" not in page


def test_a_refused_form_shows_the_list_by_grant(site: Site, here: str) -> None:
    at = here.replace("access", "grants?by=person")
    page = post(site.owner, at, 422, who="nobody", kind="user", role="viewer")
    assert note(page, "who") == "There is no user named nobody."
    assert f'href="{here}?by=person"' in page
    assert "rows-by-person" not in page


def test_many_come_in_pages_at_the_queries_of_one(site: Site, group: Group, here: str) -> None:
    User.objects.filter(pk=site.viewer.user.pk).update(full_name=HOSTILE)
    paths = (here, "/projects/alpha", f"/clusters/{site.host.cluster_id}/access", "/people/site")
    few = {}
    Grant.objects.create(group=group, role=VIEWER)
    for path in paths:
        with CaptureQueriesContext(connection) as asked:
            page = text_of(browser(site.administrator), f"{path}?by=person")
        few[path] = len(asked)
        assert "<b>Eve" not in page
    for number in range(60):
        user = User.objects.create(username=f"u{number:02d}")
        made = Group.objects.create(name=f"g{number:02d}")
        Membership.objects.create(user=user, group=made)
        Grant.objects.create(group=made, role=VIEWER)
        Grant.objects.create(user=user, vm=site.vm, role=MEMBER)
        Withheld.objects.create(user=user, vm=site.vm, verb="vm.start")
    for path in paths:
        with CaptureQueriesContext(connection) as asked:
            page = text_of(browser(site.administrator), f"{path}?by=person")
        assert len(rows(page)) == 50
        assert "by=person&amp;page=2" in page
        assert len(asked) == few[path], path
    page = text_of(browser(site.administrator), f"{here}?by=person&page=2")
    assert len(rows(page)) == 16
    assert "u59" in page


# ---- REST


def test_rest_lists_them_in_pages(site: Site, group: Group) -> None:
    found = call(site, "GET", f"/grants/people?vm={site.vm.pk}&page=2&per_page=4", who="administrator").json()
    assert (found["total"], found["page"], found["per_page"]) == (6, 2, 4)
    [tom, vera] = found["items"]
    assert (tom["user"], tom["group"], tom["withheld"]) == ("tom", None, [])
    way = {"role": "member", "scope": "project", "name": "alpha", "until": None, "group": None, "owns": False}
    assert tom["ways"] == [way]
    assert vera["ways"][0] == {
        "role": "member",
        "scope": "vm",
        "name": "web",
        "until": str(last()),
        "group": "botany",
        "owns": False,
    }
    assert vera["withheld"] == [{"verb": "vm.power_off", "group": "botany"}]
    assert "vm.start" in vera["verbs"]
    assert "vm.power_off" not in vera["verbs"]


def test_rest_tells_who_may_share_alone(site: Site, group: Group) -> None:
    at = f"/grants/people?vm={site.vm.pk}"
    found = call(site, "GET", at, who="owner").json()["items"]
    assert [row["user"] or row["group"] for row in found] == ["ada", "olga", "oto", "tom", "vera", "botany"]
    for who in ("viewer", "teammate"):
        assert call(site, "GET", at, who=who).status_code == 403
    Grant.objects.filter(group=group).delete()
    assert call(site, "GET", at, who="stranger").status_code == 404
    assert call(site, "GET", "/grants/people", who="operator").status_code == 403
    assert call(site, "GET", f"{at}&project=alpha", who="administrator").status_code == 422
