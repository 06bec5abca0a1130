"""Entry point of the engine process: jobs and inventory. It and console load libvirt, web never does."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from vrabec.config.supervisor import die_with_parent

if TYPE_CHECKING:
    from vrabec.config.files import Config

logger = logging.getLogger(__name__)


def main(parent: int) -> None:
    """Run the engine until SIGTERM."""
    die_with_parent(parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vrabec.config.settings")
    import django

    django.setup()
    run()


def run() -> None:
    """Take the lock, then run jobs and watch hosts; Django is set up already."""
    from django.conf import settings

    from vrabec.inventory.fleet import Fleet
    from vrabec.jobs.engine import Engine
    from vrabec.jobs.lock import EngineLock
    from vrabec.services.chain import link_rest
    from vrabec.services.links import linked_beside
    from vrabec.workflows import register_all

    EngineLock().take()
    if ids := link_rest():
        logger.warning("lines of the record had no link, and were linked: %s", ids)
    register_all()
    engine = Engine(settings.VRABEC_CONFIG.job_threads)
    fleet = Fleet()

    def stop(number: int, frame: FrameType | None) -> None:
        engine.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fleet.start()
    try:
        with linked_beside(), beside(settings.VRABEC_CONFIG):
            engine.run()
    finally:
        fleet.stop()
    logger.info("the engine has stopped")


@contextmanager
def beside(config: Config) -> Iterator[None]:
    """What runs beside the jobs where the settings ask for it: mail is sent, the directory is asked."""
    with ExitStack() as stack:
        if config.ldap_url:
            from vrabec.config.directory_rounds import Rounds

            Rounds().start()
        if config.mail_server:
            from vrabec.workflows.mail import Post

            post = Post()
            post.start()
            stack.callback(post.stop)
        yield


if __name__ == "__main__":
    os.nice(5)
    main(int(sys.argv[1]))
