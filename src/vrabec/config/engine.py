"""Entry point of the engine process: jobs and inventory. It and console load libvirt, web never does."""

from __future__ import annotations

import logging
import os
import signal
import sys
from types import FrameType

from vrabec.config.supervisor import die_with_parent

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
    from vrabec.workflows import register_all
    from vrabec.workflows.mail import Post

    EngineLock().take()
    if ids := link_rest():
        logger.warning("lines of the record had no link, and were linked: %s", ids)
    register_all()
    engine = Engine(settings.VRABEC_CONFIG.job_threads)
    fleet, post = Fleet(), Post()

    def stop(number: int, frame: FrameType | None) -> None:
        engine.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    fleet.start()
    if settings.VRABEC_CONFIG.mail_server:
        post.start()
    try:
        engine.run()
    finally:
        fleet.stop()
        post.stop()
    logger.info("the engine has stopped")


if __name__ == "__main__":
    os.nice(5)
    main(int(sys.argv[1]))
