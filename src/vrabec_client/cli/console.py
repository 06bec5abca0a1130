"""vrabec vm console: a machine's serial line in this terminal."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from vrabec_client.cli.app import App, Command, pass_app
from vrabec_client.cli.vms import vm_argument

if TYPE_CHECKING:
    from vrabec_client.line import Line

LEAVE = b"\x1d"
"""Ctrl-], as telnet and virsh have it."""
_READ_BYTES = 4096


@click.command(cls=Command)
@vm_argument
@click.option("--take", is_flag=True, help="Take it from whoever has it open.")
@pass_app
def console(app: App, name: str, take: bool) -> None:
    """Type on a machine's serial console in this terminal; Ctrl-] leaves it."""
    if not sys.stdin.isatty():
        raise click.UsageError("A console needs a terminal to be typed on.")
    from vrabec_client.line import Line  # the WebSocket library is loaded by this command alone

    found = app.client.find_vm(name)
    with Line(app.client, found["id"], take=take) as line:
        app.say(f"The serial console of {found['name']}. Ctrl-] leaves it; Enter wakes it.")
        with _raw(sys.stdin.fileno()):
            _join(line)
    app.say("")


def _join(line: Line) -> None:
    """Until Ctrl-] is typed or the console ends. Raises what ended it."""
    threading.Thread(target=_type, args=[line], daemon=True).start()
    for shown in line.received():
        sys.stdout.buffer.write(shown)
        sys.stdout.buffer.flush()


def _type(line: Line) -> None:
    while typed := os.read(sys.stdin.fileno(), _READ_BYTES):
        before, leave, _ = typed.partition(LEAVE)
        line.send(before)
        if leave:
            break
    line.close()


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Keys go through as they are pressed, Ctrl-C too."""
    before = termios.tcgetattr(terminal)
    tty.setraw(terminal)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
