"""Watches one host: connects, hears its events, looks at what changed, and writes the facts.

One thread, one connection, one call in flight (design: two in flight to a hung host end in a crash).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread

from django.db import Error, connection

from vrabec.hypervisor import connection as door
from vrabec.hypervisor import events, facts, lifecycle, stats, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.spec import DomainState, Event, EventKind, Sample
from vrabec.inventory.guests import Guests
from vrabec.inventory.load import Loads
from vrabec.inventory.rows import Rows
from vrabec.lib.errors import NotFound, Unavailable, VrabecError
from vrabec.models.hosts import POOL, Host, HostState
from vrabec.services.facts import write_host
from vrabec.services.ways import uri_of

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 10.0
RESYNC_SECONDS = 300.0
UNREACHABLE_SECONDS = 5.0
BACK_OFF_SECONDS = (0.2, 1.0, 2.0, 5.0, 10.0)
SCARCE = 0.1
"""A pool with less than this part free is looked at anew: others may have made room, unseen by libvirt."""


class HostWatch(Thread):
    """The thread of one host."""

    def __init__(self, host: Host) -> None:
        super().__init__(name=f"watch {host.name}", daemon=True)
        self.host_id = host.pk
        self.stopping = Flag()
        self._host: HostConnection | None = None
        self._lost_at = time.monotonic()
        self._is_marked = False
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._rows = Rows(host.pk)
        self._loads = Loads()
        self.guests = Guests(host.pk, self._way)

    def run(self) -> None:
        """Watch until stopped; an unreachable host is tried again with growing pauses."""
        failures = 0
        self.guests.start()
        while not self.stopping.is_set():
            try:
                with door.open_host(self._way()) as self._host:
                    failures = 0
                    self._follow(self._host)
            except VrabecError as error:
                self._lost(error)
            except Error:
                logger.exception("facts of host %s could not be written", self.host_id)
                connection.close()
            self._disconnected()
            self.stopping.wait(BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS) - 1)])
            failures += 1
        self.guests.stop()
        connection.close()

    def stop(self) -> None:
        """End the thread soon."""
        self.stopping.set()
        self._events.put(None)

    def check_silence(self) -> None:
        """Called each second from outside: a host that keeps us waiting too long is shown unreachable.

        It answers again when the call that waited returns: a busy host may take its time.
        """
        host = self._host
        since = host.calling_since if host else self._lost_at
        if since is not None and time.monotonic() - since > UNREACHABLE_SECONDS:
            self._mark_silent()
        elif self._is_marked and host and host.is_alive():
            self._is_marked = False
            write_host(self.host_id, HostState.ONLINE, reason="")

    def _way(self) -> str:
        """Asked at each connect: somebody may have confirmed another key."""
        return uri_of(Host.objects.get(pk=self.host_id))

    def _disconnected(self) -> None:
        if self._host is not None:
            self._lost_at = time.monotonic()  # first: another thread looks at both
            self._host = None

    def _follow(self, host: HostConnection) -> None:
        self._events = SimpleQueue()
        events.watch(host, self._events.put)
        self._resync(host, came_back=True)
        next_sweep = next_resync = time.monotonic()
        next_resync += RESYNC_SECONDS
        while not self.stopping.is_set():
            if time.monotonic() >= next_sweep:
                next_sweep = time.monotonic() + SWEEP_SECONDS
                self._sweep(host)
            if time.monotonic() >= next_resync:
                next_resync = time.monotonic() + RESYNC_SECONDS
                self._resync(host)
            self._hear(host, next_sweep - time.monotonic())

    def _hear(self, host: HostConnection, seconds: float) -> None:
        try:
            event = self._events.get(timeout=max(seconds, 0.0))
        except Empty:
            return
        if event is None:
            return
        if event.kind == EventKind.CLOSED:
            raise Unavailable("The connection was lost.", raw=event.what)
        self._look(host, event)

    def _look(self, host: HostConnection, event: Event) -> None:
        """An event marks a machine; what it is now is asked, so that events out of order do no harm."""
        try:
            found = lifecycle.facts(host, event.uuid)
        except NotFound:
            found = None
        vm_id = self._rows.saw(event.uuid, found)
        if event.what == "stopped" and found and found.state in (DomainState.OFF, DomainState.HIBERNATED):
            # Still off: an event that waited until somebody started it again is no wish any more.
            self._rows.stopped(event.uuid, event.detail)
        if event.what == events.RESTARTED and found and found.state == DomainState.RUNNING:
            self._rows.restarted(event.uuid)
        if vm_id and found:
            self.guests.heed(event.uuid, vm_id, found.agent_connected)

    def _resync(self, host: HostConnection, *, came_back: bool = False) -> None:
        present = {found.uuid: found for found in lifecycle.all_facts(host)}
        for found in present.values():
            vm_id = self._rows.saw(found.uuid, found)
            self.guests.heed(found.uuid, vm_id, found.agent_connected)
            self._rows.check_autostart(found)
        self._rows.vanished(present.keys())
        # Not before: an online host whose machines still show what they were before its silence would lie.
        self._write_host(host)
        if came_back:
            for found in present.values():
                self._rows.keep_wish(found)

    def _write_host(self, host: HostConnection) -> None:
        seen = facts.host_facts(host)
        write_host(
            self.host_id,
            HostState.ONLINE,
            reason="",
            hostname=seen.hostname,
            arch=seen.arch,
            cpus=seen.cpus,
            memory_mib=seen.memory_mib,
            libvirt_version=seen.libvirt_version,
            hypervisor_version=seen.hypervisor_version,
            networks=list(seen.networks),
        )

    def _sweep(self, host: HostConnection) -> None:
        self._loads.write(self._samples(host), self._rows.ids)
        try:
            pool = storage.pool_info(host, POOL)
            if pool.available_mib < SCARCE * pool.capacity_mib:
                pool = storage.pool_info(host, POOL, refresh=True)
        except VrabecError:
            return  # no pool yet: the host's own job makes it
        write_host(self.host_id, pool_free_mib=pool.available_mib, pool_total_mib=pool.capacity_mib)

    def _samples(self, host: HostConnection) -> Iterator[Sample]:
        """Counters of all machines; events that come meanwhile do not wait for the last of them."""
        for sample in stats.samples(host):
            yield sample
            self._hear(host, 0)

    def _lost(self, error: VrabecError) -> None:
        without_s = 0.0 if self._host else time.monotonic() - self._lost_at
        if without_s > UNREACHABLE_SECONDS or not isinstance(error, Unavailable):
            self._is_marked = True  # also where the silence was noticed before: this says why
            write_host(self.host_id, HostState.UNREACHABLE, reason=error.message)
        logger.info("host %s: %s", self.host_id, error.message)

    def _mark_silent(self) -> None:
        self._is_marked = True
        if Host.objects.filter(pk=self.host_id).exclude(state=HostState.UNREACHABLE).exists():
            write_host(self.host_id, HostState.UNREACHABLE, reason="It does not answer.")
