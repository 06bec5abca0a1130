"""The access of one person or group: what they were given, by name and by groups."""

from datetime import timedelta

import pytest

from tests.cast import Person, Site, site
from vrabec.lib.clock import now
from vrabec.lib.errors import Forbidden, Invalid
from vrabec.models.grants import Grant, Withheld
from vrabec.models.roles import MEMBER, OPERATOR, VIEWER
from vrabec.models.users import Group, Membership, User
from vrabec.models.vms import Vm
from vrabec.services.held import list_held, list_kept, whose
from vrabec.services.holders import Holder

__all__ = ["site"]


@pytest.fixture
def group(site: Site) -> Group:
    """One in which Tom is, with a role everywhere and one on a machine."""
    made = Group.objects.create(name="botany")
    Membership.objects.create(group=made, user=site.teammate.user)
    Grant.objects.create(group=made, role=VIEWER, vm=site.vm)
    Grant.objects.create(group=made, role=OPERATOR)
    return made


def shown(site: Site, who: Person, holder: Holder) -> list[tuple[str, str, str]]:
    rows = list_held(who.actor, holder=holder)
    return [
        (
            row.role,
            getattr(row.vm or row.project or row.cluster, "name", "site"),
            row.group.name if row.group else "",
        )
        for row in rows
    ]


def test_it_is_all_that_somebody_has_by_name_and_by_groups_the_widest_first(site: Site, group: Group) -> None:
    Grant.objects.create(user=site.teammate.user, role=VIEWER, cluster=site.host.cluster)
    Grant.objects.create(user=site.teammate.user, role=VIEWER, project=site.other)
    assert shown(site, site.administrator, Holder(user=site.teammate.user)) == [
        ("operator", "site", "botany"),
        ("viewer", "default", ""),
        ("member", "alpha", ""),
        ("viewer", "beta", ""),
        ("viewer", "web", "botany"),
    ]
    assert shown(site, site.administrator, Holder(group=group)) == [
        ("operator", "site", "botany"),
        ("viewer", "web", "botany"),
    ]


def test_what_is_over_or_on_a_machine_that_is_gone_is_not_among_it(site: Site, group: Group) -> None:
    Grant.objects.filter(user=site.teammate.user, role=MEMBER).update(until=now().date() - timedelta(days=1))
    Withheld.objects.create(vm=site.vm, group=group, verb="vm.delete")
    tom = Holder(user=site.teammate.user)
    assert [row.verb for row in list_kept(site.administrator.actor, holder=tom)] == ["vm.delete"]
    Vm.objects.update(deleted_at=now())
    assert shown(site, site.administrator, tom) == [("operator", "site", "botany")]
    assert not list_kept(site.administrator.actor, holder=tom)


def test_ones_own_everybody_reads_and_nobody_elses_without_the_right(site: Site, group: Group) -> None:
    for who in (site.owner, site.operator, site.teammate, site.stranger):
        assert list_held(who.actor, holder=whose(who.actor)).exists()
        assert whose(who.actor, user=who.user.username).user == who.user
        for asked in ({"user": "vera"}, {"user": "nobody"}, {"group": "botany"}, {"group": "none"}):
            with pytest.raises(Forbidden):
                whose(who.actor, **asked)
        for holder in (Holder(user=site.viewer.user), Holder(group=group)):
            for listed in (list_held, list_kept):
                with pytest.raises(Forbidden):
                    listed(who.actor, holder=holder)


def test_who_may_is_told_of_names_that_there_are_not(site: Site) -> None:
    ada = site.administrator.actor
    with pytest.raises(Invalid, match="no user named none"):
        whose(ada, user="none")
    with pytest.raises(Invalid, match="no group named none"):
        whose(ada, group="none")
    with pytest.raises(Invalid, match="one of the two"):
        whose(ada, user="tom", group="botany")


def test_somebody_whose_account_is_closed_can_be_asked_for(site: Site) -> None:
    User.objects.filter(username="tom").update(is_active=False)
    assert whose(site.administrator.actor, user="tom").user == site.teammate.user
