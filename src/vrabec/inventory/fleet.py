"""Keeps one watch per host: follows the hosts table, and notices watches that wait too long.

Once an hour it removes what machines that are long gone have left.
"""

from __future__ import annotations

import logging
import time
from threading import Event, Thread

from django.db import Error, connection

from vrabec.inventory.watch import HostWatch
from vrabec.lib.heartbeat import beat
from vrabec.models.changes import heartbeat_of
from vrabec.models.hosts import Host
from vrabec.services.history import forget_deleted
from vrabec.services.screens import take_wanted

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
TIDY_SECONDS = 3600.0


class Fleet(Thread):
    """The thread that starts and stops the watches."""

    def __init__(self) -> None:
        super().__init__(name="fleet", daemon=True)
        self._stopping = Event()
        self._watches: dict[int, HostWatch] = {}
        self._next_tidy = time.monotonic()

    def run(self) -> None:
        """Follow the table until stopped."""
        while not self._stopping.wait(LOOK_SECONDS if self._watches else 0.2):
            beat(heartbeat_of("inventory"))
            try:
                self._follow()
                self._tidy()
            except Error:
                logger.exception("the hosts could not be read")
                connection.close()
        for watch in self._watches.values():
            watch.stop()
        connection.close()

    def stop(self) -> None:
        """End every watch; a call in flight ends with the process."""
        self._stopping.set()
        self.join(5)

    def _follow(self) -> None:
        hosts = {host.pk: host for host in Host.objects.present()}
        for host_id in set(self._watches) - set(hosts):
            self._watches.pop(host_id).stop()
        for host_id in set(hosts) - set(self._watches):
            self._watches[host_id] = HostWatch(hosts[host_id])
            self._watches[host_id].start()
        for watch in self._watches.values():
            watch.check_silence()
        for wanted in take_wanted():
            if wanted.host_id in self._watches:
                self._watches[wanted.host_id].guests.take_screen(wanted.uuid, wanted.vm_id)

    def _tidy(self) -> None:
        if time.monotonic() < self._next_tidy:
            return
        self._next_tidy = time.monotonic() + TIDY_SECONDS
        try:
            removed = forget_deleted()
        except OSError as error:
            logger.warning("old history of load could not be removed: %s", error)
            return
        if removed:
            logger.info("removed the history of %d machines that are gone", removed)
