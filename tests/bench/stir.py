"""`python -m tests.bench.stir EVENTS_A_SECOND URI...`: somebody who pauses and resumes machines until killed.

It prints "began" once all hosts are connected. Each act is one lifecycle event of its host.
"""

import itertools
import sys
import time
from contextlib import suppress

import libvirt


def stir(events_s: float, uris: list[str]) -> None:
    """Pause a running machine of each host in turn, and resume it the next time round."""
    libvirt.registerErrorHandler(lambda context, error: None, None)
    raws = [libvirt.open(uri) for uri in uris]
    running = [raw.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING) for raw in raws]
    print("began", flush=True)
    due = time.monotonic()
    for turn in itertools.count():
        for domains in filter(None, running):
            domain = domains[turn // 2 % len(domains)]
            with suppress(libvirt.libvirtError):  # others pause and resume, too
                if turn % 2:
                    domain.resume()
                else:
                    domain.suspend()
            due += 1 / events_s
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    stir(float(sys.argv[1]), sys.argv[2:])
