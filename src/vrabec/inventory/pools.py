"""Looks at the pools of one host from time to time, and after something has happened to them.

On a connection and thread of its own, made for each look: a pool whose server is away (NFS) keeps whoever
asks for its volumes waiting without end, and that must be nobody but this.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Thread

from django.db import Error, connection

from vrabec.hypervisor import connection as door
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.pools import list_pools, list_volumes
from vrabec.hypervisor.spec import VolumeInfo
from vrabec.inventory.turns import Turns
from vrabec.inventory.writer import Writer
from vrabec.lib.errors import VrabecError
from vrabec.models.pools import Volume
from vrabec.services.pools import Row, disks_on, keep_pools, keep_volumes

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 10.0
"""Between two looks at the least."""
SHARE = 0.05
"""The part of the time that looks may take: each volume is a question to its host."""
HUNG_SECONDS = 5.0
TURNS = Turns(2)
"""Hosts whose pools are read at the same time; one that hangs gives its turn away."""


class PoolLooks:
    """The looks at one host's pools; but for `stop` its watch alone calls this."""

    def __init__(self, host_id: int, way: Callable[[], str], writer: Writer) -> None:
        self._host_id = host_id
        self._way = way
        self._writer = writer
        self._is_due = False
        self._is_stopping = False
        self._thread: Thread | None = None
        self._began_at: float | None = None
        self._not_before = 0.0

    def ask(self) -> None:
        """Something may have changed."""
        self._is_due = True

    def tend(self) -> None:
        """Begin a look if one is due and none goes on."""
        if self._began_at is not None:
            if time.monotonic() - self._began_at > HUNG_SECONDS:
                TURNS.pass_on(self)
        elif self._is_due and time.monotonic() >= self._not_before:
            self._is_due, self._began_at = False, time.monotonic()
            self._thread = Thread(target=self._run, name=f"pools {self._host_id}", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Nobody wants to hear any more what becomes of a look."""
        self._is_stopping = True

    def finish(self) -> None:
        """Let a look that goes on end, but wait for none that hangs."""
        if self._thread:
            self._thread.join(HUNG_SECONDS)

    def _run(self) -> None:
        began_at = time.monotonic()
        try:
            with TURNS.turn(self):
                began_at = self._began_at = time.monotonic()
                self._look()
        except VrabecError as error:
            self._is_due = True
            if not self._is_stopping:
                logger.info("pools of host %s: %s", self._host_id, error)
        except Error:
            logger.exception("pools of host %s could not be written", self._host_id)
        finally:
            connection.close()
            ended_at = time.monotonic()
            self._not_before = ended_at + max(PAUSE_SECONDS, (ended_at - began_at) / SHARE)
            self._began_at = None

    def _look(self) -> None:
        """First what pools there are, which touches no file, then what lies in each that is active."""
        with door.open_host(self._way()) as host:
            found = list_pools(host)
            ids = self._writer.do(lambda: keep_pools(self._host_id, map(vars, found)))
            users = disks_on(self._host_id)
            for pool in found:
                if pool.is_active:
                    self._keep(host, ids[pool.name], pool.name, users)

    def _keep(self, host: HostConnection, pool_id: int, name: str, users: dict[str, int]) -> None:
        rows = [_row(volume) for volume in list_volumes(host, name)]
        self._writer.do(lambda: keep_volumes(pool_id, rows, users))


def _row(volume: VolumeInfo) -> Row:
    return tuple(getattr(volume, name) for name in Volume.FACTS)
