"""The floor: the least that anybody must do to make these machines with libvirt's Python binding.

`python -m tests.bench.floor` reads an Order as JSON from a line of its input, prints "ready", begins at the
next line, and prints {"began_ns": CLOCK_MONOTONIC, "errors": [...]}. It knows nothing of Vrabec.
"""

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import libvirt


@dataclass(frozen=True)
class Parts:
    """One machine as libvirt wants it."""

    uuid: str
    disk_xml: str
    seed_xml: str
    seed_base64: str
    domain_xml: str
    volumes: tuple[str, ...]


@dataclass(frozen=True)
class Order:
    """What to do ("make" or "delete") with which machines, in how many threads."""

    verb: str
    uri: str
    pool: str
    threads: int
    machines: list[Parts]

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Order":
        """What `to_json` wrote."""
        given = json.loads(text)
        return Order(**given | {"machines": [Parts(**parts) for parts in given["machines"]]})


def make(raw: Any, pool: Any, parts: Parts) -> None:
    """Clone the disk, upload the seed, define, start."""
    pool.createXML(parts.disk_xml, 0)
    seed = pool.createXML(parts.seed_xml, 0)
    content = base64.b64decode(parts.seed_base64)
    stream = raw.newStream(0)
    seed.upload(stream, 0, len(content), 0)
    stream.sendAll(_reader(content), None)
    stream.finish()
    raw.defineXML(parts.domain_xml).create()


def delete(raw: Any, pool: Any, parts: Parts) -> None:
    """Power off, undefine, delete both volumes; what is not there was not made."""
    with _not_there_is_fine():
        raw.lookupByUUIDString(parts.uuid).destroy()
    with _not_there_is_fine():
        raw.lookupByUUIDString(parts.uuid).undefine()
    for name in parts.volumes:
        with _not_there_is_fine():
            pool.storageVolLookupByName(name).delete(0)


@contextmanager
def _not_there_is_fine() -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() not in _NOT_THERE:
            raise


_NOT_THERE = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_ERR_NO_STORAGE_VOL, libvirt.VIR_ERR_OPERATION_INVALID)
VERBS: dict[str, Callable[[Any, Any, Parts], None]] = {"make": make, "delete": delete}


def _reader(content: bytes) -> Callable[..., bytes]:
    left = memoryview(content)

    def read(_stream: Any, size: int, _opaque: None) -> bytes:
        nonlocal left
        piece, left = left[:size], left[size:]
        return bytes(piece)

    return read


class Work:
    """The machines of an order, taken by threads one after another."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._waiting: Iterator[Parts] = iter(order.machines)
        self._lock = threading.Lock()
        self.errors: list[str] = []

    def run(self) -> None:
        """Return when all is done."""
        threads = [threading.Thread(target=self._work) for _ in range(self._order.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        raw = libvirt.open(self._order.uri)
        pool = raw.storagePoolLookupByName(self._order.pool)
        while parts := self._next():
            self._do(raw, pool, parts)
        raw.close()

    def _do(self, raw: Any, pool: Any, parts: Parts) -> None:
        try:
            VERBS[self._order.verb](raw, pool, parts)
        except libvirt.libvirtError as error:
            self.errors.append(str(error))

    def _next(self) -> Parts | None:
        with self._lock:
            return next(self._waiting, None)


def main() -> None:
    """Wait for the order and for the word, then do it."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    work = Work(Order.from_json(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    began_ns = time.monotonic_ns()
    work.run()
    print(json.dumps({"began_ns": began_ns, "errors": work.errors}), flush=True)


if __name__ == "__main__":
    main()
