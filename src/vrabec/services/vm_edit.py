"""What a person says about a machine, and what it is to become: its description and tags."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.models.changes import changed
from vrabec.models.vms import Vm
from vrabec.services.permissions import require
from vrabec.services.record import record

MAX_DESCRIPTION = 4000
MAX_TAGS = 20
_TAG = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)


@dataclass(frozen=True)
class VmWords:
    """What to say of a machine. None leaves it as it is; `tag` and `untag` change the tags one by one."""

    description: str | None = None
    tags: tuple[str, ...] | None = None
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()


def describe_vm(actor: Actor, *, vm: Vm, words: VmWords) -> Vm:
    """Write description and tags: they are ours alone, no host hears of them. Gives the row as it is now.

    Raises Invalid naming the field and its limit, Forbidden.
    """
    require(actor, "vm.describe", vm.project_id)
    with transaction.atomic():
        # Two people may tag at once: each one's tags stay.
        row = Vm.objects.select_for_update().get(pk=vm.pk)
        fresh = {"description": _description(row, words), "tag_line": _tag_line(row, words)}
        if any(getattr(row, name) != value for name, value in fresh.items()):
            Vm.objects.filter(pk=vm.pk).update(version=F("version") + 1, **fresh)
            record(actor, "vm.describe", of=vm, tags=fresh["tag_line"].split())
            changed("vm", vm.pk)
    for name, value in fresh.items():
        setattr(vm, name, value)
    return vm


def _description(row: Vm, words: VmWords) -> str:
    if words.description is None:
        return row.description
    text = words.description.replace("\r\n", "\n").strip()
    if len(text) > MAX_DESCRIPTION or any(map(_is_control, text)):
        raise Invalid(
            "Describe it in at most %(max)s signs, without control characters.",
            field="description",
            max=MAX_DESCRIPTION,
        )
    return text


def _is_control(sign: str) -> bool:
    """Control characters and lone surrogates: PostgreSQL cannot store NUL, and nobody can read the others."""
    return sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs")


def _tag_line(row: Vm, words: VmWords) -> str:
    given = row.tags if words.tags is None else words.tags
    tags = sorted({*given, *words.tag} - {*words.untag})
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise Invalid(
                "A tag is 1 to 32 of a–z, 0–9 and hyphens; not “%(tag)s”.", field="tags", tag=tag[:64]
            )
    if len(tags) > MAX_TAGS:
        raise Invalid("At most %(max)s tags.", field="tags", max=MAX_TAGS)
    return f" {' '.join(tags)} " if tags else ""
