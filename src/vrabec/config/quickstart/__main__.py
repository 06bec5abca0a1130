"""Called by scripts/quickstart, as root: up, stop or remove."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import click

from vrabec.config.quickstart import service
from vrabec.config.quickstart.say import LOG, Failed, log, say
from vrabec.lib.errors import VrabecError
from vrabec_client import VrabecError as ClientError


@click.group()
def quickstart() -> None:
    """The second half of scripts/quickstart."""


@quickstart.command()
@click.option("--port", type=click.IntRange(1024, 65535))
@click.option("--name", default="")
@click.option("--began", type=float, required=True)
def up(port: int | None, name: str, began: float) -> None:
    """Do steps 3 to 9."""
    from vrabec.config.quickstart.up import up as install

    _guarded(lambda: install(port, name, began))


@quickstart.command()
def stop() -> None:
    """Stop Vrabec."""
    _guarded(service.stop)


@quickstart.command()
@click.option("--with-machines", is_flag=True)
def remove(with_machines: bool) -> None:
    """Remove Vrabec."""
    from vrabec.config.quickstart.remove import remove as take_away

    _guarded(lambda: take_away(with_machines=with_machines))


def _guarded(action: Callable[[], None]) -> None:
    """Run `action`; what goes wrong on purpose is one sentence, with the log for the rest."""
    os.umask(0o022)
    try:
        action()
    except (Failed, VrabecError, ClientError) as error:
        log(f"{error} {getattr(error, 'raw', '')}")
        say(f"\n{error}\nDetails: {LOG}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("\nStopped. Run it again to go on, or with --remove to take back what was done.")
        sys.exit(130)


if __name__ == "__main__":
    quickstart.main()
