"""/users, /groups and /roles."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.schemas import Body, answers
from vrabec.models.users import Group, User
from vrabec.services import accounts, groups, identities, roles, second_factors, sessions
from vrabec.services.accounts import Account

router = Router(tags=["people"], auth=AUTH)
Name = Annotated[str, Field(max_length=300)]
Title = Annotated[str, Field(max_length=120)]
Verbs = Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=500)]


class AccountIn(Schema):
    """An account to make. Its person sets a password by the link that is answered."""

    username: Annotated[Name, Field(examples=["petr"])]
    full_name: Name = ""
    email: Name = ""


class AccountChange(Body):
    """What is known of somebody; what is left out stays. An account that is not active is closed."""

    full_name: Name | None = None
    email: Name | None = None
    is_active: Annotated[bool | None, Field(strict=True)] = None


class RoleOnSite(Schema):
    """A role on the whole site, a cluster, a project or a machine; `until` is its last day."""

    role: str
    scope: str
    name: str
    until: date | None


class AccountOut(Schema):
    """Somebody, with their groups, and the roles that they were given by name."""

    id: int
    username: str
    full_name: str
    email: str
    is_active: bool
    created_at: datetime
    has_second_factor: bool
    groups: list[str]
    signs_in_by: list[str]
    roles: list[RoleOnSite]

    @staticmethod
    def of(user: User) -> AccountOut:
        """The schema of a row with its groups and grants."""
        own = ("username", "full_name", "email", "is_active", "created_at")
        return AccountOut(
            id=user.pk,
            has_second_factor=user.second_factor_since is not None,
            groups=sorted(row.group.name for row in user.memberships.all()),
            signs_in_by=sorted(row.source for row in user.identities.all()),
            roles=[role_on(grant) for grant in user.grants.all()],
            **{name: getattr(user, name) for name in own},
        )


def role_on(grant: Any) -> RoleOnSite:
    """A grant's role and scope."""
    for scope in ("vm", "project", "cluster"):
        if row := getattr(grant, scope):
            return RoleOnSite(role=grant.role, scope=scope, name=row.name, until=grant.until)
    return RoleOnSite(role=grant.role, scope="site", name="", until=grant.until)


class SignInLink(Schema):
    """A path on this controller that signs somebody in once within an hour, to set a password."""

    path: str


class NewAccount(AccountOut, SignInLink):
    """An account just made, with the link for its person; it is said this once."""


class SignedOut(Schema):
    """How many sessions of theirs there were."""

    sessions: int


class GroupIn(Schema):
    """A group to make."""

    name: Annotated[Name, Field(examples=["botany"])]
    title: Title = ""


class GroupOut(Schema):
    """A group, with its members by name."""

    id: int
    name: str
    title: str
    members: list[str]
    follows: list[str]

    @staticmethod
    def of(group: Group) -> GroupOut:
        """The schema of a row with its members."""
        members = sorted(row.user.username for row in group.memberships.all())
        follows = group.outside.splitlines()
        return GroupOut(id=group.pk, name=group.name, title=group.title, members=members, follows=follows)


class FollowsIn(Schema):
    """Groups of other systems by name: a directory's, or those that an OpenID Connect provider tells."""

    names: Annotated[
        list[Annotated[str, Field(max_length=255)]], Field(max_length=20, examples=[["botany-students"]])
    ]


class IdentityIn(Schema):
    """Who somebody is to a source: their name in a directory, or an OpenID Connect provider's `sub`."""

    subject: Annotated[str, Field(min_length=1, max_length=255)]


class RoleIn(Schema):
    """A role to make: a named set of verbs."""

    name: Annotated[Name, Field(examples=["night-shift"])]
    title: Title = ""
    verbs: Annotated[Verbs, Field(examples=[["vm.view", "vm.start"]])]


class RoleChange(Schema):
    """What a role is to be; `version` is the one that it was read with."""

    version: Annotated[int, Field(ge=0, lt=2**31)]
    title: Title = ""
    verbs: Verbs


class RoleFactor(Body):
    """Whether who has the role must set up a second factor."""

    is_needed: Annotated[bool, Field(strict=True)]


_OF_A_ROLE = ("name", "title", "version", "is_built_in", "needs_second_factor")


class RoleOut(Schema):
    """A role. One that is built in stays as it is."""

    name: str
    title: str
    verbs: list[str]
    version: int
    is_built_in: bool
    needs_second_factor: bool

    @staticmethod
    def of(role: roles.Described) -> RoleOut:
        """The schema of what the service says."""
        own = {name: getattr(role, name) for name in _OF_A_ROLE}
        return RoleOut(verbs=sorted(role.verbs), **own)


@router.get("/users", response=answers({200: list[AccountOut]}), operation_id="list_users")
@action("user.list")
def list_users(request: HttpRequest) -> list[AccountOut]:
    """Everybody who has an account."""
    return [AccountOut.of(row) for row in accounts.list_accounts(actor(request))]


@router.post("/users", response=answers({201: NewAccount}), operation_id="create_user")
@action("user.create")
def create_user(request: HttpRequest, wish: AccountIn) -> Status[NewAccount]:
    """Make an account."""
    account = Account(full_name=wish.full_name, email=wish.email)
    made, secret = accounts.create_account(actor(request), username=wish.username, account=account)
    return Status(201, NewAccount(**AccountOut.of(made).dict(), path=_path(secret)))


@router.patch("/users/{user_id}", response=answers({200: AccountOut}), operation_id="change_user")
@action("user.change")
def change_user(request: HttpRequest, user_id: int, wish: AccountChange) -> AccountOut:
    """Change what is known of somebody; close their account, or open it again."""
    who = actor(request)
    user = accounts.get_account(who, user_id=user_id)
    return AccountOut.of(accounts.change_account(who, user=user, account=Account(**wish.dict())))


@router.post("/users/{user_id}/link", response=answers({201: SignInLink}), operation_id="link_user")
@action("user.change")
def link_user(request: HttpRequest, user_id: int) -> Status[SignInLink]:
    """A new link for somebody who has forgotten their password; links of before end."""
    who = actor(request)
    secret = accounts.make_link(who, user=accounts.get_account(who, user_id=user_id))
    return Status(201, SignInLink(path=_path(secret)))


@router.put("/users/{user_id}/identities/{source}", response=answers({200: AccountOut}), operation_id="vouch")
@action("user.change")
def vouch(request: HttpRequest, user_id: int, source: str, wish: IdentityIn) -> AccountOut:
    """Let another system vouch for an account that is there: "ldap", "openid", "proxy", "certificate"."""
    who = actor(request)
    user = accounts.get_account(who, user_id=user_id)
    identities.link(who, user=user, source=source, subject=wish.subject)
    return AccountOut.of(accounts.get_account(who, user_id=user_id))


@router.delete(
    "/users/{user_id}/identities/{source}", response=answers({200: AccountOut}), operation_id="unvouch"
)
@action("user.change")
def unvouch(request: HttpRequest, user_id: int, source: str) -> AccountOut:
    """Let another system vouch for an account no longer; memberships by its word end."""
    who = actor(request)
    identities.unlink(who, user=accounts.get_account(who, user_id=user_id), source=source)
    return AccountOut.of(accounts.get_account(who, user_id=user_id))


@router.post("/users/{user_id}/sign-out", response=answers({200: SignedOut}), operation_id="sign_out_user")
@action("user.sign_out")
def sign_out_user(request: HttpRequest, user_id: int) -> SignedOut:
    """End all sessions of somebody in browsers; their tokens live on."""
    who = actor(request)
    user = accounts.get_account(who, user_id=user_id)
    return SignedOut(sessions=sessions.sign_out_user(who, user=user))


@router.delete(
    "/users/{user_id}/second-factors", response=answers({204: None}), operation_id="remove_factors"
)
@action("user.factors")
def remove_factors(request: HttpRequest, user_id: int) -> Status[None]:
    """Remove all second factors of somebody who has lost them: their password alone signs them in."""
    who = actor(request)
    second_factors.remove_factors(who, user=accounts.get_account(who, user_id=user_id))
    return Status(204, None)


@router.delete("/users/{user_id}", response=answers({204: None}), operation_id="remove_user")
@action("user.remove")
def remove_user(request: HttpRequest, user_id: int) -> Status[None]:
    """Remove an account; its machines go to their projects."""
    who = actor(request)
    accounts.remove_account(who, user=accounts.get_account(who, user_id=user_id))
    return Status(204, None)


def _path(secret: str) -> str:
    return f"/sign-in/link/{secret}"


@router.get("/groups", response=answers({200: list[GroupOut]}), operation_id="list_groups")
@action("group.list")
def list_groups(request: HttpRequest) -> list[GroupOut]:
    """All groups."""
    return [GroupOut.of(row) for row in groups.list_groups(actor(request))]


@router.post("/groups", response=answers({201: GroupOut}), operation_id="create_group")
@action("group.create")
def create_group(request: HttpRequest, wish: GroupIn) -> Status[GroupOut]:
    """Make a group."""
    return Status(201, GroupOut.of(groups.create_group(actor(request), **wish.dict())))


@router.put("/groups/{group_id}/follows", response=answers({200: GroupOut}), operation_id="follow_groups")
@action("group.change")
def follow_groups(request: HttpRequest, group_id: int, wish: FollowsIn) -> GroupOut:
    """Name the groups of other systems whose people are in this one, from when they next sign in."""
    who = actor(request)
    group = groups.get_group(who, group_id=group_id)
    return GroupOut.of(groups.follow(who, group=group, outside=wish.names))


@router.delete("/groups/{group_id}", response=answers({204: None}), operation_id="remove_group")
@action("group.remove")
def remove_group(request: HttpRequest, group_id: int) -> Status[None]:
    """Remove a group, and with it what it was given."""
    who = actor(request)
    groups.remove_group(who, group=groups.get_group(who, group_id=group_id))
    return Status(204, None)


@router.put(
    "/groups/{group_id}/members/{username}", response=answers({200: GroupOut}), operation_id="add_member"
)
@action("group.change")
def add_member(request: HttpRequest, group_id: int, username: str) -> GroupOut:
    """Put somebody into a group."""
    who = actor(request)
    groups.add_member(who, group=groups.get_group(who, group_id=group_id), username=username)
    return GroupOut.of(groups.get_group(who, group_id=group_id))


@router.delete(
    "/groups/{group_id}/members/{username}", response=answers({200: GroupOut}), operation_id="remove_member"
)
@action("group.change")
def remove_member(request: HttpRequest, group_id: int, username: str) -> GroupOut:
    """Take somebody out of a group."""
    who = actor(request)
    groups.remove_member(who, group=groups.get_group(who, group_id=group_id), username=username)
    return GroupOut.of(groups.get_group(who, group_id=group_id))


@router.get("/roles", response=answers({200: list[RoleOut]}), operation_id="list_roles")
@action("role.list")
def list_roles(request: HttpRequest) -> list[RoleOut]:
    """All roles, those built in first."""
    return [RoleOut.of(role) for role in roles.list_roles(actor(request))]


@router.post("/roles", response=answers({201: RoleOut}), operation_id="create_role")
@action("role.create")
def create_role(request: HttpRequest, wish: RoleIn) -> Status[RoleOut]:
    """Make a role of verbs."""
    return Status(201, RoleOut.of(roles.create_role(actor(request), **wish.dict())))


@router.put("/roles/{role}", response=answers({200: RoleOut}), operation_id="change_role")
@action("role.change")
def change_role(request: HttpRequest, role: str, wish: RoleChange) -> RoleOut:
    """Give a role other verbs; refused where somebody changed it since it was read."""
    return RoleOut.of(roles.change_role(actor(request), name=role, **wish.dict()))


@router.put("/roles/{role}/second-factor", response=answers({200: RoleOut}), operation_id="set_role_factor")
@action("role.change")
def set_role_factor(request: HttpRequest, role: str, wish: RoleFactor) -> RoleOut:
    """Ask a second factor of who has a role, or no longer; of built-in ones the settings say it."""
    return RoleOut.of(roles.set_role_factor(actor(request), name=role, is_needed=wish.is_needed))


@router.delete("/roles/{role}", response=answers({204: None}), operation_id="remove_role")
@action("role.remove")
def remove_role(request: HttpRequest, role: str) -> Status[None]:
    """Remove a role that nobody has."""
    roles.remove_role(actor(request), name=role)
    return Status(204, None)
