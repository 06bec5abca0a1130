"""Takes the engine's lock, says "held" or "refused", and holds it until its input ends. For test_engine_lock.

Arguments: the run directory and the name of the database.
"""

import gc
import os
import sys

import django
from django.conf import settings


def main(run_dir: str, database: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "vrabec.config.settings"
    settings.VRABEC_RUN_DIR = run_dir
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    from vrabec.jobs.lock import EngineLock
    from vrabec.lib.errors import Conflict

    try:
        EngineLock().take()
    except Conflict:
        print("refused", flush=True)
        return
    gc.collect()
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
