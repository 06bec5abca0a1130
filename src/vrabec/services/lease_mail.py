"""Mail about leases: some days before the end, each once, and when a machine was switched off for it.

`Vm.lease_told_days` is the last of DAYS that was written. Where the controller was down on such a day, the
next one says how long there is now: one mail, whatever was missed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from vrabec.lib.clock import now
from vrabec.models.projects import Then
from vrabec.models.users import User
from vrabec.models.vms import Vm
from vrabec.services.leases import DAYS_BEFORE, rules_of, shown_day, told_for
from vrabec.services.mail import Letter, is_on, link_to, owners_of, write_mail
from vrabec.services.people import actor_of
from vrabec.services.permissions import may


def write_lease_mail() -> int:
    """Write to whom a machine belongs whose lease ends in so many days; to how many machines' people."""
    return sum(_tell(vm) for vm in _due()) if is_on() else 0


def _due() -> QuerySet[Vm]:
    late = Q()
    for days in DAYS_BEFORE:
        untold = Q(lease_told_days=None) | Q(lease_told_days__gt=days)
        late |= Q(lease_ends_at__lte=now() + timedelta(days=days)) & untold
    rows = Vm.objects.present().filter(late, is_managed=True, lease_ends_at__gt=now())
    return rows.select_related("project", "host", "owner", "owner_group").order_by("pk")


def _tell(vm: Vm) -> bool:
    if vm.lease_ends_at is None:
        return False
    with transaction.atomic():
        same = Vm.objects.filter(pk=vm.pk, lease_ends_at=vm.lease_ends_at, lease_told_days=vm.lease_told_days)
        if not same.update(lease_told_days=told_for(vm.lease_ends_at)):
            return False
        write_mail(_readers(vm), _ends_soon(vm, vm.lease_ends_at))
    return True


def write_ended(vm: Vm) -> None:
    """Say that a machine was switched off, and what comes now; in the caller's transaction."""
    if is_on() and vm.lease_ends_at:
        write_mail(_readers(vm), _has_ended(vm, vm.lease_ends_at))


def _readers(vm: Vm) -> list[User]:
    """Those who may open the page that the mail links to."""
    return [user for user in owners_of(vm) if may(actor_of(user), "vm.view", vm)]


def _ends_soon(vm: Vm, ends_at: datetime) -> Letter:
    days = (ends_at.date() - now().date()).days
    when = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    text = (
        f"{_named(vm)} may run until {shown_day(ends_at.date())}, noon UTC: {when}.\n\n"
        f"Do you still need it? Then extend it here:\n{link_to(f'/machines/{vm.pk}/extend')}\n\n"
        f"If you do nothing, it is shut down then. {_fate(vm)}"
    )
    return Letter(f"{vm.name}: its lease ends {when}", text)


def _has_ended(vm: Vm, ends_at: datetime) -> Letter:
    text = (
        f"The lease of {_named(vm, is_first=False)} ended on {shown_day(ends_at.date())}, "
        f"so it is switched off. {_fate(vm)}\n\n"
        f"Extend it, then you can start it again as it was:\n{link_to(f'/machines/{vm.pk}/extend')}"
    )
    return Letter(f"{vm.name} was switched off: its lease has ended", text)


def _named(vm: Vm, *, is_first: bool = True) -> str:
    group = f" of the group {vm.owner_group.title or vm.owner_group.name}" if vm.owner_group else ""
    whose = "your" if vm.owner else "the"
    of = f" ({vm.project.shown_name})" if vm.project else ""
    return f"{whose.capitalize() if is_first else whose} machine {vm.name}{group}{of}"


def _fate(vm: Vm) -> str:
    """What becomes of its disks."""
    rules = rules_of(vm.project)
    if rules is None or rules.then != Then.DELETE:
        return "Its disks are kept."
    days = f"{rules.grace_days} days" if rules.grace_days != 1 else "1 day"
    return f"Its disks are kept for {days} from then; after that it is deleted, which cannot be undone."
