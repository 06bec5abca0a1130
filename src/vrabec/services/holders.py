"""Users and groups as those who are given things: found by name."""

from __future__ import annotations

from dataclasses import dataclass

from vrabec.lib.errors import Invalid
from vrabec.models.users import Group, User


@dataclass(frozen=True)
class Holder:
    """A user or a group: one of the two."""

    user: User | None = None
    group: Group | None = None

    @property
    def name(self) -> str:
        """Its name, unique among its kind."""
        return self.user.username if self.user else self.group.name if self.group else ""

    @property
    def columns(self) -> dict[str, User | Group | None]:
        """As columns of a row that has one holder."""
        return {"user": self.user, "group": self.group}

    @property
    def row(self) -> User | Group:
        """The row."""
        assert self.user or self.group  # noqa: S101 - `holder_named` has made sure
        return self.user or self.group  # type: ignore[return-value]


def holder_named(*, user: str = "", group: str = "") -> Holder:
    """The user or the group of this name. Raises Invalid, naming the field."""
    if bool(user) == bool(group):
        raise Invalid("Name a user or a group, one of the two.", field="user")
    if user:
        return Holder(user=_user(user))
    found = Group.objects.filter(name=_plain(group)).first()
    if found is None:
        raise Invalid("There is no group named %(name)s.", field="group", name=group[:64])
    return Holder(group=found)


def _user(name: str) -> User:
    found = User.objects.filter(username=_plain(name), is_active=True).first()
    if found is None:
        raise Invalid("There is no user named %(name)s.", field="user", name=name[:64])
    return found


def _plain(name: str) -> str:
    """PostgreSQL takes no NUL, and no name has one."""
    return name.replace("\0", "")
