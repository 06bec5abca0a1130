"""Somebody who may look after people is no administrator, and does not become one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cast import Site, site
from vrabec.lib.actor import Actor
from vrabec.lib.errors import Forbidden
from vrabec.models.grants import Grant
from vrabec.models.roles import ADMINISTRATOR
from vrabec.models.users import Group, User
from vrabec.services import accounts, groups, identities, people, roles, second_factors

__all__ = ["site"]
VERBS = ("user.list", "user.change", "user.remove", "user.factors", "group.list", "group.change")
MAKES_ROLES = (*VERBS, "role.create", "role.change")
ON_PEOPLE: dict[str, Callable[[Actor, User], Any]] = {
    "link": lambda actor, user: accounts.make_link(actor, user=user),
    "mail": lambda actor, user: accounts.change_account(
        actor, user=user, account=accounts.Account(email="me@univ.example")
    ),
    "remove": lambda actor, user: accounts.remove_account(actor, user=user),
    "vouch": lambda actor, user: identities.link(actor, user=user, source="ldap", subject="me"),
    "factors": lambda actor, user: second_factors.remove_factors(actor, user=user),
}


@pytest.fixture
def secretary(site: Site) -> Actor:
    """Of a role of the site's own."""
    roles.create_role(site.administrator.actor, name="secretary", verbs=MAKES_ROLES)
    Grant.objects.create(user=site.stranger.user, role="secretary")
    return people.actor_of(site.stranger.user)


@pytest.mark.parametrize("deed", ON_PEOPLE)
@pytest.mark.parametrize("how", ["direct", "by a group"])
def test_nothing_is_done_to_an_administrator(site: Site, secretary: Actor, deed: str, how: str) -> None:
    user = site.administrator.user
    if how == "by a group":
        user = site.teammate.user
        crew = Group.objects.create(name="crew")
        crew.memberships.create(user=user)
        Grant.objects.create(group=crew, role=ADMINISTRATOR)
    with pytest.raises(Forbidden, match="Only an administrator"):
        ON_PEOPLE[deed](secretary, user)
    ON_PEOPLE[deed](site.administrator.actor if how == "by a group" else secretary, site.viewer.user)


def test_nobody_joins_a_group_of_administrators(site: Site, secretary: Actor) -> None:
    crew = Group.objects.create(name="crew")
    groups.add_member(secretary, group=crew, username="sid")
    groups.remove_member(secretary, group=crew, username="sid")
    Grant.objects.create(group=crew, role=ADMINISTRATOR)
    with pytest.raises(Forbidden, match="Only an administrator"):
        groups.add_member(secretary, group=crew, username="sid")
    with pytest.raises(Forbidden, match="Only an administrator"):
        groups.follow(secretary, group=crew, outside=["everybody"])


def test_nobody_makes_a_role_of_more_than_they_have(site: Site, secretary: Actor) -> None:
    roles.create_role(secretary, name="helper", verbs=["user.list"])
    with pytest.raises(Forbidden, match=r"Only who may remove hosts on the whole site"):
        roles.create_role(secretary, name="more", verbs=["user.list", "host.remove"])
    with pytest.raises(Forbidden, match="remove hosts"):
        roles.change_role(secretary, name="secretary", version=1, verbs=[*MAKES_ROLES, "host.remove"])
