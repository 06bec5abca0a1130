"""How a command of the person who runs Vrabec becomes a process of Vrabec: its settings, its user, Django."""

from __future__ import annotations

import os
import pwd
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vrabec.config.files import Config, config_path, read_config
from vrabec.lib.errors import Unavailable, VrabecError


def config_as_owner() -> Config:
    """The settings, as the user who may write the data."""
    config = read_config(config_path())
    if (uid := owner_of(config.data_dir)) is not None:
        _become(uid)
    return config


def owner_of(data_dir: str) -> int | None:
    """Whose data this is, when it is not root's and root asks: a file of root's there would lock it out."""
    if os.geteuid() != 0 or not os.path.isdir(data_dir):
        return None
    return os.stat(data_dir).st_uid or None


def _become(uid: int) -> None:
    person = pwd.getpwuid(uid)
    os.initgroups(person.pw_name, person.pw_gid)
    os.setgid(person.pw_gid)
    os.setuid(person.pw_uid)
    os.environ["HOME"] = person.pw_dir


def set_up_django() -> None:
    """Django with our settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vrabec.config.settings")
    import django

    django.setup()


def in_child(work: Callable[[], None]) -> None:
    """Do `work` in a process of its own, which may give root up while this one keeps it; exits as it does.

    Files that are open here are open there.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os._exit(_code_of(work))
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except KeyboardInterrupt:  # the terminal tells both; the child must not outlive what it writes to
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    if code:
        raise SystemExit(max(code, 1))


def _code_of(work: Callable[[], None]) -> int:
    try:
        work()
    except VrabecError as error:
        click.echo(f"vrabecd: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        return 130
    except BaseException:  # noqa: BLE001 - the edge: what is raised must not go on in a second parent
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


@contextmanager
def plain_faults(doing: str) -> Iterator[None]:
    """What disk and database refuse, as one sentence: `doing` is "The backup was not made"."""
    from django.db import Error

    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise Unavailable(
            "%(doing)s: %(why)s%(where)s.", doing=doing, why=error.strerror, where=where
        ) from error
    except Error as error:
        why = str(error).strip().splitlines()[0]
        raise Unavailable("%(doing)s: the database says: %(why)s.", doing=doing, why=why) from error


@contextmanager
def run_dir_of(config: Config) -> Iterator[None]:
    """The run directory, where systemd makes it only for the service: made for the owner, and removed."""
    folder = Path(config.run_dir)
    if folder.is_dir():
        yield
        return
    folder.mkdir(mode=0o700, parents=True)
    if (uid := owner_of(config.data_dir)) is not None:
        os.chown(folder, uid, -1)
    try:
        yield
    finally:
        for left in folder.iterdir():
            left.unlink()
        folder.rmdir()
