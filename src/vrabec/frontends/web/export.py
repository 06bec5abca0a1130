"""The list as a file for spreadsheets: all that a search finds, with the columns on show, as CSV.

Programs read the same as JSON from REST. The file is made whole and not streamed: a page's thread is one of
two, and a reader on a slow line would keep it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext, gettext_noop

from vrabec.frontends.web.access import PageRequest, page
from vrabec.frontends.web.columns import columns_of
from vrabec.frontends.web.rows import VmRow, vm_row
from vrabec.frontends.web.vms import query_of
from vrabec.lib.clock import now
from vrabec.services.lists import every_vm
from vrabec.services.permissions import may

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Without it Excel takes the file for one of its own code page."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
Cell = tuple[str, Callable[[VmRow], Any]]
_ALWAYS: tuple[Cell, ...] = (
    (gettext_noop("Id"), lambda row: row.id),
    (gettext_noop("State"), lambda row: row.label),
    (gettext_noop("Name"), lambda row: row.name),
    (gettext_noop("Tags"), lambda row: " ".join(row.tags)),
)
_CELLS: dict[str, tuple[Cell, ...]] = {
    "host": ((gettext_noop("Host"), lambda row: row.host),),
    "project": ((gettext_noop("Project"), lambda row: row.project),),
    "address": ((gettext_noop("Address"), lambda row: row.address),),
    "cpu": ((gettext_noop("CPU, %"), lambda row: None if row.cpu is None else round(row.cpu, 1)),),
    "memory": (
        (gettext_noop("Memory used, MiB"), lambda row: row.memory_used),
        (gettext_noop("Memory, MiB"), lambda row: row.memory),
    ),
    "disk": (
        (gettext_noop("Disk used, MiB"), lambda row: row.disk_used),
        (gettext_noop("Disk, MiB"), lambda row: row.disk),
    ),
    "cpus": ((gettext_noop("CPUs"), lambda row: row.cpus),),
    "template": ((gettext_noop("Template"), lambda row: row.template),),
    "network": ((gettext_noop("Network"), lambda row: row.network),),
    "mac": ((gettext_noop("MAC address"), lambda row: row.mac),),
    "by": ((gettext_noop("Made by"), lambda row: row.by),),
    "created": (
        (gettext_noop("Created, UTC"), lambda row: f"{row.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"),
    ),
    "lease": ((gettext_noop("Lease"), lambda row: row.lease.text if row.lease else None),),
}


@page("vm.list")
def vms_csv(request: PageRequest) -> HttpResponse:
    """All that the address finds, in its order. Raises Invalid for a search that is not understood."""
    hosts = may(request.actor, "host.view")
    shown = [column.key for column in columns_of(request, with_hosts=hosts) if column.on]
    cells = [*_ALWAYS, *(cell for key in shown for cell in _CELLS[key])]
    found = every_vm(request.actor, query_of(request.GET))
    rows = (vm_row(vm, job, with_host=hosts) for vm, job in found)
    name = f"machines-{now():%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(_csv(cells, rows), content_type="text/csv; charset=utf-8", headers=headers)


def _csv(cells: list[Cell], rows: Iterator[VmRow]) -> str:
    text = io.StringIO(BOM)
    text.seek(0, io.SEEK_END)
    lines = csv.writer(text)
    lines.writerow([gettext(title) for title, _ in cells])
    lines.writerows([harmless(of(row)) for _, of in cells] for row in rows)
    return text.getvalue()


def harmless(value: Any) -> Any:
    """`value` so that no spreadsheet takes it for a formula: names come from whoever gave them."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
