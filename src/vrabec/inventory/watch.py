"""Watches one host: connects, hears its events, looks at what changed, and writes the facts.

One thread, one connection, one call in flight (design: two in flight to a hung host end in a crash).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread

from django.db import Error, connection

from vrabec.hypervisor import connection as door
from vrabec.hypervisor import domains, events, facts, stats, storage
from vrabec.hypervisor.connection import HostConnection
from vrabec.hypervisor.reader import Readers
from vrabec.hypervisor.spec import DomainFacts, DomainState, Event, EventKind, Sample, Standing
from vrabec.inventory.baseline import work_out
from vrabec.inventory.guests import Guests
from vrabec.inventory.load import Loads
from vrabec.inventory.pools import PoolLooks
from vrabec.inventory.rows import Found, Looked, Rows, see
from vrabec.inventory.turns import Turns
from vrabec.inventory.writer import Writer
from vrabec.lib.clock import now
from vrabec.lib.errors import NotFound, Unavailable, VrabecError
from vrabec.models.hosts import POOL, Host, HostState
from vrabec.services.facts import write_host
from vrabec.services.ways import uri_of

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 10.0
RESYNC_SECONDS = 300.0
UNREACHABLE_SECONDS = 5.0
TURN_SECONDS = 1.0
"""A host that keeps us waiting for so long loses its turn."""
BACK_OFF_SECONDS = (0.2, 1.0, 2.0, 5.0, 10.0)
MAX_EVENTS = 100
MAX_FRESH = 100
"""Looks that are written at once, while as many more are read: their XML is in memory until then."""
MAKINGS = ("defined", "undefined")
"""A machine that comes or goes has volumes, of which libvirt says nothing."""
GOLDEN = 0.618
"""Multiples of it lie evenly in any interval, however many there are."""
SCARCE = 0.1
"""A pool with less than this part free is looked at anew: others may have made room, unseen by libvirt."""


class HostWatch(Thread):
    """The thread of one host."""

    def __init__(self, host: Host, writer: Writer, turns: Turns, readers: Readers) -> None:
        super().__init__(name=f"watch {host.name}", daemon=True)
        self.host_id = host.pk
        self._writer = writer
        self._turns = turns
        self._readers = readers
        self.stopping = Flag()
        self.baseline_due = Flag()
        """The cluster's baseline is to be computed, soon."""
        self._host: HostConnection | None = None
        self._lost_at = time.monotonic()
        self._is_marked = False
        self._is_looked_at = False
        """What its machines show is from this connection: one that hung for a moment missed nothing."""
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._rows = Rows(host.pk)
        self._loads = Loads(writer)
        self._pools = PoolLooks(host.pk, self._way, writer)
        self.guests = Guests(host.pk, self._way, writer)

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
        self._pools.finish()
        connection.close()

    def stop(self) -> None:
        """End the thread soon."""
        self.stopping.set()
        self._pools.stop()
        self._events.put(None)

    def check_silence(self) -> None:
        """Called each second from outside: a host that keeps us waiting too long is shown unreachable.

        It answers again when the call that waited returns: a busy host may take its time.
        """
        host = self._host
        since = host.waiting_since if host else self._lost_at
        silent_s = time.monotonic() - since if since is not None else 0.0
        if silent_s > TURN_SECONDS:
            self._turns.pass_on(self)
        if silent_s > UNREACHABLE_SECONDS:
            self._mark_silent()
        elif self._is_marked and self._is_looked_at and host and host.is_alive():
            self._is_marked = False
            write_host(self.host_id, HostState.ONLINE, reason="")

    def _way(self) -> str:
        """Asked at each connect: somebody may have confirmed another key."""
        return uri_of(Host.objects.get(pk=self.host_id))

    def _disconnected(self) -> None:
        self._is_looked_at = False
        if self._host is not None:
            self._lost_at = time.monotonic()  # first: another thread looks at both
            self._host = None

    def _follow(self, host: HostConnection) -> None:
        self._events = SimpleQueue()
        events.watch(host, self._events.put)
        self._resync(host, came_back=True)
        self._is_looked_at = True
        self._look_at_pool(host)
        next_sweep, next_resync = self._next(SWEEP_SECONDS), self._next(RESYNC_SECONDS)
        while not self.stopping.is_set():
            if self.baseline_due.is_set():
                self.baseline_due.clear()
                work_out(host, self.host_id)
            if time.monotonic() >= next_sweep:
                next_sweep = self._next(SWEEP_SECONDS)
                with self._turns.turn(self):
                    self._sweep(host)
            if time.monotonic() >= next_resync:
                next_resync = self._next(RESYNC_SECONDS)
                self._resync(host)
            self._hear(host, next_sweep - time.monotonic())

    def _next(self, period_s: float) -> float:
        """Each host has its own moment of a period: all at once would keep everything else waiting."""
        now = time.monotonic()
        return now + period_s - (now - self.host_id * period_s * GOLDEN) % period_s

    def _hear(self, host: HostConnection, seconds: float) -> None:
        """Wait for an event, and take what else has come: a machine that changed often is looked at once."""
        heard: list[Event | None] = []
        with suppress(Empty):
            heard.append(self._events.get(timeout=max(seconds, 0.0)))
            while len(heard) < MAX_EVENTS:
                heard.append(self._events.get_nowait())
        happened = [event for event in heard if event]
        closed = [event for event in happened if event.kind == EventKind.CLOSED]
        if closed:
            raise Unavailable("The connection was lost.", raw=closed[0].what)
        if any(event.kind == EventKind.POOL or event.what in MAKINGS for event in happened):
            self._pools.ask()
        machines = [event for event in happened if event.kind != EventKind.POOL]
        if machines and len(happened) == len(heard):
            self._look(host, machines)

    def _look(self, host: HostConnection, happened: list[Event]) -> None:
        """Events mark machines; what they are now is asked, so that events out of order do no harm."""
        more = {event.uuid for event in happened if event.what not in events.PAUSES}
        with self._turns.turn(self):
            asked_at = now()
            uuids = dict.fromkeys(event.uuid for event in happened)
            found: Found = {uuid: self._asked(host, uuid, paused=uuid not in more) for uuid in uuids}
        self._writer.do_together(see, Looked(self._rows, found, asked_at), rows=len(found))
        for event in happened:
            if isinstance(one := found[event.uuid], DomainFacts):
                self._take(event, one)
        for uuid, one in found.items():
            if isinstance(one, DomainFacts):
                self.guests.heed(uuid, self._rows.ids.get(uuid), one.agent_connected)

    def _asked(self, host: HostConnection, uuid: str, *, paused: bool) -> DomainFacts | DomainState | None:
        """What a machine is now; its state alone where it was paused or resumed, and is known."""
        if paused and uuid in self._rows.ids:
            state = domains.state_of(host, uuid)
            if state in (DomainState.RUNNING, DomainState.PAUSED):
                return state
        return _facts(host, uuid)

    def _take(self, event: Event, found: DomainFacts) -> None:
        """What an event says beyond how the machine is now."""
        if event.what == "stopped" and found.state in (DomainState.OFF, DomainState.HIBERNATED):
            # Still off: an event that waited until somebody started it again is no wish any more.
            self._rows.stopped(event.uuid, event.detail)
        if event.what == events.RESTARTED and found.state == DomainState.RUNNING:
            self._rows.restarted(event.uuid)

    def _resync(self, host: HostConnection, *, came_back: bool = False) -> None:
        """A look at the whole host, which reads and writes only what changed since the one before."""
        parts = _Parts(self._writer, self._rows)
        with self._turns.turn(self):
            standings, read = self._read(host, parts)
        parts.finish()
        for standing in standings:
            if standing.agent_connected or standing.uuid in read:
                self.guests.heed(standing.uuid, self._rows.ids.get(standing.uuid), standing.agent_connected)
            self._rows.check_autostart(standing)
        self._pools.ask()
        # Not before: an online host whose machines still show what they were before its silence would lie.
        self._write_host(host)
        if came_back:
            self._rows.keep_wishes(standings)

    def _read(self, host: HostConnection, parts: _Parts) -> tuple[list[Standing], set[str]]:
        """How all machines stand, and which of them were read; what is new goes into `parts`."""
        standings: list[Standing] = []
        read: set[str] = set()
        known = self._rows.known()
        for found in self._readers.looks(host, known):
            if isinstance(found, DomainFacts):
                parts.add(found.uuid, found)
                read.add(found.uuid)
            standings.append(Standing.of(found))
        for uuid in known.keys() - {one.uuid for one in standings}:
            parts.add(uuid, None)
        return standings, read

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
            offers=seen.offers.stored(),
        )

    def _sweep(self, host: HostConnection) -> None:
        self._pools.tend()
        self._loads.write(self._samples(host), self._rows.ids)
        self._look_at_pool(host)

    def _look_at_pool(self, host: HostConnection) -> None:
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
            if not self._events.empty():
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


class _Parts:
    """Looks on their way into the rows: while one part is written the next is read, and there are no more."""

    def __init__(self, writer: Writer, rows: Rows) -> None:
        self._writer = writer
        self._rows = rows
        self._asked_at = now()
        self._fresh: dict[str, DomainFacts | None] = {}
        self._answer: Future[None] | None = None

    def add(self, uuid: str, found: DomainFacts | None) -> None:
        """A machine as its host has it, None where it has none."""
        self._fresh[uuid] = found
        if len(self._fresh) == MAX_FRESH:
            self._hand_over()

    def finish(self) -> None:
        """All is written when this returns."""
        if self._fresh:
            self._hand_over()
        self._wait()

    def _hand_over(self) -> None:
        self._wait()
        looked = Looked(self._rows, self._fresh, self._asked_at)
        self._answer, self._fresh = self._writer.hand_over(see, looked, rows=len(looked.found)), {}

    def _wait(self) -> None:
        if self._answer:
            self._writer.wait_for(self._answer)
            self._answer = None


def _facts(host: HostConnection, uuid: str) -> DomainFacts | None:
    try:
        return domains.facts(host, uuid)
    except NotFound:  # gone between two questions
        return None
