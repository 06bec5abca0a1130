"""Entry point of the console process: screens and serial lines. It needs no database and loads no Django."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from vrabec.config.files import config_path, read_config
from vrabec.config.supervisor import die_with_parent
from vrabec.consoles.server import Server
from vrabec.lib.logs import handler
from vrabec.lib.tunnel import socket_in


def main(parent: int) -> None:
    """Serve consoles until SIGTERM."""
    die_with_parent(parent)
    logging.basicConfig(level=logging.INFO, handlers=[handler(sys.stderr, os.environ)])
    asyncio.run(run(read_config(config_path()).run_dir))


async def run(run_dir: str) -> None:
    """Serve on the socket in `run_dir`."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    await Server(socket_in(run_dir)).run(stop)


if __name__ == "__main__":
    main(int(sys.argv[1]))
