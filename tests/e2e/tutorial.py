"""Does the tutorial as its reader does: every command word by word, every click that its text names.

usage: scripts/try-tutorial [bookworm|trixie]. What a command prints is compared with what the tutorial says,
where "…" is anything within a line and a line of "…" any lines. `ACTS` has a sentence of the text for each
thing done in the browser: a text that changes without them fails, and so does a name in italics beside them.
"""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.chromium import CHROMIUM, Person, launched
from tests.lab.debian import BareDebian, missing

TEXT = Path(__file__).parents[2] / "docs/tutorial/first-machine.md"
PASSWORD = "a sparrow on the wire"
COMMAND_SECONDS = 1500.0
PROMPT = re.compile(r": ?$")
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One command, and the lines that it prints."""

    words: str
    says: tuple[str, ...]

    @property
    def pattern(self) -> str:
        """What matches all that it prints."""
        lines = ("(?:.*\\n)*?" if line == "…" else f"{_line(line)}\\n" for line in self.says)
        return "".join(lines)


def _line(says: str) -> str:
    return re.escape(says.rstrip()).replace("…", ".*").replace("\\ ", " ").rstrip() + " *"


def commands(text: str) -> list[Command]:
    """The commands of all blocks, in order."""
    found: list[Command] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:], ()))
            else:
                found[-1] = Command(found[-1].words, (*found[-1].says, line))
    return found


class Reader:
    """Somebody at the machine, with a terminal and a browser."""

    def __init__(self, machine: BareDebian) -> None:
        self._machine = machine
        self._left = commands(TEXT.read_text())
        self.said = ""

    def type(self, words: str) -> None:
        """Type the tutorial's next command, which begins so, and compare what it prints."""
        command = self._left.pop(0)
        assert command.words.startswith(words), command
        prompts = any(PROMPT.search(line) for line in command.says)
        run = self._on_terminal if prompts else self._through_pipe
        self.said = run(command)
        assert re.fullmatch(command.pattern, f"{self.said.rstrip()}\n"), f"$ {command.words}\n{self.said}"

    def end(self) -> None:
        """Nothing of the text may be left."""
        assert self._left == []

    def _through_pipe(self, command: Command) -> str:
        return self._machine.shell(command.words, timeout_s=COMMAND_SECONDS)

    def _on_terminal(self, command: Command) -> str:
        """Answer each prompt as the tutorial does; a password is typed where it shows nothing after it."""
        terminal, theirs = pty.openpty()
        process = subprocess.Popen(
            self._machine.command("bash", "-c", command.words),
            stdin=theirs, stdout=theirs, stderr=theirs,
            env=self._machine.environment(), start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        said, prompts = "", [line for line in command.says if re.search(r": ?\S*$", line)]
        deadline = time.monotonic() + COMMAND_SECONDS
        while (read := _read(terminal)) is not None and time.monotonic() < deadline:
            said += read
            shown = said.rpartition("\n")[2]
            if prompts and PROMPT.search(shown) and prompts[0].startswith(shown.rstrip()):
                answer = prompts.pop(0)[len(shown.rstrip()) :].strip()
                os.write(terminal, (answer or PASSWORD).encode() + b"\n")
        os.close(terminal)
        assert process.wait(10) == 0, said
        return said.replace("\r\n", "\n")

    @contextmanager
    def browser(self) -> Iterator[Page]:
        """Chromium on the machine: in its network, trusting the certificate whose fingerprint was printed."""
        [url, path] = re.findall(r"^ +(https://[^/\s]+)(/sign-in/link/\S+)$", self.said, re.MULTILINE)[0]
        [printed] = re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", self.said)
        certificate = self._machine.root / "var/lib/vrabec/tls/certificate.pem"
        asked = "openssl x509 -noout -fingerprint -sha256 -in /var/lib/vrabec/tls/certificate.pem"
        assert self._machine.shell(asked).strip().endswith(printed)
        inside = self._machine.root / "srv/chromium"
        inside.write_text(f'#!/bin/sh\nexec nsenter --target={self._machine.pid} --net -- {CHROMIUM} "$@"\n')
        inside.chmod(0o755)
        with launched(certificate, str(inside)) as browser:
            person = Person(browser, url)
            yield person.open(path)
            assert person.complaints == []


def _read(terminal: int) -> str | None:
    """What the terminal shows next, "" while it shows nothing; None once nobody is there."""
    if not select.select([terminal], [], [], 0.2)[0]:
        return ""
    try:
        return os.read(terminal, 65536).decode(errors="replace") or None
    except OSError:  # EIO: the other side was closed
        return None


def sign_in(page: Page) -> None:
    """By the link."""
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("Once more").fill(PASSWORD)
    page.get_by_role("button", name="Set the password").click()


def look(page: Page) -> None:
    """The first machine, and its console."""
    page.locator("main .row-name", has_text="first").first.click()
    _is_up(page)
    page.locator(".tabs").get_by_role("link", name="Console").click()
    expect(page.locator("#console-state")).to_have_text("Connected")
    page.locator("#console-view canvas").click()


def make(page: Page) -> None:
    """The second one."""
    page.get_by_role("navigation", name="Places").locator('a[href="/"]').click()
    page.get_by_role("link", name="New machine").first.click()
    page.get_by_label("Name", exact=True).fill("second")
    page.get_by_role("button", name="Create machine").click()
    _is_up(page)


def shut_down(page: Page) -> None:
    """The second one; it is still on the page."""
    page.locator("#actions").get_by_role("button", name="Shut down", exact=True).click()
    expect(page.locator(".object-title [data-cell=state]")).to_contain_text("Off")


def delete(page: Page) -> None:
    """The second one, for ever."""
    page.locator("#actions summary").click()
    page.locator("#actions").get_by_text("Delete …", exact=True).click()
    page.get_by_label("Type second to delete it").fill("second")
    page.get_by_role("button", name="Delete second").click()
    expect(page.get_by_role("link", name="New machine").first).to_be_visible()


def _is_up(page: Page) -> None:
    expect(page.locator(".object-title [data-cell=state]")).to_contain_text("Running")
    expect(page.locator(".facts")).to_contain_text("Answers")


ACTS: tuple[tuple[str, Callable[[Page], None] | str], ...] = (
    ("Press *Sign in*; the link works once. Choose a password, type it under *New password* and *Once more*, "
     "and press *Set the password*.", sign_in),
    ("Open *first*: it is *Running*, and under *Facts* its guest agent *Answers*. *Console* shows its "
     "screen. It is *Connected*: click into it, type, and the guest hears you.", look),
    ("Press *Machines*, then *New machine*. Type `second` under *Name* and press *Create machine*. The state "
     "goes over *Creating* and *Starting* to *Running* by itself, and the guest agent *Answers* when the "
     "guest is up.", make),
    ("$ vrabec login", "vrabec login"),
    ("$ vrabec vm create", "vrabec vm create"),
    ("$ vrabec vm list", "vrabec vm list"),
    ("$ sudo virsh", "sudo virsh"),
    ("*Shut down*, on the page of `second`, asks the guest; the machine is *Off* a moment later.", shut_down),
    ("*Delete …*, under *More*, takes the disk, too, and asks for the name first: type it and press "
     "*Delete second*.", delete),
    ("$ vrabec vm shutdown", "vrabec vm shutdown"),
    ("$ vrabec vm delete", "vrabec vm delete"),
)  # fmt: skip
"""What follows the quickstart, in the text's order: its words, and what is clicked or typed."""


def check_text() -> None:
    """Every act stands in the text, in this order, and nothing in italics stands outside of an act."""
    text = " ".join(TEXT.read_text().split())
    at = 0
    for words, _ in ACTS:
        assert words in text[at:], f"the tutorial does not say: {words}"
        at = text.index(words, at)
        text = text.replace(words, words.replace("*", ""), 1)
    assert re.findall(r"(?<![*\w])\*[^*]+\*(?![*\w])", text) == []


def go_on(reader: Reader) -> None:
    """All that follows the quickstart."""
    check_text()
    with reader.browser() as page:
        for _, act in ACTS:
            if isinstance(act, str):
                reader.type(act)
            else:
                act(page)
    reader.end()


def main(suite: str = "trixie") -> None:
    """All of it, on a machine of its own."""
    if reason := missing():
        sys.exit(f"try-tutorial: {reason}")
    with BareDebian(suite, systemd=True) as machine:
        reader = Reader(machine)
        reader.type("sudo scripts/quickstart")
        print(reader.said)
        go_on(reader)
    print(f"try-tutorial: every word holds on Debian {suite}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
