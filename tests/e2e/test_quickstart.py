"""scripts/quickstart on a bare Debian, from nothing to a machine that answers, and back to nothing.

The tests of this file share a machine and run in their order; the last one removes Vrabec.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.e2e.tutorial import Reader, go_on
from tests.lab.debian import BareDebian, missing
from tests.lab.try_debian import until

INSTALL_SECONDS = 1500
VRABEC = 'VRABEC_URL=https://127.0.0.1:8443 VRABEC_TOKEN="{token}" VRABEC_FINGERPRINT={fingerprint} vrabec '
FETCH = """\
import re, ssl, urllib.request
def fetch(path):
    answer = urllib.request.urlopen("https://127.0.0.1:8443" + path, context=ssl._create_unverified_context())
    return answer.read().decode()
page = fetch("{path}")
for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
    assert fetch(path), path
print(page)
"""


class Installed(NamedTuple):
    """A machine on which the quickstart ran, and what it said; on one a reader of the tutorial did."""

    machine: BareDebian
    output: str
    reader: Reader | None = None

    def link(self) -> str:
        """The path of the sign-in link."""
        return re.findall(r"https://[^/\s]+(/sign-in/link/\S+)", self.output)[0]

    def fingerprint(self) -> str:
        """The certificate's."""
        return re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", self.output)[0]

    def fetch(self, path: str) -> str:
        """A page with its static files, as somebody on the machine gets it."""
        return self.machine.run("/opt/vrabec/venv/bin/python", "-c", FETCH.replace("{path}", path))

    def vrabec(self, words: str) -> str:
        """Run the vrabec command as the administrator."""
        inside = "runuser -u vrabec -- /opt/vrabec/venv/bin/python -m vrabec.config.quickstart.inside token"
        begin = VRABEC.format(token=f"$({inside})", fingerprint=self.fingerprint())
        return self.machine.shell(begin + words, timeout_s=300)

    def machines(self) -> list[str]:
        """Machines that run, as libvirt says."""
        return self.machine.shell("virsh -q -c qemu:///system list --name").split()


@pytest.fixture(
    scope="module",
    params=[("bookworm", False), ("trixie", True)],
    ids=["bookworm without systemd", "trixie with systemd"],
)
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    """A bare Debian on which the quickstart has run."""
    if reason := missing():
        pytest.skip(reason)
    suite, systemd = request.param
    with BareDebian(suite, systemd=systemd) as machine:
        if systemd:
            reader = Reader(machine)
            reader.type("sudo scripts/quickstart")
            yield Installed(machine, reader.said, reader)
            return
        output = machine.run("scripts/quickstart", timeout_s=INSTALL_SECONDS, check=False)
        if "Vrabec is ready" not in output:
            pytest.fail(output + machine.shell("tail -n 60 /var/log/vrabec/*", check=False))
        yield Installed(machine, output)


def test_the_tutorial_works_word_by_word(installed: Installed) -> None:
    if installed.reader is None:
        pytest.skip("the tutorial is done with systemd")
    go_on(installed.reader)


def test_every_step_says_how_long_it_took(
    installed: Installed, record_property: Callable[[str, object], None]
) -> None:
    steps = re.findall(r"^\[(\d)/9\] (.{40}) +([\d.]+) s", installed.output, re.MULTILINE)
    for number, title, seconds in steps:
        record_property(f"step {number}: {title.strip()}", seconds)
    assert [int(number) for number, _, _ in steps] == list(range(1, 10))


def test_the_first_machine_answers(installed: Installed) -> None:
    assert re.search(r"Machine first answers at 192\.168\.122\.\d+", installed.output)
    assert installed.machines() == ["main.first"]


def test_the_link_opens_a_page_with_its_style(installed: Installed) -> None:
    page = installed.fetch(installed.link())
    assert "<form" in page
    assert "/static/" in page


def test_the_fingerprint_is_that_of_the_certificate(installed: Installed) -> None:
    assert "first" in installed.vrabec("vm list")


def test_doctor_finds_nothing_broken(installed: Installed) -> None:
    assert installed.machine.run("vrabecd", "doctor").endswith("All is well.\n")


def test_what_root_does_with_vrabecd_locks_nobody_out(installed: Installed) -> None:
    assert "/sign-in/link/" in installed.machine.run("vrabecd", "create-admin", "ada")
    installed.machine.run("vrabecd", "backup", "/root/backup.tar.gz")
    assert installed.machine.run("stat", "-c", "%U %a", "/root/backup.tar.gz").strip() == "root 600"
    assert installed.machine.run("find", "/var/lib/vrabec", "!", "-user", "vrabec") == ""


def test_no_secret_is_in_the_log(installed: Installed) -> None:
    logs = installed.machine.shell("cat /var/log/vrabec/*")
    assert "/sign-in/link/" not in logs
    assert not re.search(r"vrabec_[A-Za-z0-9_-]{20,}", logs)


def test_a_second_run_keeps_all_and_gives_a_fresh_link(installed: Installed) -> None:
    before = installed.machine.shell("cat /opt/vrabec/made.json; virsh -c qemu:///system domuuid main.first")
    again = Installed(installed.machine, installed.machine.run("scripts/quickstart", timeout_s=300))
    after = installed.machine.shell("cat /opt/vrabec/made.json; virsh -c qemu:///system domuuid main.first")
    assert after == before
    assert again.link() != installed.link()
    assert again.fingerprint() == installed.fingerprint()


def test_it_stops_without_its_machines_and_starts_without_its_source(installed: Installed) -> None:
    assert "machines go on" in installed.machine.run("/opt/vrabec/quickstart", "--stop")
    assert "Vrabec does not run" in installed.machine.run("vrabecd", "doctor")
    assert installed.machines() == ["main.first"]
    assert "Vrabec is ready" in installed.machine.run("/opt/vrabec/quickstart", timeout_s=300)


def test_what_ends_with_the_host_runs_again_with_it(installed: Installed) -> None:
    if installed.reader is None:
        pytest.skip("libvirt-guests needs systemd")
    shell = installed.machine.shell
    # in this order: systemctl asks for one after the other, and a stop that has begun waits for nobody
    shell("systemctl stop vrabec libvirt-guests", timeout_s=300)
    assert installed.machines() == []
    shell("systemctl stop libvirtd")  # which then does not know any more why they ended
    last = shell("systemctl show vrabec -P InactiveEnterTimestampMonotonic")
    assert int(last) < int(shell("systemctl show libvirt-guests -P ActiveExitTimestampMonotonic"))
    shell("systemctl start libvirt-guests vrabec")
    until(lambda: installed.machines() == ["main.first"], "first runs again", 120)


def test_machines_of_people_are_not_removed_unasked(installed: Installed) -> None:
    installed.vrabec("vm create web-1 --wait")
    output = installed.machine.run("/opt/vrabec/quickstart", "--remove", check=False)
    assert "main.web-1" in output
    assert "Nothing was removed" in output
    assert sorted(installed.machines()) == ["main.first", "main.web-1"]
    assert installed.machine.run("vrabecd", "doctor").endswith("All is well.\n")


def test_a_removal_leaves_only_packages(installed: Installed) -> None:
    output = installed.machine.run("/opt/vrabec/quickstart", "--remove", "--with-machines", timeout_s=120)
    assert "Vrabec is removed" in output
    assert "qemu-system-x86" in output
    # What is kept of a sign-in is the reader's own.
    kept = "-path /srv -prune -o -path /root/.config/vrabec -prune"
    left = f"find / /run -xdev {kept} -o -path '*vrabec*' -print -o -path '*main.[fw]*' -print"
    assert installed.machine.shell(left).splitlines() == []
    assert installed.machine.shell("getent passwd vrabec; getent group vrabec", check=False) == ""
    assert installed.machine.shell("ls /var/lib/libvirt/images /etc/libvirt/qemu/networks/autostart") == (
        "/etc/libvirt/qemu/networks/autostart:\n\n/var/lib/libvirt/images:\n"
    )
    running = installed.machine.shell("cat /proc/[0-9]*/comm").split()
    assert not {"vrabecd", "qemu-system-x86", "dnsmasq"} & set(running)


def test_without_a_network_it_says_what_to_do() -> None:
    if reason := missing():
        pytest.skip(reason)
    with BareDebian("bookworm", network=False) as machine:
        output = machine.run("scripts/quickstart", timeout_s=600, check=False)
    assert re.search(r"^\[1/9\] Debian packages +failed$", output, re.MULTILINE)
    assert "check network and /etc/apt, then run this again" in output
    assert "/var/log/vrabec/quickstart.log" in output
