"""/grants, /why, and whose a machine is and what is withheld on it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from vrabec.frontends.rest.access import AUTH, action, actor
from vrabec.frontends.rest.people import Name, RoleOnSite, role_on
from vrabec.frontends.rest.schemas import Body, Page, PerPage, answers
from vrabec.models.grants import Grant, Withheld
from vrabec.services import access, held
from vrabec.services import why as reasons
from vrabec.services.access import Where
from vrabec.services.by_person import People, Reached, Way
from vrabec.services.holders import holder_named
from vrabec.services.vms import get_vm

router = Router(tags=["people"], auth=AUTH)
Id = Annotated[int | None, Field(ge=1, lt=2**63)]
Verb = Annotated[str, Field(max_length=64, examples=["vm.delete"])]


class HolderIn(Body):
    """A user or a group, one of the two, by name."""

    user: Name = ""
    group: Name = ""


class ScopeIn(Schema):
    """A cluster or a machine by its id, or a project by its name; none is the whole site."""

    cluster: Id = None
    project: Name = ""
    vm: Id = None

    @property
    def where(self) -> Where:
        """As the service takes it."""
        return Where(cluster=self.cluster, project=self.project, vm=self.vm)


class HeldIn(ScopeIn):
    """A place; or a user or a group by name, for all that they have by themselves and by groups."""

    user: Name = ""
    group: Name = ""


class GrantIn(HolderIn):
    """A role for a user or a group, on a cluster, a project, a machine or, without one, the whole site.

    `until` is its last day, in UTC; null is no end.
    """

    role: Annotated[Name, Field(examples=["member"])]
    cluster: Id = None
    project: Name = ""
    vm: Id = None
    until: date | None = None


class GrantOut(Schema):
    """Who has which role where. `scope` is site, cluster, project or vm, and `name` which one.

    `until` is the last day, null for no end.
    """

    id: int
    user: str | None
    group: str | None
    role: str
    scope: str
    name: str
    until: date | None
    created_at: datetime

    @staticmethod
    def of(row: Grant) -> GrantOut:
        """The schema of a row with its holder and scope."""
        return GrantOut(
            id=row.pk,
            user=row.user.username if row.user else None,
            group=row.group.name if row.group else None,
            created_at=row.created_at,
            **role_on(row).dict(),
        )


class WayOut(RoleOnSite):
    """A role that reaches somebody, by a `group` or by name; null: by name.

    Who `owns` a machine has the role of an owner on it without a grant.
    """

    group: str | None
    owns: bool

    @staticmethod
    def of(way: Way) -> WayOut:
        """The schema of a way."""
        return WayOut(
            role=way.role.name,
            scope=(way.on._meta.model_name or "") if way.on else "site",
            name=way.on.name if way.on else "",
            until=way.until,
            group=way.group.name if way.group else None,
            owns=way.owns,
        )


class KeptOut(Schema):
    """A verb that is withheld from somebody, by name or by a `group`."""

    verb: str
    group: str | None


class ReachedOut(Schema):
    """A person, and all that they may there in the end: `verbs`.

    For who may not see groups a group is one of the list, too, and nobody has anything by it in their own
    row.
    """

    user: str | None
    group: str | None
    ways: list[WayOut]
    withheld: list[KeptOut]
    verbs: list[str]

    @staticmethod
    def of(row: Reached) -> ReachedOut:
        """The schema of a row."""
        user, group = row.holder.user, row.holder.group
        return ReachedOut(
            user=user.username if user else None,
            group=group.name if group else None,
            ways=[WayOut.of(way) for way in row.ways],
            withheld=[
                KeptOut(verb=kept.verb, group=kept.group.name if kept.group else None)
                for kept in row.withheld
            ],
            verbs=sorted(row.verbs),
        )


class PeoplePage(Schema):
    """One page of people, by their names, and how many there are."""

    items: list[ReachedOut]
    total: int
    page: int
    per_page: int


class WithheldIn(HolderIn):
    """A verb that a user or a group may not do on the machine."""

    verb: Verb


class WithheldOut(Schema):
    """A verb that is withheld, and from whom."""

    id: int
    user: str | None
    group: str | None
    verb: str
    created_at: datetime

    @staticmethod
    def of(row: Withheld) -> WithheldOut:
        """The schema of a row with its holder."""
        return WithheldOut(
            id=row.pk,
            user=row.user.username if row.user else None,
            group=row.group.name if row.group else None,
            verb=row.verb,
            created_at=row.created_at,
        )


class OwnerOut(Schema):
    """Whose a machine is; neither: its project's."""

    user: str | None
    group: str | None


class WhyOut(Schema):
    """Whether somebody may do it, and each reason for or against, in words."""

    may: bool
    why: list[str]


@router.get("/grants", response=answers({200: list[GrantOut]}), operation_id="list_grants")
@action("grant.list")
def list_grants(request: HttpRequest, on: Query[HeldIn]) -> list[GrantOut]:
    """Who has which role there, also by what it lies in; or all that somebody has. The widest first."""
    who = actor(request)
    if on.user or on.group:
        held.require_no_place(on.cluster or on.project or on.vm)
        holder = held.whose(who, user=on.user, group=on.group)
        return [GrantOut.of(row) for row in held.list_held(who, holder=holder)]
    rows = access.list_grants(who, scope=access.scope_at(who, on.where))
    return [GrantOut.of(row) for row in rows]


@router.get("/grants/people", response=answers({200: PeoplePage}), operation_id="list_people")
@action("grant.list")
def list_people(
    request: HttpRequest, on: Query[ScopeIn], page: Page = 1, per_page: PerPage = 50
) -> PeoplePage:
    """Who, in the end, may what there, by name and by groups, and why; closed accounts are left out."""
    who = actor(request)
    found = People(who, scope=access.scope_at(who, on.where))
    items = [ReachedOut.of(row) for row in found[(page - 1) * per_page : page * per_page]]
    return PeoplePage(items=items, total=found.count(), page=page, per_page=per_page)


@router.post("/grants", response=answers({201: GrantOut}), operation_id="give")
@action("grant.give")
def give(request: HttpRequest, wish: GrantIn) -> Status[GrantOut]:
    """Give a role, or another end to one. Nobody gives more than they have there, nor for longer."""
    who = actor(request)
    scope = access.scope_at(who, Where(cluster=wish.cluster, project=wish.project, vm=wish.vm))
    access.require_share(who, scope)  # first: who may not share does not hear who there is
    holder = holder_named(user=wish.user, group=wish.group)
    made = access.give(who, holder=holder, role=wish.role, scope=scope, until=wish.until)
    return Status(201, GrantOut.of(made))


@router.delete("/grants/{grant_id}", response=answers({204: None}), operation_id="take")
@action("grant.take")
def take(request: HttpRequest, grant_id: int) -> Status[None]:
    """Take a role back; one of your own is how you leave."""
    access.take(actor(request), grant_id=grant_id)
    return Status(204, None)


@router.get("/why", response=answers({200: WhyOut}), operation_id="why")
@action("grant.list")
def why(request: HttpRequest, on: Query[ScopeIn], verb: Verb, user: Name = "") -> WhyOut:
    """Why somebody may do a verb there, or not; of yourself without `user`."""
    who = actor(request)
    found = reasons.why(who, verb=verb, scope=access.scope_at(who, on.where), username=user)
    return WhyOut(may=found.may, why=found.words)


@router.get("/vms/{vm_id}/withheld", response=answers({200: list[WithheldOut]}), operation_id="list_withheld")
@action("vm.share")
def list_withheld(request: HttpRequest, vm_id: int) -> list[WithheldOut]:
    """What is withheld on a machine, and from whom."""
    who = actor(request)
    rows = access.list_withheld(who, vm=get_vm(who, vm_id=vm_id))
    return [WithheldOut.of(row) for row in rows]


@router.post("/vms/{vm_id}/withheld", response=answers({201: WithheldOut}), operation_id="withhold")
@action("vm.share")
def withhold(request: HttpRequest, vm_id: int, wish: WithheldIn) -> Status[WithheldOut]:
    """Let somebody not do a verb on a machine, whatever else gives it to them."""
    who = actor(request)
    vm = get_vm(who, vm_id=vm_id)
    access.require_share(who, vm)
    holder = holder_named(user=wish.user, group=wish.group)
    return Status(201, WithheldOut.of(access.withhold(who, vm=vm, holder=holder, verb=wish.verb)))


@router.delete("/vms/{vm_id}/withheld/{withheld_id}", response=answers({204: None}), operation_id="give_back")
@action("vm.share")
def give_back(request: HttpRequest, vm_id: int, withheld_id: int) -> Status[None]:
    """End that a verb is withheld."""
    who = actor(request)
    access.give_back(who, vm=get_vm(who, vm_id=vm_id), withheld_id=withheld_id)
    return Status(204, None)


@router.put("/vms/{vm_id}/owner", response=answers({200: OwnerOut}), operation_id="transfer_vm")
@action("vm.share")
def transfer(request: HttpRequest, vm_id: int, wish: HolderIn) -> OwnerOut:
    """Make a machine somebody else's, or with neither its project's."""
    who = actor(request)
    vm = access.transfer(who, vm=get_vm(who, vm_id=vm_id), user=wish.user, group=wish.group)
    owner, group = vm.owner, vm.owner_group
    return OwnerOut(user=owner.username if owner else None, group=group.name if group else None)
