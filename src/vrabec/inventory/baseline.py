"""Has a host's libvirt compute what the CPUs of its cluster have in common, and keeps it."""

from __future__ import annotations

import logging

from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.needs import baseline_of
from vrabec.lib.errors import HostError
from vrabec.services import baselines

logger = logging.getLogger(__name__)


def work_out(host: HostConnection, host_id: int) -> None:
    """For the cluster of this host, if its CPUs are others than when it was computed."""
    ask = baselines.asked(host_id)
    if ask is None:
        return
    if len(ask.kinds) != 1:
        baselines.keep(ask, None)
        return
    try:
        baselines.keep(ask, baseline_of(host, *ask.kinds[0], ask.cpus))
    except HostError as error:
        logger.warning("no baseline of cluster %s: %s", ask.cluster_id, error.raw)
        baselines.keep(ask, None, (error.template, error.params))
