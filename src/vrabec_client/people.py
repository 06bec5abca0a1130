"""What the interface says of people: accounts, groups, roles, and who may do what where."""

from __future__ import annotations

from typing import Any, TypedDict


class Scope(TypedDict, total=False):
    """A cluster or a machine by its id, or a project by its name; none is the whole site."""

    cluster: int
    project: str
    vm: int


class GrantQuery(Scope, total=False):
    """A place; or a user or a group by name, for all that they have."""

    user: str
    group: str


class RoleOnSite(TypedDict):
    """A role, and where it holds: `scope` is site, cluster, project or vm, `name` which one.

    `until` is its last day, None for no end.
    """

    role: str
    scope: str
    name: str
    until: str | None


class AccountWish(TypedDict, total=False):
    """What is known of somebody; what is left out stays."""

    full_name: str
    email: str
    is_active: bool


class Account(TypedDict):
    """Somebody who has an account, with their groups and the roles given to them by name."""

    id: int
    username: str
    full_name: str
    email: str
    is_active: bool
    created_at: str
    has_second_factor: bool
    groups: list[str]
    signs_in_by: list[str]
    roles: list[RoleOnSite]


class SignInLink(TypedDict):
    """A path on the controller that signs somebody in once within an hour, to set a password."""

    path: str


class NewAccount(Account, SignInLink):
    """An account just made."""


class Session(TypedDict):
    """A browser that is signed in. `seen_at` and `address` are some minutes late."""

    id: int
    agent: str
    address: str
    created_at: str
    seen_at: str
    expires_at: str


class SignedOut(TypedDict):
    """How many sessions of theirs there were."""

    sessions: int


class Group(TypedDict):
    """People who are given roles together."""

    id: int
    name: str
    title: str
    members: list[str]
    follows: list[str]


class Role(TypedDict):
    """A named set of verbs; one that is built in stays as it is."""

    name: str
    title: str
    verbs: list[str]
    version: int
    is_built_in: bool
    needs_second_factor: bool


class GrantWish(Scope, total=False):
    """Where a role is to hold, and until which day: none is for good."""

    until: str | None


class Grant(TypedDict):
    """A role of a user or a group somewhere; `until` is its last day, None for no end."""

    id: int
    user: str | None
    group: str | None
    role: str
    scope: str
    name: str
    until: str | None
    created_at: str


class Way(RoleOnSite):
    """A role that reaches somebody, by a group, or by name (None).

    Who `owns` a machine has the role of an owner on it without a grant.
    """

    group: str | None
    owns: bool


class Kept(TypedDict):
    """A verb that is withheld from somebody, by a group or by name (None)."""

    verb: str
    group: str | None


class Reached(TypedDict):
    """A person, and all that they may in the end: `verbs`.

    For who may not see groups a group is one of the list, too, and nobody has anything by it in their own
    row.
    """

    user: str | None
    group: str | None
    ways: list[Way]
    withheld: list[Kept]
    verbs: list[str]


class PeoplePage(TypedDict):
    """One page of people, by their names, and how many there are."""

    items: list[Reached]
    total: int
    page: int
    per_page: int


class Withheld(TypedDict):
    """A verb that a user or a group may not do on a machine."""

    id: int
    user: str | None
    group: str | None
    verb: str
    created_at: str


class Owner(TypedDict):
    """Whose a machine is; neither: its project's."""

    user: str | None
    group: str | None


class Why(TypedDict):
    """Whether somebody may, and each reason."""

    may: bool
    why: list[str]


class QuotaWish(TypedDict, total=False):
    """What is at most to be taken; None, or what is left out, is no limit.

    With `counts_running` CPUs and memory count of machines that run or should, else of all.
    """

    vms: int | None
    cpus: int | None
    memory_mib: int | None
    disk_mib: int | None
    counts_running: bool


class Limits(TypedDict):
    """What is at most to be taken; None is no limit."""

    vms: int | None
    cpus: int | None
    memory_mib: int | None
    disk_mib: int | None
    counts_running: bool


class Taken(TypedDict):
    """What counts."""

    vms: int
    cpus: int
    memory_mib: int
    disk_mib: int


class Budget(TypedDict):
    """What somebody may take and takes. `is_own`: the limits are theirs, else those of their kind."""

    kind: str
    name: str
    limits: Limits
    taken: Taken
    is_own: bool


class Payer(TypedDict, total=False):
    """A project, a user or a group by name; you without any."""

    project: str
    user: str
    group: str


class RequestWish(TypedDict, total=False):
    """What to ask for: limits of a quota, or a machine's lease until a day.

    The quota is yours, or that of a project or a group.
    """

    vm: int
    until: str
    project: str
    group: str
    vms: int | None
    cpus: int | None
    memory_mib: int | None
    disk_mib: int | None


class Request(TypedDict):
    """What somebody asked for. `granted` is None while it is open.

    `project` or `group` is whose quota it is, where it is not their own.
    """

    id: int
    kind: str
    user: str
    vm: int | None
    project: str | None
    group: str | None
    asks: str
    why: str
    created_at: str
    granted: bool | None
    word: str
    answered_by: str | None
    may_answer: bool


class Mail(TypedDict):
    """A mail to somebody. `given_up_at` is None while it waits to be sent."""

    id: int
    user: str
    to: str
    subject: str
    created_at: str
    tries: int
    given_up_at: str | None
    error: str


class Me(TypedDict):
    """Who the token stands for."""

    id: int
    name: str
    administrator: bool


class Token(TypedDict):
    """An API token, without its secret. No verbs: all that you may; no projects (None): any."""

    id: int
    name: str
    verbs: list[str]
    projects: list[str] | None
    created_at: str
    expires_at: str
    used_at: str | None


class NewToken(Token):
    """A token just made; `secret` is said this once."""

    secret: str


class Lease(TypedDict):
    """How long machines may run, in days; no `most_days` is no limit. Then "archive" or "delete"."""

    days: int
    most_days: int | None
    grace_days: int
    then: str


class LeaseWish(TypedDict, total=False):
    """What to say of a project's leases beside their days.

    `also_present` gives machines that are there and have no end the usual one.
    """

    most_days: int | None
    grace_days: int
    then: str
    also_present: bool


class Project(TypedDict):
    """What machines belong to. No `lease`: its machines have none."""

    id: int
    name: str
    title: str
    lease: Lease | None
    created_at: str


class Activity(TypedDict):
    """One line of the record."""

    id: int
    at: str
    actor: str
    address: str
    token: str | None
    action: str
    kind: str
    subject_id: int | None
    subject: str
    job_id: int | None
    detail: dict[str, Any]


class ActivityQuery(TypedDict, total=False):
    """Which lines: of whom and of what (a part of the name), which action ("vm." for all of a noun).

    `token` is a whole name; `since` and `until` (not itself) are times in ISO 8601, UTC without a zone.
    """

    by: str
    action: str
    subject: str
    token: str
    since: str
    until: str


class ActivityPage(TypedDict):
    """One page of the record, newest first."""

    items: list[Activity]
    total: int
    page: int
    per_page: int
