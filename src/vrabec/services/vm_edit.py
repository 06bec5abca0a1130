"""What a person says about a machine, and what it is to become: its description, tags, name and size."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from vrabec.lib.actor import Actor
from vrabec.lib.errors import Invalid
from vrabec.lib.names import check_label
from vrabec.models.changes import changed
from vrabec.models.jobs import Job
from vrabec.models.vms import Seen, Vm
from vrabec.services.permissions import require
from vrabec.services.placement import require_room, take_lock
from vrabec.services.queue import queue_vm_job
from vrabec.services.quotas import Purse, growth, payers_of
from vrabec.services.record import record
from vrabec.services.verbs import require_verb
from vrabec.services.vms import require_free_name
from vrabec.services.wishes import VmSizes, check_farm, check_sizes

MAX_DESCRIPTION = 4000
MAX_TAGS = 20
MOST_ON_RECORD = 500
"""Signs of a description, before and after, that the record keeps."""
_TAG = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)


@dataclass(frozen=True)
class VmWords:
    """What to say of a machine. None leaves it as it is; `tag` and `untag` change the tags one by one.

    A new `farm` moves nothing: it counts when a machine of it is made.
    """

    description: str | None = None
    tags: tuple[str, ...] | None = None
    tag: tuple[str, ...] = ()
    untag: tuple[str, ...] = ()
    farm: str | None = None


def describe_vm(actor: Actor, *, vm: Vm, words: VmWords) -> Vm:
    """Write description, tags and farm: they are ours alone, no host hears of them. Gives the new row.

    Raises Invalid naming the field and its limit, Forbidden.
    """
    require(actor, "vm.describe", vm)
    return write_words(actor, vm, words)


def write_words(actor: Actor, vm: Vm, words: VmWords) -> Vm:
    """As describe_vm, for somebody who may. Raises Invalid."""
    with transaction.atomic():
        # Two people may tag at once: each one's tags stay.
        row = Vm.objects.select_for_update().get(pk=vm.pk)
        fresh = {"description": _description(row, words), "tag_line": _tag_line(row, words)}
        fresh["farm"] = _farm(row, words)
        if after := {name: value for name, value in fresh.items() if getattr(row, name) != value}:
            Vm.objects.filter(pk=vm.pk).update(version=F("version") + 1, **after)
            before = {name: getattr(row, name) for name in after}
            record(actor, "vm.describe", of=vm, before=_said(before), after=_said(after))
            changed("vm", vm.pk)
    for name, value in fresh.items():
        setattr(vm, name, value)
    return vm


def _said(words: dict[str, str]) -> dict[str, Any]:
    """As the record has them: tags one by one, and of a long text its beginning."""
    said: dict[str, Any] = {name: text[:MOST_ON_RECORD] for name, text in words.items()}
    return said | {"tags": said.pop("tag_line").split()} if "tag_line" in said else said


def rename_vm(actor: Actor, *, vm: Vm, name: str) -> Job:
    """Queue giving a machine another name; its guest has it at its next start.

    Raises Invalid, Conflict for a taken name (both with the field), WrongState unless it is off, Forbidden.
    """
    require_verb(actor, vm, "rename")
    check_label(name)
    with transaction.atomic():
        require_free_name(name, vm.project)
        domain_name = f"{vm.project.name}.{name}" if vm.project else name
        job = queue_vm_job(actor, "vm.rename", vm, name=name, domain_name=domain_name)
        record(actor, "vm.rename", of=vm, job=job, before=vm.name, to=name)
    return job


def resize_vm(actor: Actor, *, vm: Vm, sizes: VmSizes) -> Job:
    """Queue giving a machine other CPUs and memory (once it runs: at its next start), or a larger disk.

    Raises Invalid naming every broken limit, or when nothing would change; NoCapacity, WrongState, Conflict,
    Forbidden.
    """
    require_verb(actor, vm, "resize")
    before = _sizes_of(vm)
    args = {name: size for name, size in asdict(sizes).items() if size not in (None, before[name])}
    check_sizes(vm, sizes)
    if not args:
        raise Invalid("%(name)s has these sizes already.", name=vm.name)
    with transaction.atomic():
        take_lock()
        if vm.seen != Seen.OFF:
            require_room(vm, cpus=args.get("cpus", 0), memory_mib=args.get("memory_mib", 0))
        Purse().take(payers_of(vm), growth(vm, args))
        job = queue_vm_job(actor, "vm.resize", vm, **args)
        record(actor, "vm.resize", of=vm, job=job, before={name: before[name] for name in args}, after=args)
    return job


def _sizes_of(vm: Vm) -> dict[str, int]:
    """What it has, or will have from the next start on."""
    cpus, memory_mib = vm.next_cpus or vm.cpus, vm.next_memory_mib or vm.memory_mib
    return {"cpus": cpus, "memory_mib": memory_mib, "disk_mib": vm.disk_mib}


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


def _farm(row: Vm, words: VmWords) -> str:
    if words.farm is None:
        return row.farm
    check_farm(words.farm)
    return words.farm


def _is_control(sign: str) -> bool:
    """Control characters and lone surrogates: PostgreSQL cannot store NUL, and nobody can read the others."""
    return sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cs")


def _tag_line(row: Vm, words: VmWords) -> str:
    given = row.tags if words.tags is None else words.tags
    tags = sorted({*given, *words.tag} - {*words.untag})
    check_tags(tags)
    if len(tags) > MAX_TAGS:
        raise Invalid("At most %(max)s tags.", field="tags", max=MAX_TAGS)
    return f" {' '.join(tags)} " if tags else ""


def check_tags(tags: Iterable[str]) -> None:
    """Raise Invalid for the first that is no tag."""
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise Invalid(
                "A tag is 1 to 32 of a–z, 0–9 and hyphens; not “%(tag)s”.", field="tags", tag=tag[:64]
            )
