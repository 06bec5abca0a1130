"""Who may do what with a machine, in a project and on the site: the pages that say it and change it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Person, Site, make_person
from vrabec.frontends.web import show
from vrabec.lib.clock import now
from vrabec.models.grants import Grant, Withheld
from vrabec.models.roles import ADMINISTRATOR, CLONER, MEMBER, OPERATOR, OWNER, VIEWER, Role
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Seen, Vm

HOSTILE = '<b>Eve</b> & "sons"'


def browser(person: Person) -> Client:
    client = Client()
    client.force_login(person.user)
    return client


def text_of(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path, secure=True)
    assert response.status_code == status, response.content
    return response.content.decode()


def post(person: Person, path: str, status: int = 303, /, **form: str) -> str:
    """Send the form; the address it leads to or, refused, the page."""
    response = browser(person).post(path, form, secure=True)
    assert response.status_code == status, response.content
    return response["Location"] if status == 303 else response.content.decode()


def note(page: str, field: str) -> str:
    """What stands under a field, without its icon."""
    found = re.search(rf'id="{field}-note">(.*?)</div>', page, re.S)
    assert found, field
    return re.sub(r"<[^>]*>", "", found[1]).strip()


def rows(page: str) -> list[str]:
    """The lines of "Who may do what", their words alone."""
    body = page.partition("rows-access")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    body = re.sub(r'<span class="face.*?</span>', "", body, flags=re.S)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in body.split("</tr>")[:-1]]


@pytest.fixture
def group(site: Site) -> Group:
    """One with two members."""
    made = Group.objects.create(name="botany")
    for person in (site.stranger, site.viewer):
        Membership.objects.create(group=made, user=person.user)
    return made


@pytest.fixture
def here(site: Site) -> str:
    return f"/machines/{site.vm.pk}"


# ---- a machine


def test_the_tab_says_who_may_do_what_and_why(site: Site, group: Group, here: str) -> None:
    Vm.objects.update(owner=site.teammate.user)
    Grant.objects.create(group=group, vm=site.vm, role=VIEWER)
    Grant.objects.create(user=site.stranger.user, cluster=site.host.cluster, role=VIEWER)
    Withheld.objects.create(vm=site.vm, user=site.viewer.user, verb="vm.power_off")
    lines = rows(text_of(browser(site.administrator), f"{here}/access"))
    assert lines[0].startswith("tom Owner")
    assert lines[0].endswith("Owner of this machine No end")
    assert "botany Group, 2 people Viewer" in lines[1]
    assert "Granted on this machine No end Take back" in lines[1]
    by_project = [line for line in lines if "From the project alpha" in line]
    assert [line.split()[0] for line in by_project] == ["olga", "tom", "vera"]
    assert "Withheld here: power off Give back" in by_project[2]
    assert any(line.startswith("sid Viewer") and "From the cluster default" in line for line in lines)
    assert any(line.startswith("ada Administrator") and "From the whole site" in line for line in lines)


def test_the_tab_is_there_for_who_may_share(site: Site, here: str) -> None:
    for who in (site.owner, site.operator, site.administrator):
        assert f'href="{here}/access"' in text_of(browser(who), here)
    for who in (site.teammate, site.viewer):
        assert "/access" not in text_of(browser(who), here)
        text_of(browser(who), f"{here}/access", 403)
    text_of(browser(site.stranger), f"{here}/access", 404)


def test_a_role_is_given_to_a_user_and_to_a_group(site: Site, group: Group, here: str) -> None:
    there = post(site.owner, f"{here}/grants", who="sid", kind="user", role="viewer")
    assert there == f"{here}/access"
    post(site.owner, f"{here}/grants", who="botany", kind="group", role="member")
    given = Grant.objects.filter(vm=site.vm).order_by("pk")
    assert [(g.user, g.group, g.role) for g in given] == [
        (site.stranger.user, None, "viewer"),
        (None, group, "member"),
    ]


def test_a_role_is_given_until_a_day_and_the_list_says_so(site: Site, here: str) -> None:
    last = now().date() + timedelta(days=40)
    form = {"who": "sid", "kind": "user", "role": "viewer"}
    for at, back in ((f"{here}/grants", f"{here}/access"), ("/projects/alpha/grants", "/projects/alpha")):
        assert post(site.owner, at, until=last.isoformat(), **form) == back
        page = text_of(browser(site.owner), back)
        assert any(f"{show.day(last)} Take back" in row for row in rows(page))
        assert f"Viewer until {show.day(last)}" not in page
    assert set(Grant.objects.filter(user=site.stranger.user).values_list("until", flat=True)) == {None, last}
    assert f"Viewer on web until {show.day(last)}" in text_of(browser(site.administrator), "/people")
    post(site.owner, f"{here}/grants", until="", **form)
    assert Grant.objects.get(vm=site.vm).until is None
    record = text_of(browser(site.administrator), "/activity")
    assert "Give sid the role viewer on web" in record
    assert "Let the role viewer of sid on web end: never" in record
    answer = text_of(browser(site.administrator), f"{here}/access?person=sid&may=vm.view")
    assert f"sid has the role Viewer in the project alpha until {show.day(last)}." in answer


@pytest.mark.parametrize(
    ("until", "words"),
    [("soon", "Write a day such as"), ("2020-01-01", "from today on"), ("9999-12-31", "3650 days at most")],
)
def test_a_day_that_cannot_be_the_last_stands_under_its_field(
    site: Site, here: str, until: str, words: str
) -> None:
    page = post(site.owner, f"{here}/grants", 422, who="sid", kind="user", role="viewer", until=until)
    assert words in note(page, "until")
    assert f'value="{until}"' in page
    assert not Grant.objects.filter(vm=site.vm).exists()


def test_who_has_it_for_a_time_is_offered_the_day_that_would_do(site: Site, here: str) -> None:
    last = now().date() + timedelta(days=7)
    Grant.objects.filter(user=site.owner.user).update(until=last)
    page = post(site.owner, f"{here}/grants", 422, who="sid", kind="user", role="viewer", until="")
    assert "You have this yourself until" in note(page, "until")
    assert f'data-value="{last.isoformat()}"' in page


def test_a_refused_grant_says_why_beside_its_field(site: Site, here: str) -> None:
    def refused(status: int = 422, /, **form: str) -> str:
        return post(site.owner, f"{here}/grants", status, **form)

    page = refused(who="nobody", kind="user", role="viewer")
    assert note(page, "who") == "There is no user named nobody."
    assert 'value="nobody"' in page
    assert re.search(r'value="viewer" required checked', page)
    assert note(refused(who="x", kind="group", role="viewer"), "who") == "There is no group named x."
    assert "one of the two" in note(refused(who="", kind="group", role="viewer"), "who")
    assert note(refused(who="sid", kind="user"), "role") == "Choose what they may."
    assert note(refused(who="sid", kind="user", role="king"), "role") == "There is no role named king."
    page = refused(403, who="sid", kind="user", role="operator")
    assert "you may not do this yourself: give found machines to a project, move machines, bind" in page
    assert "on the whole site alone" in refused(who="sid", kind="user", role="administrator")
    assert not Grant.objects.filter(vm=site.vm).exists()
    post(site.owner, f"{here}/grants", who="sid", kind="user", role="viewer")
    page = refused(409, who="sid", kind="user", role="viewer")
    assert note(page, "role") == "sid has this role there already."


def test_who_may_not_share_learns_nothing_by_the_forms(site: Site, here: str) -> None:
    for name in ("sid", "nobody"):
        for path in ("grants", "withheld", "owner"):
            form = {"who": name, "from_who": name, "owner": name, "role": "viewer", "verb": "vm.start"}
            kinds = {"kind": "user", "from_kind": "user", "owner_kind": "user"}
            page = post(site.teammate, f"{here}/{path}", 403, **form, **kinds)
            assert "Only an owner of the project may share machines." in page
            assert "There is no user" not in page
    assert not Grant.objects.filter(vm=site.vm).exists()


def choices(page: str) -> list[str]:
    return re.findall(r'name="role" value="([^"]*)"', page)


def test_only_roles_that_one_can_give_and_that_give_something_are_offered(site: Site, here: str) -> None:
    Role.objects.create(name="night", title="Night shift", verb_line=" vm.start vm.view ")
    Role.objects.create(name="clerk", verb_line=" user.list ")
    own = text_of(browser(site.owner), f"{here}/access")
    assert choices(own) == [OWNER, MEMBER, VIEWER, "night"]
    assert "Night shift" in own
    everything = [OPERATOR, OWNER, MEMBER, VIEWER, "night"]
    assert choices(text_of(browser(site.administrator), f"{here}/access")) == everything
    project = text_of(browser(site.owner), "/projects/alpha")
    assert choices(project) == [OWNER, MEMBER, CLONER, VIEWER, "night"]
    whole = text_of(browser(site.administrator), "/people/site")
    assert choices(whole) == [ADMINISTRATOR, OPERATOR, OWNER, MEMBER, CLONER, VIEWER, "clerk", "night"]


def test_a_grant_is_taken_back(site: Site, here: str) -> None:
    grant = Grant.objects.create(user=site.stranger.user, vm=site.vm, role=VIEWER)
    assert f"/grants/{grant.pk}/take" in text_of(browser(site.owner), f"{here}/access")
    post(site.teammate, f"/grants/{grant.pk}/take", 404)
    assert post(site.owner, f"/grants/{grant.pk}/take") == f"{here}/access"
    assert not Grant.objects.filter(pk=grant.pk).exists()


def test_more_than_one_has_oneself_is_not_offered_to_be_taken(site: Site, here: str) -> None:
    grant = Grant.objects.create(user=site.stranger.user, vm=site.vm, role=OPERATOR)
    assert "/take" not in text_of(browser(site.owner), f"{here}/access")
    assert f"/grants/{grant.pk}/take" in text_of(browser(site.administrator), f"{here}/access")
    post(site.owner, f"/grants/{grant.pk}/take", 403)


def test_who_gives_up_their_own_role_is_led_where_they_may_still_look(site: Site, here: str) -> None:
    grant = Grant.objects.create(user=site.stranger.user, vm=site.vm, role=OWNER)
    assert f"/grants/{grant.pk}/take" in text_of(browser(site.stranger), f"{here}/access")
    assert post(site.stranger, f"/grants/{grant.pk}/take") == "/"
    text_of(browser(site.stranger), here, 404)
    grant = Grant.objects.create(user=site.viewer.user, vm=site.vm, role=OWNER)
    assert post(site.viewer, f"/grants/{grant.pk}/take") == here


def test_a_verb_is_withheld_and_given_back(site: Site, group: Group, here: str) -> None:
    form = {"from_who": "tom", "from_kind": "user", "verb": "vm.delete"}
    assert post(site.owner, f"{here}/withheld", **form) == f"{here}/access"
    kept = Withheld.objects.get()
    assert (kept.vm, kept.user, kept.verb) == (site.vm, site.teammate.user, "vm.delete")
    page = post(site.owner, f"{here}/withheld", 409, **form)
    assert note(page, "verb") == "It is withheld from tom already."
    page = post(site.owner, f"{here}/withheld", 422, **(form | {"from_who": "who"}))
    assert note(page, "from_who") == "There is no user named who."
    assert 'value="who"' in page
    page = post(site.owner, f"{here}/withheld", 422, **(form | {"verb": "host.remove"}))
    assert "There is no verb host.remove on machines." in note(page, "verb")
    assert post(site.owner, f"{here}/withheld/{kept.pk}") == f"{here}/access"
    assert not Withheld.objects.exists()
    post(site.owner, f"{here}/withheld", from_who="botany", from_kind="group", verb="vm.start")
    lines = rows(text_of(browser(site.owner), f"{here}/access"))
    assert lines[-1] == "botany Group, 2 people no role of their own here Withheld here: start Give back"


def test_who_withholds_sharing_from_themselves_is_led_away(site: Site, here: str) -> None:
    there = post(site.owner, f"{here}/withheld", from_who="olga", from_kind="user", verb="vm.share")
    assert there == here


def test_a_machine_changes_its_owner(site: Site, group: Group, here: str) -> None:
    def owner() -> tuple[User | None, Group | None]:
        vm = Vm.objects.get(pk=site.vm.pk)
        return vm.owner, vm.owner_group

    post(site.owner, f"{here}/owner", owner="tom", owner_kind="user")
    assert owner() == (site.teammate.user, None)
    assert 'name="owner" value="tom"' in text_of(browser(site.owner), f"{here}/access")
    page = post(site.owner, f"{here}/owner", 422, owner="botany", owner_kind="group")
    assert note(page, "owner") == "botany has no part in the project alpha."
    Grant.objects.create(group=group, project=site.project, role=VIEWER)
    post(site.owner, f"{here}/owner", owner="botany", owner_kind="group")
    assert owner() == (None, group)
    assert "botany Group, 2 people Owner" in rows(text_of(browser(site.owner), f"{here}/access"))[0]
    post(site.owner, f"{here}/owner", owner="", owner_kind="project")
    assert owner() == (None, None)


def test_who_gives_their_machine_away_is_led_to_what_they_still_see(site: Site, here: str) -> None:
    Vm.objects.update(owner=site.teammate.user)
    assert post(site.teammate, f"{here}/owner", owner="vera", owner_kind="user") == here


def test_why_somebody_may_or_not_is_answered(site: Site, here: str) -> None:
    client = browser(site.owner)
    page = text_of(client, f"{here}/access?person=tom&may=vm.start")
    assert "Yes." in page
    assert "tom has the role Member in the project alpha." in page
    page = text_of(client, f"{here}/access?person=tom&may=vm.delete")
    assert "No." in page
    assert "tom has no role there that lets them delete machines." in page
    assert 'value="vm.delete" selected' in page
    page = text_of(client, f"{here}/access?person=who&may=vm.delete", 422)
    assert note(page, "person") == "There is no user named who."
    assert note(text_of(client, f"{here}/access?person=&may=vm.start", 422), "person") == "Name a user."
    page = text_of(client, f"{here}/access?person=tom&may=vm.fly", 422)
    assert "There is no verb vm.fly" in note(page, "person")


def test_hostile_names_are_escaped(site: Site, here: str) -> None:
    User.objects.filter(pk=site.teammate.user.pk).update(full_name=HOSTILE)
    group = Group.objects.create(name="eves", title=HOSTILE)
    Role.objects.create(name="eve", title=HOSTILE, verb_line=" vm.view ")
    site.project.title = HOSTILE
    site.project.save()
    Grant.objects.create(group=group, vm=site.vm, role="eve")
    client = browser(site.administrator)
    for path in (f"{here}/access", "/projects/alpha", "/people", "/groups", f"/groups/{group.pk}", "/roles"):
        page = text_of(client, path)
        assert "<b>Eve" not in page
        assert "&lt;b&gt;Eve&lt;/b&gt;" in page
    page = post(site.owner, f"{here}/grants", 422, who='"><script>', kind="user", role="viewer")
    assert "<script>" not in note(page, "who")
    assert 'value="&#34;&gt;&lt;script&gt;"' in page


def test_who_has_a_part_in_one_machine_alone_is_not_told_to_make_another(site: Site) -> None:
    Grant.objects.filter(user=site.stranger.user).delete()
    Grant.objects.create(user=site.stranger.user, vm=site.vm, role=MEMBER)
    page = text_of(browser(site.stranger), "/")
    assert "/machines/new" not in page
    assert "data-picks" in page
    assert "/machines/new" in text_of(browser(site.teammate), "/")


# ---- a project


def test_a_project_says_its_machines_and_who_may_what(site: Site) -> None:
    site.make_vm("db", seen=Seen.RUNNING)
    page = text_of(browser(site.owner), "/projects/alpha")
    assert re.search(r'href="/\?project=alpha">2<', page)
    assert re.search(r'href="/\?project=alpha&amp;state=running">1<', page)
    assert [line.split()[0] for line in rows(page)] == ["olga", "tom", "vera", "ada", "oto"]
    assert "Granted on this project No end Take back" in rows(page)[1]
    assert 'href="/projects/alpha"' in text_of(browser(site.owner), "/projects")


def test_who_may_not_share_a_project_sees_its_machines_alone(site: Site) -> None:
    page = text_of(browser(site.viewer), "/projects/alpha")
    assert "Who may do what" not in page
    assert "Add a grant" not in page
    assert "olga" not in page
    text_of(browser(site.stranger), "/projects/alpha", 404)
    text_of(browser(site.administrator), "/projects/nowhere", 404)


def test_who_may_make_machines_alone_counts_their_own(site: Site) -> None:
    cloner = make_person("carl", CLONER, site.project)
    site.make_vm("own", owner=cloner.user)
    assert re.search(r'href="/\?project=alpha">1<', text_of(browser(cloner), "/projects/alpha"))


def test_a_role_in_a_project_is_given_and_refused(site: Site) -> None:
    post(site.teammate, "/projects/alpha/grants", 403, who="sid", kind="user", role="viewer")
    there = post(site.owner, "/projects/alpha/grants", who="sid", kind="user", role="member")
    assert there == "/projects/alpha"
    assert Grant.objects.get(user=site.stranger.user, project=site.project).role == MEMBER
    page = post(site.owner, "/projects/alpha/grants", 409, who="sid", kind="user", role="member")
    assert note(page, "role") == "sid has this role there already."


def test_one_leaves_a_project(site: Site) -> None:
    page = text_of(browser(site.viewer), "/projects/alpha")
    assert "Leave this project" in page
    found = re.search(r'action="(/grants/\d+/take)"', page)
    assert found
    assert post(site.viewer, found[1]) == "/projects"
    assert not Grant.objects.filter(user=site.viewer.user).exists()
    assert "Leave this project" not in text_of(browser(site.administrator), "/projects/alpha")


def test_a_project_may_be_called_new(site: Site) -> None:
    post(site.administrator, "/new-project", name="new", title="")
    assert "/projects/new/grants" in text_of(browser(site.administrator), "/projects/new")


def test_fifty_grants_cost_the_queries_of_one(site: Site, here: str) -> None:
    cluster = site.host.cluster
    for who, path, scope in (
        (site.owner, "/projects/alpha", {"project": site.project}),
        (site.owner, f"{here}/access", {"vm": site.vm}),
        (site.administrator, f"/clusters/{site.host.cluster_id}/access", {"cluster": cluster}),
    ):
        with CaptureQueriesContext(connection) as few:
            text_of(browser(who), path)
        for number in range(50):
            user = User.objects.create(username=f"u{path}{number}")
            group = Group.objects.create(name=f"g{path}{number}")
            Membership.objects.create(user=user, group=group)
            Grant.objects.create(user=user, role=VIEWER, **scope)
            Grant.objects.create(group=group, role=VIEWER, **scope)
            Withheld.objects.create(user=user, vm=site.vm, verb="vm.start")
        with CaptureQueriesContext(connection) as many:
            page = text_of(browser(who), path)
        assert len(rows(page)) > 100
        assert len(many) == len(few), path


# ---- a cluster


@pytest.fixture
def cluster(site: Site) -> str:
    return f"/clusters/{site.host.cluster_id}"


def test_a_cluster_says_who_may_what_on_its_hosts_and_machines(
    site: Site, group: Group, cluster: str
) -> None:
    Grant.objects.create(group=group, cluster=site.host.cluster, role=OPERATOR)
    client = browser(site.administrator)
    for path in ("/hosts", f"{cluster}/capacity", f"{cluster}/balance"):
        assert f'href="{cluster}/access"' in text_of(client, path), path
    page = text_of(client, f"{cluster}/access")
    lines = rows(page)
    assert lines[0].startswith("botany Group, 2 people Operator")
    assert "Granted on this cluster No end Take back" in lines[0]
    assert "From the whole site" in lines[1]
    assert len(lines) == 3
    assert choices(page) == [OPERATOR, OWNER, MEMBER, VIEWER]
    assert "sees and uses all machines, makes new ones" not in page
    assert f'href="{cluster}/access"' in text_of(client, f"/machines/{site.vm.pk}/access")


def test_a_role_in_a_cluster_is_given_and_taken_back(site: Site, cluster: str) -> None:
    form = {"who": "sid", "kind": "user", "role": "operator"}
    last = now().date() + timedelta(days=40)
    assert (
        post(site.administrator, f"{cluster}/grants", until=last.isoformat(), **form) == f"{cluster}/access"
    )
    given = Grant.objects.get(user=site.stranger.user, cluster=site.host.cluster)
    assert (given.role, given.until) == (OPERATOR, last)
    assert f"{show.day(last)} Take back" in rows(text_of(browser(site.administrator), f"{cluster}/access"))[0]
    page = post(site.administrator, f"{cluster}/grants", 422, **form | {"who": "nobody"})
    assert note(page, "who") == "There is no user named nobody."
    page = post(site.administrator, f"{cluster}/grants", 422, **form | {"role": "administrator"})
    assert "on the whole site alone" in note(page, "role")
    assert post(site.administrator, f"/grants/{given.pk}/take") == f"{cluster}/access"
    record = text_of(browser(site.administrator), "/activity")
    assert "Give sid the role operator on default" in record
    assert not Grant.objects.filter(pk=given.pk).exists()


def test_who_looks_after_a_cluster_gives_no_role_on_it(site: Site, cluster: str) -> None:
    Grant.objects.create(user=site.stranger.user, cluster=site.host.cluster, role=OPERATOR)
    form = {"who": "nobody", "kind": "user", "role": "viewer"}
    for who in (site.operator, site.stranger):
        client = browser(who)
        assert "/access" not in text_of(client, "/hosts")
        assert f"{cluster}/access" not in text_of(client, f"{cluster}/balance")
        text_of(client, f"{cluster}/access", 403)
        assert "There is no user" not in post(who, f"{cluster}/grants", 403, **form)
    text_of(browser(site.administrator), "/clusters/999999/access", 404)
    own = Grant.objects.get(user=site.stranger.user, cluster=site.host.cluster)
    assert f'href="{cluster}/capacity"' not in text_of(browser(site.stranger), f"{cluster}/balance")
    assert post(site.stranger, f"/grants/{own.pk}/take") == "/"


def test_roles_of_hosts_alone_are_offered_in_a_cluster_and_of_projects_are_not(
    site: Site, here: str, cluster: str
) -> None:
    Role.objects.create(name="racks", verb_line=" host.list host.maintain ")
    Role.objects.create(name="shelves", verb_line=" pool.list ")
    Role.objects.create(name="clerks", verb_line=" project.view vm.create ")
    assert choices(text_of(browser(site.administrator), f"{cluster}/access"))[4:] == ["racks", "shelves"]
    assert choices(text_of(browser(site.administrator), "/projects/alpha"))[-1] == "clerks"
    assert "racks" not in choices(text_of(browser(site.administrator), f"{here}/access"))


# ---- the whole site


def test_roles_on_the_whole_site_are_given_by_who_may_share_it(site: Site) -> None:
    text_of(browser(site.operator), "/people/site", 403)
    post(site.operator, "/people/site/grants", 403, who="sid", kind="user", role="viewer")
    there = post(site.administrator, "/people/site/grants", who="sid", kind="user", role="operator")
    assert there == "/people/site"
    given = Grant.objects.get(user=site.stranger.user, role=OPERATOR)
    assert (given.cluster, given.project, given.vm) == (None, None, None)
    page = post(site.administrator, "/people/site/grants", 422, who="who", kind="group", role="viewer")
    assert note(page, "who") == "There is no group named who."


def test_the_last_administrator_stays_one(site: Site) -> None:
    grant = Grant.objects.get(user=site.administrator.user)
    assert f"/grants/{grant.pk}/take" in text_of(browser(site.administrator), "/people/site")
    page = post(site.administrator, f"/grants/{grant.pk}/take", 409)
    assert "Nobody would be left as an administrator." in page
    assert Grant.objects.filter(pk=grant.pk).exists()


def test_what_is_withheld_from_ones_own_group_is_not_offered_to_be_given_back(site: Site) -> None:
    group = Group.objects.create(name="botany")
    Membership.objects.create(user=site.owner.user, group=group)
    row = Withheld.objects.create(vm=site.vm, group=group, verb="vm.delete")
    at = f"/machines/{site.vm.pk}/withheld/{row.pk}"
    assert at not in text_of(browser(site.owner), f"/machines/{site.vm.pk}/access")
    assert at in text_of(browser(site.administrator), f"/machines/{site.vm.pk}/access")
