"""What lists show of machines: one query in SQL for any number, however much hangs on them.

Composed by hand, as it is asked with each page of a list: rows of six models for each machine, of which a
list shows a part, took most of the time that the whole page took.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection

from vrabec.models.bulk import marks
from vrabec.models.jobs import ACTIVE

_ROWS = """
    SELECT vm.id, vm.uuid, vm.version, vm.name, vm.seen, vm.state_since, vm.has_agent, vm.is_managed,
        vm.is_ready, vm.address, vm.cpus, vm.memory_mib, vm.disk_mib, vm.tag_line, vm.network, vm.mac,
        vm.created_at, vm.lease_ends_at, host.name, host.state, host.state_since,
        COALESCE(NULLIF(project.title, ''), project.name, ''), COALESCE(template.title, ''),
        COALESCE(NULLIF(person.full_name, ''), person.username, ''),
        load.seen_at, load.cpu_percent, load.memory_used_mib, load.disk_used_mib,
        load.disk_read_bytes_s, load.disk_written_bytes_s, load.net_received_bytes_s, load.net_sent_bytes_s,
        EXISTS (SELECT 1 FROM vrabec_job AS job WHERE job.vm_id = vm.id AND job.state IN (%(active)s))
    FROM vrabec_vm AS vm
    LEFT JOIN vrabec_host AS host ON host.id = vm.host_id
    LEFT JOIN vrabec_project AS project ON project.id = vm.project_id
    LEFT JOIN vrabec_template AS template ON template.id = vm.template_id
    LEFT JOIN vrabec_user AS person ON person.id = vm.created_by_id
    LEFT JOIN vrabec_vmload AS load ON load.vm_id = vm.id
    WHERE vm.id IN (%(ids)s)
"""


class Stand(NamedTuple):
    """A host's state, since when."""

    state: str
    state_since: datetime


class Listed(NamedTuple):
    """A machine as lists have it: columns of its row and of what hangs on it.

    `project`, `template` and `by` are what people read, "" where there is none; the load is None before the
    second sample.
    """

    pk: int
    uuid: Any
    version: int
    name: str
    seen: int
    state_since: datetime
    has_agent: bool
    is_managed: bool
    is_ready: bool
    address: str
    cpus: int
    memory_mib: int
    disk_mib: int
    tag_line: str
    network: str
    mac: str
    created_at: datetime
    lease_ends_at: datetime | None
    host: str | None
    host_state: str | None
    host_since: datetime | None
    project: str
    template: str
    by: str
    load_at: datetime | None
    cpu_percent: float | None
    memory_used_mib: int | None
    disk_used_mib: int | None
    disk_read_bytes_s: float
    disk_written_bytes_s: float
    net_received_bytes_s: float
    net_sent_bytes_s: float
    has_job: bool

    @property
    def stand(self) -> Stand | None:
        """Its host's, None where it has none."""
        if self.host_state is None or self.host_since is None:
            return None
        return Stand(self.host_state, aware(self.host_since))

    @property
    def rates(self) -> tuple[int, int, int, int] | None:
        """As VmLoad has them."""
        if self.load_at is None:
            return None
        disks = round(self.disk_read_bytes_s), round(self.disk_written_bytes_s)
        return *disks, round(self.net_received_bytes_s), round(self.net_sent_bytes_s)


def listed(ids: Collection[int]) -> list[Listed]:
    """These machines, in this order; who asks knows that they may be seen. What is gone is left out."""
    if not ids:
        return []
    text = _ROWS % {"ids": marks(ids), "active": marks(ACTIVE)}
    with connection.cursor() as cursor:
        cursor.execute(text, [*ACTIVE, *ids])
        found = {row[0]: Listed._make(row) for row in cursor}
    return [_dated(found[vm_id]) for vm_id in ids if vm_id in found]


def _dated(row: Listed) -> Listed:
    ends = row.lease_ends_at and aware(row.lease_ends_at)
    since, made = aware(row.state_since), aware(row.created_at)
    return row._replace(state_since=since, created_at=made, lease_ends_at=ends)


def aware(at: datetime) -> datetime:
    """SQLite keeps times in UTC and does not say so."""
    return at if at.tzinfo else at.replace(tzinfo=UTC)
