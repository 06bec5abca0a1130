"""Roles: named sets of verbs. Those built in stand here and cannot be changed; a site's own are rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

ADMINISTRATOR = "administrator"
"""May do everything, everywhere: it is given on the site alone, and nothing is withheld from it."""
OPERATOR = "operator"
OWNER = "owner"
MEMBER = "member"
CLONER = "cloner"
VIEWER = "viewer"

_LOOK = frozenset({"vm.view", "job.view", "project.view"})
_MAKE = frozenset({"project.view", "vm.create", "vm.place"})
_USE = frozenset(
    f"vm.{verb}"
    for verb in (
        "start",
        "shutdown",
        "power_off",
        "reboot",
        "reset",
        "pause",
        "resume",
        "hibernate",
        "send_keys",
        "screen",
        "console",
        "describe",
        "clone",
        "extend",
    )
) | {"job.cancel", "job.retry", "job.dismiss"}
_OWN = frozenset({"vm.rename", "vm.resize", "vm.xml", "vm.delete", "vm.share"})
_RUN = frozenset(
    {
        "vm.migrate",
        "vm.pin",
        "vm.adopt",
        "template.build",
        "template.share",
        "network.share",
        "pool.list",
        "host.list",
        "host.view",
        "host.maintain",
        "host.resume",
        "cluster.list",
        "cluster.capacity",
        "cluster.balance",
        "metrics.view",
        "quota.view",
        "project.change",
        "project.lease",
    }
)
OWNED = _LOOK | _USE | _OWN
"""What the owner of a machine may do with it."""

BUILT_IN: dict[str, frozenset[str]] = {
    OPERATOR: _LOOK | _MAKE | _USE | _OWN | _RUN,
    OWNER: _LOOK | _MAKE | _USE | _OWN | {"project.change", "project.share", "project.lease"},
    MEMBER: _LOOK | _MAKE | _USE,
    CLONER: _MAKE,
    VIEWER: _LOOK,
}
"""Beside the administrator, from the most to the least."""


class Role(models.Model):
    """A role of the site's own. `verb_line` holds its verbs as " vm.start vm.view ".

    `needs_second_factor`: who has it has to set one up.
    """

    name = models.CharField(max_length=63, unique=True)
    title = models.CharField(max_length=120, blank=True)
    verb_line = models.TextField()
    needs_second_factor = models.BooleanField(default=False)
    version = models.PositiveBigIntegerField(default=1)

    @property
    def verbs(self) -> frozenset[str]:
        """Its verbs."""
        return frozenset(self.verb_line.split())


def has_verb(verb: str) -> Q:
    """Grants whose role has this verb."""
    built_in = [name for name, verbs in BUILT_IN.items() if verb in verbs]
    own = Role.objects.filter(verb_line__contains=f" {verb} ").values("name")
    return Q(role__in=[ADMINISTRATOR, *built_in]) | Q(role__in=own)
