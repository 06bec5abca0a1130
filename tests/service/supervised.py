"""A supervisor and what it supervises, for test_supervisor: each writes down what it sees.

Without arguments it supervises two processes of this module, each of which gets its parent's pid as argument.
"""

import os
import signal
import sys
import time
from pathlib import Path

from vrabec.config import supervisor


def supervise() -> int:
    """Two processes; with SUPERVISED_FLAKY, the first start of one of them fails."""
    supervisor.RESTART_SECONDS = (0.01,)
    supervisor.STOP_SECONDS = 0.5
    supervisor.LOOK_SECONDS = 0.2
    start = supervisor.module("tests.service.supervised")
    failures = [OSError("no memory")] if "SUPERVISED_FLAKY" in os.environ else []

    def flaky() -> int:
        if failures:
            raise failures.pop()
        return start()

    return supervisor.Supervisor({"a": flaky, "b": start}).run()


def work(parent: int) -> None:
    """Write down the birth and the signal to end; with SUPERVISED_STUBBORN, take no notice of it."""
    supervisor.die_with_parent(parent)
    signal.signal(signal.SIGTERM, _end)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    _write("born blocked" if blocked else "born")
    while True:
        time.sleep(60)


def _end(number: int, frame: object) -> None:
    _write("asked")
    if "SUPERVISED_STUBBORN" not in os.environ:
        os._exit(0)


def _write(what: str) -> None:
    with Path(os.environ["SUPERVISED_LOG"]).open("a") as log:
        log.write(f"{os.getpid()} {what}\n")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(supervise())
    work(int(sys.argv[1]))
