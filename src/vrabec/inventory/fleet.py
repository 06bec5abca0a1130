"""Keeps one watch per host: follows the hosts table, and notices watches that wait too long.

Once an hour it removes what machines that are long gone have left, and sessions that have ended; and it
queues what is done by the clock.
"""

from __future__ import annotations

import logging
import time
from threading import Event, Thread

from django.db import Error, connection

from vrabec.hypervisor.reader import Readers
from vrabec.inventory.turns import Turns
from vrabec.inventory.watch import HostWatch
from vrabec.inventory.writer import Writer
from vrabec.lib.heartbeat import beat
from vrabec.models.changes import heartbeat_of
from vrabec.models.hosts import Host
from vrabec.services.balance_clock import queue_due_balances
from vrabec.services.baselines import due
from vrabec.services.grant_clock import end_grants
from vrabec.services.history import forget_deleted
from vrabec.services.lease_clock import end_leases
from vrabec.services.lease_mail import write_lease_mail
from vrabec.services.screens import take_wanted
from vrabec.services.sessions import forget_expired

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
TIDY_SECONDS = 3600.0
FIRST_TIDY_SECONDS = 60.0
"""After the start: the hosts come first."""
CLOCK_SECONDS = 5.0
LEASE_SECONDS = 60.0


class Fleet(Thread):
    """The thread that starts and stops the watches."""

    def __init__(self) -> None:
        super().__init__(name="fleet", daemon=True)
        self._stopping = Event()
        self._writer = Writer()
        self._turns = Turns()
        self._readers = Readers()
        self._watches: dict[int, HostWatch] = {}
        self._next_clock = self._next_lease = time.monotonic()
        self._next_tidy = self._next_clock + FIRST_TIDY_SECONDS

    def run(self) -> None:
        """Follow the table until stopped."""
        self._writer.start()
        while not self._stopping.is_set():
            if (
                self._writer.is_alive()
            ):  # else it hears the hosts and keeps nothing: doctor says that it stands
                beat(heartbeat_of("inventory"))
            try:
                self._follow()
                self._tidy()
                self._keep_time()
            except Error:
                logger.exception("the hosts could not be read")
                connection.close()
            self._stopping.wait(LOOK_SECONDS if self._watches else 0.2)
        for watch in self._watches.values():
            watch.stop()
        self._readers.end_idle(after_s=0)
        self._writer.stop()
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
            self._watches[host_id] = HostWatch(hosts[host_id], self._writer, self._turns, self._readers)
            self._watches[host_id].start()
        for watch in self._watches.values():
            watch.check_silence()
        self._readers.end_idle()
        for wanted in take_wanted():
            if wanted.host_id in self._watches:
                self._watches[wanted.host_id].guests.take_screen(wanted.uuid, wanted.vm_id)

    def _tidy(self) -> None:
        if time.monotonic() < self._next_tidy:
            return
        self._next_tidy = time.monotonic() + TIDY_SECONDS
        forget_expired()
        try:
            removed = forget_deleted()
        except OSError as error:
            logger.warning("old history of load could not be removed: %s", error)
            return
        if removed:
            logger.info("removed the history of %d machines that are gone", removed)

    def _keep_time(self) -> None:
        """What is done by the clock."""
        if time.monotonic() >= self._next_lease:
            self._next_lease = time.monotonic() + LEASE_SECONDS
            end_grants()
            end_leases()
            write_lease_mail()
        if time.monotonic() >= self._next_clock:
            self._next_clock = time.monotonic() + CLOCK_SECONDS
            queue_due_balances()
            for host in due(Host.objects.present().select_related("cluster")):
                if host.pk in self._watches:
                    self._watches[host.pk].baseline_due.set()
