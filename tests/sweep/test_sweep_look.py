"""Wherever Vrabec is killed while it looks at a host over ssh, it sees what is there and leaves nothing."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.waiting import wait_until
from tests.lab.fixtures import lab_host
from tests.lab.host import LabHost
from tests.lab.sshd import LabSshd
from tests.sweep.looks import Looks
from tests.sweep.sweep import sweep
from vrabec.lib import ssh

__all__ = ["lab_host"]


def processes(host: LabHost) -> Counter[str]:
    """What runs on the host."""
    return Counter(host.run("ps", "-eo", "comm=").splitlines())


@pytest.mark.lab
def test_a_kill_leaves_no_look_half_done(
    lab_host: LabHost, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    keys = tmp_path / "keys"
    ssh.ensure_key(keys)
    before = processes(lab_host)
    with LabSshd(lab_host, tmp_path / "sshd") as server:
        server.authorize(ssh.public_key(keys))
        report = sweep(Looks(server.uri(), lab_host.uri, server.fingerprint(), str(keys)))
        record_property("sweep", report.summary())
        print(report.summary())
        assert not report.bad, "\n".join(str(case) for case in report.bad[:5])
        # The session of a client that was killed ends by itself; the server stays.
        wait_until(lambda: processes(lab_host) - before == Counter(sshd=1), "no session is left", seconds=30)
    assert not report.missed
    assert not report.unswept
    assert len(report.cases) == 1 + len(report.points)
