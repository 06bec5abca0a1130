"""What one person or group may, on a page: where, by what, until when."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.cast import Site
from tests.frontend.test_web_access import browser, post, text_of
from vrabec.frontends.web import show
from vrabec.lib.clock import now
from vrabec.models.grants import Grant, Withheld
from vrabec.models.projects import Project
from vrabec.models.roles import OPERATOR, VIEWER
from vrabec.models.users import Group, Membership
from vrabec.models.vms import Vm


@pytest.fixture
def group(site: Site) -> Group:
    """One in which Tom is, with a role until a day and something withheld."""
    made = Group.objects.create(name="botany", title="Botany")
    Membership.objects.create(group=made, user=site.teammate.user)
    last = now().date() + timedelta(days=20)
    Grant.objects.create(group=made, role=OPERATOR, cluster=site.host.cluster, until=last)
    Withheld.objects.create(group=made, vm=site.vm, verb="vm.power_off")
    return made


def words(page: str) -> str:
    main = page.partition('<main class="main"')[2].partition("</main>")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", re.sub(r"<svg.*?</svg>", "", main, flags=re.S)).split())


def test_the_page_of_somebody_says_where_by_what_and_until_when(site: Site, group: Group) -> None:
    Vm.objects.update(owner=site.teammate.user)
    at = f"/people/{site.teammate.user.pk}/access"
    client = browser(site.administrator)
    assert f'href="{at}"' in text_of(client, "/people")
    page = text_of(client, at)
    said = words(page)
    last = show.day(now().date() + timedelta(days=20))
    assert (
        f"default Operator what owners may; moves machines, looks after hosts By the group Botany {last}"
        in said
    )
    assert "alpha Member sees and uses all machines, makes new ones By name No end" in said
    assert "web power off The group Botany" in said
    assert "One machine is theirs." in said
    assert 'href="/?q=owner:tom"' in page
    assert f'href="/groups/{group.pk}"' in page
    assert 'href="/projects/alpha"' in page
    text_of(browser(site.owner), at, 403)
    text_of(client, "/people/999999/access", 404)


def test_nobody_is_sent_to_a_page_of_a_cluster_that_they_may_not_open(site: Site, group: Group) -> None:
    at, cluster = f"/people/{site.teammate.user.pk}/access", site.host.cluster
    assert cluster
    path = f"/clusters/{cluster.pk}/capacity"
    assert f'href="{path}"' in text_of(browser(site.administrator), at)
    assert "default" in words(text_of(browser(site.teammate), "/account/access"))
    assert f'href="{path}"' not in text_of(browser(site.teammate), "/account/access")
    text_of(browser(site.teammate), path, 403)


def test_everybody_reads_their_own(site: Site, group: Group) -> None:
    client = browser(site.teammate)
    assert 'href="/account/access"' in text_of(client, "/account")
    page = text_of(client, "/account/access")
    assert "By the group Botany" in words(page)
    assert "/groups/" not in page
    assert "alpha Member" in words(text_of(client, "/account/access"))
    assert "None." in words(text_of(browser_of_nobody(site), "/account/access"))


def browser_of_nobody(site: Site) -> Client:
    """Somebody who was given nothing."""
    Grant.objects.filter(user=site.stranger.user).delete()
    return browser(site.stranger)


def test_the_page_of_a_group_says_what_it_has(site: Site, group: Group) -> None:
    said = words(text_of(browser(site.administrator), f"/groups/{group.pk}"))
    assert "default Operator what owners may; moves machines, looks after hosts" in said
    assert "web power off" in said
    assert "By the group" not in said


def test_the_page_of_a_group_has_its_quota(site: Site, group: Group) -> None:
    at, quota = f"/groups/{group.pk}", "/quotas/group/botany"
    client = browser(site.administrator)
    assert f'href="{quota}"' in text_of(client, at)
    assert "Quota of botany" not in text_of(client, at)
    assert post(site.administrator, quota, vms="4") == at
    assert "Quota of botany Machines 0 of 4" in words(text_of(client, at))


def test_sixty_roles_cost_the_queries_of_one_and_come_in_pages(site: Site, group: Group) -> None:
    paths = (f"/people/{site.teammate.user.pk}/access", f"/groups/{group.pk}")
    counts = {}
    for path in paths:
        with CaptureQueriesContext(connection) as few:
            text_of(browser(site.administrator), path)
        counts[path] = len(few)
    for number in range(60):
        project = Project.objects.create(name=f"p{number:02d}")
        Grant.objects.create(user=site.teammate.user, project=project, role=VIEWER)
        Grant.objects.create(group=group, project=project, role=VIEWER)
        Withheld.objects.create(user=site.teammate.user, vm=site.make_vm(f"vm{number}"), verb="vm.start")
    for path in paths:
        with CaptureQueriesContext(connection) as many:
            page = text_of(browser(site.administrator), path)
        assert "Page 1 of" in page
        assert "p00" in page
        assert len(many) == counts[path], path
