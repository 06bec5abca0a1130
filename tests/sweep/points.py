"""Kill points: where they are, what they are called, and who is told when one is reached.

A point is named by the step it belongs to, the call and its side ("before", "after"), and counted per name:
the third time is the same in every run, whatever other threads do in between.
"""

import functools
import importlib
import inspect
import re
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from vrabec.jobs import run, store
from vrabec.jobs.plans import STEPS, Step
from vrabec.models.jobs import Job, JobState

ENGINE = "engine"
"""The step of what belongs to none: the claim, the pauses, the end."""
_WRITES = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')


@dataclass(frozen=True)
class Point:
    """The `count`-th time that `side` of `call` is reached in `step`."""

    step: str
    call: str
    side: str
    count: int

    def __str__(self) -> str:
        times = f" ({self.count})" if self.count > 1 else ""
        return f"{self.step}: {self.side} {self.call}{times}"


class Points:
    """Tells `reached` of every point that the engine's own thread or a thread of its jobs comes to."""

    def __init__(self, reached: Callable[[Point], None]) -> None:
        self._reached = reached
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()
        self._local = threading.local()

    def install(self, modules: tuple[str, ...]) -> None:
        """Put the points into the engine, the database and the host's modules, for ever in this process."""
        store.write = self._write(store.write)
        store.claim = self._commit(store.claim, "claim")
        store.refuse = self._commit(store.refuse, "refuse")
        store.log = self._commit(store.log, "log")
        run.STEPS = _Labelled(self.labelled)
        connection_created.connect(self._connected, weak=False)
        BaseDatabaseWrapper.commit = self._call(BaseDatabaseWrapper.commit, "COMMIT")
        for name in modules:
            self._wrap_module(importlib.import_module(name))

    @contextmanager
    def around(self, call: str, step: str = "") -> Iterator[None]:
        """The points before and after what the body does, also when it fails."""
        step = step or getattr(self._local, "step", ENGINE)
        self._reach(step, call, "before")
        try:
            yield
        finally:
            self._reach(step, call, "after")

    def labelled(self, name: str, step: Step) -> Step:
        """`step`, whose calls know that they belong to it."""
        undo = step.undo and self._in_step(f"undo {name}", step.undo)
        return replace(step, do=self._in_step(name, step.do), undo=undo)

    def _reach(self, step: str, call: str, side: str) -> None:
        thread = threading.current_thread()
        ours = thread is threading.main_thread() or thread.name.startswith("job")
        if not ours or getattr(self._local, "quiet", False):
            return
        with self._lock:
            self._counts[step, call, side] += 1
            point = Point(step, call, side, self._counts[step, call, side])
        self._reached(point)

    def _in_step(self, name: str, do: Callable[[run.Run], None]) -> Callable[[run.Run], None]:
        @functools.wraps(do)
        def labelled(found: run.Run) -> None:
            self._local.step = name
            try:
                do(found)
            finally:
                del self._local.step

        return labelled

    def _call(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            with self.around(name):
                return call(*args, **kwargs)

        return counted

    def _commit(self, call: Callable[..., Any], name: str) -> Callable[..., Any]:
        """One commit of the engine; its statements are no points of their own."""
        return self._call(self._quietly(call), name)

    def _write(self, write: Callable[..., None]) -> Callable[..., None]:
        quiet = self._quietly(write)

        def counted(job: Job, *conditions: Any, **fields: Any) -> None:
            if fields.keys() in ({"percent"}, {"percent", "args"}):
                # Progress comes when it comes; to be killed there is to be killed inside the step.
                return quiet(job, *conditions, **fields)
            step, call = _what(job, fields)
            with self.around(call, step):
                return quiet(job, *conditions, **fields)

        return counted

    def _quietly(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def quiet(*args: Any, **kwargs: Any) -> Any:
            self._local.quiet = True
            try:
                return call(*args, **kwargs)
            finally:
                self._local.quiet = False

        return quiet

    def _connected(self, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        connection.execute_wrappers.append(self._statement)

    def _statement(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if not (found := _WRITES.match(sql)):
            return execute(sql, *args)
        with self.around(f"{found[1]} {found[2]}"):
            return execute(sql, *args)

    def _wrap_module(self, module: ModuleType) -> None:
        short = module.__name__.rpartition(".")[2]
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", "") != module.__name__:
                continue
            if inspect.isclass(value) and not issubclass(value, BaseException):
                for method, function in _public_functions(vars(value)):
                    setattr(value, method, self._call(function, f"{name}.{method}"))
        for name, function in _public_functions(vars(module)):
            if function.__module__ == module.__name__:
                _replace_everywhere(function, self._call(function, f"{short}.{name}"))


class _Labelled(Mapping[str, Step]):
    """The steps as the engine reads them."""

    def __init__(self, labelled: Callable[[str, Step], Step]) -> None:
        self._labelled = labelled

    def __getitem__(self, name: str) -> Step:
        return self._labelled(name, STEPS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(STEPS)

    def __len__(self) -> int:
        return len(STEPS)


def _what(job: Job, fields: dict[str, Any]) -> tuple[str, str]:
    """The step that a write of the engine belongs to, and its name."""
    if "begun" in fields:
        return job.plan[fields["begun"] - 1], "mark"
    if fields.get("state") == JobState.UNDOING:
        return (job.plan[job.begun - 1] if job.begun else ENGINE), "turn back"
    if "state" in fields:
        return ENGINE, f"end as {fields['state']}"
    if "not_before" in fields:
        return ENGINE, "pause"
    if "ended" in fields:
        return f"undo {job.plan[fields['ended']]}", "mark undone"
    return "", f"write {', '.join(sorted(fields))}"


def _public_functions(names: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Functions that act when they are called: one that gives a generator does not, and is left alone."""
    found = [(name, value) for name, value in names.items() if inspect.isfunction(value) and name[0] != "_"]
    return [(name, value) for name, value in found if not inspect.isgeneratorfunction(inspect.unwrap(value))]


def _replace_everywhere(old: Any, new: Any) -> None:
    """Also where `from module import function` has put it."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is old:
                setattr(module, name, new)
