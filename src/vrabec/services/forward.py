"""The record, forwarded to a syslog line by line once it is written; nobody waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache

from django.conf import settings

from vrabec.lib.syslog import Syslog
from vrabec.models.audit import Audit
from vrabec.services.activity import FIELDS


def forward(ids: Iterable[int]) -> None:
    """Send these lines to the syslog that the settings name, if any, as JSON."""
    config = settings.VRABEC_CONFIG
    if not config.syslog:
        return
    syslog = _syslog(config.syslog, config.syslog_ca)
    for row in Audit.objects.filter(pk__in=list(ids)).order_by("pk").values(*FIELDS):
        syslog.send(json.dumps(row, default=str))


@lru_cache(maxsize=1)
def _syslog(address: str, authority: str) -> Syslog:
    """One a process."""
    made = Syslog(address, authority)
    made.start()
    return made
