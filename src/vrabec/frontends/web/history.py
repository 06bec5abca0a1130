"""The load of a machine over time: its figures in words, beside which a script draws the charts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext, gettext_noop, pgettext_lazy

from vrabec.frontends.web import show
from vrabec.lib.actor import Actor
from vrabec.models.vms import Vm
from vrabec.services.history import RANGES, vm_history

DEFAULT = "1h"
_LABELS = {
    "1h": pgettext_lazy("time", "1 h"),
    "1d": pgettext_lazy("time", "24 h"),
    "1w": pgettext_lazy("time", "7 d"),
    "1m": pgettext_lazy("time", "30 d"),
    "1y": pgettext_lazy("time", "1 y"),
}
_METRICS: tuple[tuple[str, str, Callable[[float | None], str]], ...] = (
    ("cpu_percent", gettext_noop("CPU"), show.percent),
    ("memory_used_mib", gettext_noop("Memory used"), show.mib),
    ("disk_read_bytes_s", gettext_noop("Disk, read"), show.rate),
    ("disk_written_bytes_s", gettext_noop("Disk, written"), show.rate),
    ("net_received_bytes_s", gettext_noop("Network, in"), show.bit_rate),
    ("net_sent_bytes_s", gettext_noop("Network, out"), show.bit_rate),
)


@dataclass(frozen=True)
class Figures:
    """One metric in words."""

    metric: str
    title: str
    latest: str
    lowest: str
    highest: str


def history_of(actor: Actor, vm: Vm, request: HttpRequest) -> dict[str, Any]:
    """What the part "history" of a machine's page needs, over the range that the URL asks for."""
    asked = request.GET.get("range", DEFAULT)
    range_ = asked if asked in RANGES else DEFAULT
    curves = vm_history(actor, vm=vm, range_=range_).curves
    figures = [
        Figures(metric, gettext(title), *map(said, (curve.latest, curve.lowest, curve.highest)))
        for metric, title, said in _METRICS
        for curve in (curves[metric],)
    ]
    return {"range": range_, "ranges": list(_LABELS.items()), "figures": figures}
