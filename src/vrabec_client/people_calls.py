"""Operations on people and what they may do, named as in the REST interface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack, cast
from urllib.parse import quote

from vrabec_client import people, schemas
from vrabec_client.calls import Calls
from vrabec_client.errors import NotFound


class PeopleCalls(Calls):
    """What a controller is asked of accounts, groups, roles and grants."""

    def list_users(self) -> list[people.Account]:
        """Everybody who has an account. Raises Forbidden."""
        return cast("list[people.Account]", self._get("/users"))

    def find_user(self, name: str) -> people.Account:
        """The account of this user name. Raises NotFound, Forbidden."""
        for user in self.list_users():
            if user["username"] == name:
                return user
        raise NotFound(f"There is no user named {name}.", field="user")

    def create_user(self, username: str, *, full_name: str = "", email: str = "") -> people.NewAccount:
        """Make an account. Raises Invalid, Conflict, Forbidden."""
        body = {"username": username, "full_name": full_name, "email": email}
        return cast("people.NewAccount", self._post("/users", body))

    def change_user(self, user_id: int, **wish: Unpack[people.AccountWish]) -> people.Account:
        """Change what is known of somebody, or close and open their account. Raises as create_user."""
        return cast("people.Account", self._patch(f"/users/{user_id:d}", wish))

    def link_user(self, user_id: int) -> people.SignInLink:
        """A new sign-in link for somebody. Raises NotFound, Forbidden."""
        return cast("people.SignInLink", self._post(f"/users/{user_id:d}/link"))

    def vouch(self, user_id: int, source: str, subject: str) -> people.Account:
        """Let "ldap", "openid", "proxy" or "certificate" vouch for an account, as who it is there.

        Raises NotFound, Invalid, Conflict, Forbidden.
        """
        return cast("people.Account", self._put(_identity(user_id, source), {"subject": subject}))

    def unvouch(self, user_id: int, source: str) -> people.Account:
        """End it. Raises NotFound, Forbidden."""
        return cast("people.Account", self._delete(_identity(user_id, source)))

    def list_sessions(self) -> list[people.Session]:
        """The browsers in which you are signed in, the one last seen first."""
        return cast("list[people.Session]", self._get("/sessions"))

    def end_session(self, session_id: int) -> None:
        """Sign one of your browsers out. Raises NotFound."""
        self._delete(f"/sessions/{session_id:d}")

    def sign_out_user(self, user_id: int) -> people.SignedOut:
        """End all sessions of somebody in browsers. Raises NotFound, Forbidden."""
        return cast("people.SignedOut", self._post(f"/users/{user_id:d}/sign-out"))

    def remove_factors(self, user_id: int) -> None:
        """Remove all second factors of somebody. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/users/{user_id:d}/second-factors")

    def set_role_factor(self, role: str, is_needed: bool) -> people.Role:
        """Ask a second factor of who has a role, or no longer. Raises NotFound, Conflict, Forbidden."""
        path = f"/roles/{quote(role, safe='')}/second-factor"
        return cast("people.Role", self._put(path, {"is_needed": is_needed}))

    def remove_user(self, user_id: int) -> None:
        """Remove an account; its machines go to their projects. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/users/{user_id:d}")

    def list_groups(self) -> list[people.Group]:
        """All groups. Raises Forbidden."""
        return cast("list[people.Group]", self._get("/groups"))

    def find_group(self, name: str) -> people.Group:
        """The group of this name. Raises NotFound, Forbidden."""
        for group in self.list_groups():
            if group["name"] == name:
                return group
        raise NotFound(f"There is no group named {name}.", field="group")

    def create_group(self, name: str, *, title: str = "") -> people.Group:
        """Make a group. Raises Invalid, Conflict, Forbidden."""
        return cast("people.Group", self._post("/groups", {"name": name, "title": title}))

    def follow_groups(self, group_id: int, names: list[str]) -> people.Group:
        """Name groups of other systems whose people are in this one. Raises NotFound, Invalid, Forbidden."""
        return cast("people.Group", self._put(f"/groups/{group_id:d}/follows", {"names": names}))

    def remove_group(self, group_id: int) -> None:
        """Remove a group, and with it what it was given. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/groups/{group_id:d}")

    def add_member(self, group_id: int, username: str) -> people.Group:
        """Put somebody into a group. Raises NotFound, Invalid, Forbidden."""
        return cast("people.Group", self._put(_member(group_id, username), None))

    def remove_member(self, group_id: int, username: str) -> people.Group:
        """Take somebody out of a group. Raises NotFound, Conflict, Forbidden."""
        return cast("people.Group", self._delete(_member(group_id, username)))

    def list_roles(self) -> list[people.Role]:
        """All roles, those built in first."""
        return cast("list[people.Role]", self._get("/roles"))

    def find_role(self, name: str) -> people.Role:
        """The role of this name. Raises NotFound."""
        for role in self.list_roles():
            if role["name"] == name:
                return role
        raise NotFound(f"There is no role named {name}.", field="role")

    def create_role(self, name: str, verbs: Iterable[str], *, title: str = "") -> people.Role:
        """Make a role of verbs. Raises Invalid, Conflict, Forbidden."""
        return cast("people.Role", self._post("/roles", {"name": name, "title": title, "verbs": list(verbs)}))

    def change_role(self, role: str, verbs: Iterable[str], *, version: int, title: str = "") -> people.Role:
        """Give a role other verbs; `version` is the one that was read.

        Raises Invalid, NotFound, Conflict where somebody changed it since, Forbidden.
        """
        body = {"version": version, "title": title, "verbs": list(verbs)}
        return cast("people.Role", self._put(f"/roles/{quote(role, safe='')}", body))

    def remove_role(self, role: str) -> None:
        """Remove a role that nobody has. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/roles/{quote(role, safe='')}")

    def list_grants(self, **on: Unpack[people.GrantQuery]) -> list[people.Grant]:
        """Who has which role there, also by what it lies in; or all that a user or a group has.

        Raises NotFound, Invalid, Forbidden.
        """
        return cast("list[people.Grant]", self._get("/grants", dict(on)))

    def list_people(
        self, *, page: int = 1, per_page: int = 50, **on: Unpack[people.Scope]
    ) -> people.PeoplePage:
        """Who, in the end, may what there, and why. Raises NotFound, Invalid, Forbidden."""
        asked = {"page": page, "per_page": per_page, **on}
        return cast("people.PeoplePage", self._get("/grants/people", asked))

    def give(
        self, role: str, *, user: str = "", group: str = "", **on: Unpack[people.GrantWish]
    ) -> people.Grant:
        """Give a user or a group a role, or one that they have another end.

        Raises Invalid, NotFound, Conflict, Forbidden.
        """
        body = {"role": role, "user": user, "group": group, **on}
        return cast("people.Grant", self._post("/grants", body))

    def take(self, grant_id: int) -> None:
        """Take a role back. Raises NotFound, Conflict, Forbidden."""
        self._delete(f"/grants/{grant_id:d}")

    def why(self, verb: str, *, user: str = "", **on: Unpack[people.Scope]) -> people.Why:
        """Why somebody, or you, may do a verb there. Raises Invalid, NotFound, Forbidden."""
        asked = {"verb": verb, **({"user": user} if user else {}), **on}
        return cast("people.Why", self._get("/why", asked))

    def list_withheld(self, vm_id: int) -> list[people.Withheld]:
        """What is withheld on a machine, and from whom. Raises NotFound, Forbidden."""
        return cast("list[people.Withheld]", self._get(f"/vms/{vm_id:d}/withheld"))

    def withhold(self, vm_id: int, verb: str, *, user: str = "", group: str = "") -> people.Withheld:
        """Let a user or a group not do a verb on a machine. Raises Invalid, NotFound, Conflict, Forbidden."""
        body = {"verb": verb, "user": user, "group": group}
        return cast("people.Withheld", self._post(f"/vms/{vm_id:d}/withheld", body))

    def give_back(self, vm_id: int, withheld_id: int) -> None:
        """End that a verb is withheld. Raises NotFound, Forbidden."""
        self._delete(f"/vms/{vm_id:d}/withheld/{withheld_id:d}")

    def transfer_vm(self, vm_id: int, *, user: str = "", group: str = "") -> people.Owner:
        """Make a machine a user's or a group's, or with neither its project's.

        Raises Invalid for who has no part in its project, NotFound, Forbidden.
        """
        body = {"user": user, "group": group}
        return cast("people.Owner", self._put(f"/vms/{vm_id:d}/owner", body))

    def extend_vm(
        self, vm_id: int, *, days: int | None = None, until: str | None = None, no_end: bool = False
    ) -> schemas.Vm:
        """Let a machine's lease end so many days from today, on the day `until`, or never.

        Raises NotFound, Invalid, WrongState for one without a lease, Conflict, Forbidden.
        """
        body = {"days": days, "until": until, "no_end": no_end}
        return cast("schemas.Vm", self._post(f"/vms/{vm_id:d}/extend", body))

    def set_lease(self, project: str, days: int, **wish: Unpack[people.LeaseWish]) -> people.Project:
        """Say how long machines of a project may run. Raises NotFound, Invalid, Forbidden."""
        path = f"/projects/{quote(project, safe='')}/lease"
        return cast("people.Project", self._put(path, {"days": days, **wish}))

    def drop_lease(self, project: str) -> people.Project:
        """Let a project have no leases. Raises NotFound, Forbidden."""
        return cast("people.Project", self._delete(f"/projects/{quote(project, safe='')}/lease"))

    def list_requests(self) -> list[people.Request]:
        """Your requests, and those that you may answer, open ones first."""
        return cast("list[people.Request]", self._get("/requests"))

    def create_request(self, why: str, **wish: Unpack[people.RequestWish]) -> people.Request:
        """Ask for more of a quota, or with `vm` and `until` for a longer lease.

        The quota is yours, or that of a `project` or a `group`.

        Raises NotFound, Invalid, Conflict while you wait for an answer to the same, Forbidden.
        """
        return cast("people.Request", self._post("/requests", {"why": why, **wish}))

    def answer_request(self, request_id: int, *, granted: bool, word: str = "") -> people.Request:
        """Grant or decline. Raises NotFound, Conflict when it was answered, Forbidden."""
        body = {"granted": granted, "word": word}
        return cast("people.Request", self._post(f"/requests/{request_id:d}/answer", body))

    def list_mail(self) -> list[people.Mail]:
        """Mail that was given up, the last first. Raises Forbidden."""
        return cast("list[people.Mail]", self._get("/mail"))

    def send_mail(self, mail_id: int) -> people.Mail:
        """Send a mail that was given up again, to the address that its person has now.

        Raises NotFound, Invalid for who has no address, Forbidden.
        """
        return cast("people.Mail", self._post(f"/mail/{mail_id:d}/send"))

    def get_quota(self, **whose: Unpack[people.Payer]) -> people.Budget:
        """How much somebody, or you, may take, and takes. Raises NotFound, Invalid, Forbidden."""
        return cast("people.Budget", self._get("/quotas", dict(whose)))

    def list_defaults(self) -> dict[str, people.Limits]:
        """The limits of every project, user and group that has none of its own."""
        return cast("dict[str, people.Limits]", self._get("/quotas/defaults"))

    def set_default(self, kind: str, **limits: Unpack[people.QuotaWish]) -> people.Limits:
        """Limit every "project", "user" or "group" that has no limits of its own.

        Raises Invalid, Forbidden.
        """
        return cast("people.Limits", self._put(f"/quotas/{quote(kind, safe='')}", limits))

    def set_quota(self, kind: str, name: str, **limits: Unpack[people.QuotaWish]) -> people.Limits:
        """Limit a project, a user or a group. Raises NotFound, Invalid, Forbidden."""
        return cast("people.Limits", self._put(_quota(kind, name), limits))

    def drop_quota(self, kind: str, name: str) -> people.Limits:
        """Let the limits of all of its kind hold. Raises NotFound, Invalid, Forbidden."""
        return cast("people.Limits", self._delete(_quota(kind, name)))


def _quota(kind: str, name: str) -> str:
    return f"/quotas/{quote(kind, safe='')}/{quote(name, safe='')}"


def _identity(user_id: int, source: str) -> str:
    return f"/users/{user_id:d}/identities/{quote(source, safe='')}"


def _member(group_id: int, username: str) -> str:
    return f"/groups/{group_id:d}/members/{quote(username, safe='')}"
