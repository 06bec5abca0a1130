"""Pages of docs/reference that are made from the program; scripts/reference runs this with their folder."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from vrabec.config.every_setting import every_setting, settings_file
from vrabec.config.files import Config
from vrabec.config.process import set_up_django
from vrabec.jobs.plans import PLANS, STEPS, Plan
from vrabec.lib.errors import VrabecError
from vrabec.workflows import register_all

_SETTINGS = """\
# Settings

One TOML file: `/etc/vrabec/vrabec.toml`, or where the variable `VRABEC_CONFIG` points. A setting that is
left out has its default; one that does not exist is refused by name. After a change: restart Vrabec.
`vrabecd config` writes the file below, with what is set in yours.

| setting | default | meaning |
| --- | --- | --- |
"""
_MORE = """\

More about [proxies](../howto/behind-a-proxy.md) and [monitoring](../howto/monitoring.md). After a change of
`database`: a backup made before carries [all rows over](../howto/backup.md).

```toml
"""
_ERRORS = """\
# Errors

An error of REST is `{"error": {"code", "message", "field"?, "raw"?, "job"?, "errors"?}}`. The code stays;
the message is for people: it names the field and the limit, or says what to do. `raw` is what another system
said, unchanged. The exit statuses of the `vrabec` command are in [its reference](cli.md).

| code | HTTP | meaning |
| --- | --- | --- |
"""
_JOBS = """\
# Kinds of jobs

What changes a host is a job: a plan of steps, each marked before it begins and with an undoing of its own
([how a job survives](../explanation/jobs.md)). From the point of no return on there is only forward, and a
cancel is refused.
"""
_VERBS = """\
# Verbs and states

Made from the table that the controller itself reads (`services/verbs.py`). A test asks REST for every verb in
every state and compares the answers with this page.

A verb that is not allowed is answered with status 409, the code `wrong_state` and the sentence below.
Besides, each is refused while the machine's host does not answer ("%(silent)s"),
and while another job works on the machine.

"""


def settings_page() -> str:
    """docs/reference/settings.md."""
    rows = [f"| `{s.name}` | `{s.default}` | {_cell(s.meaning)} |\n" for s in every_setting()]
    return _SETTINGS + "".join(rows) + _MORE + settings_file(Config()) + "```\n"


def errors_page() -> str:
    """docs/reference/errors.md."""
    rows = [
        f"| `{kind.code}` | {kind.status} | {_cell(kind.__doc__ or '')} |\n" for kind in _tree(VrabecError)
    ]
    return _ERRORS + "".join(rows)


def _tree(kind: type[VrabecError]) -> Iterator[type[VrabecError]]:
    for child in kind.__subclasses__():
        if child.__module__ == VrabecError.__module__:
            yield child
            yield from _tree(child)


def jobs_page() -> str:
    """docs/reference/jobs.md."""
    if not PLANS:
        register_all()
    return _JOBS + "".join(f"\n{_job(kind, PLANS[kind])}" for kind in sorted(PLANS))


def _job(kind: str, plan: Plan) -> str:
    lines = [f"## {kind}\n", f"{plan.title}.{_limit(plan)}\n"]
    for number, name in enumerate(plan.steps(defaultdict(str)), 1):
        marks = [
            *(["point of no return"] if name == plan.no_return else []),
            *(["nothing to undo"] if STEPS[name].undo is None else []),
        ]
        lines.append(f"{number}. {STEPS[name].title}" + (f" ({', '.join(marks)})" if marks else ""))
    return "\n".join([*lines, ""])


def _limit(plan: Plan) -> str:
    return f" At most {plan.per_host} at once on one host." if plan.per_host else ""


def verbs_page() -> str:
    """docs/reference/verbs.md: every verb in every state."""
    from vrabec.models.vms import Seen
    from vrabec.services.verbs import NOT_OURS, SILENT, VERBS, refusal

    name = {"name": "web-1"}
    states = sorted(Seen, key=lambda seen: seen.value)
    ours = ", ".join(f"`{verb}`" for verb, row in VERBS.items() if row.managed_only)
    allowed = [
        _row(
            f"`{verb}`",
            row.wish.label if row.wish else "",
            *("yes" if seen in row.states else "no" for seen in states),
        )
        for verb, row in VERBS.items()
    ]
    said = [(verb, seen.label, refusal(verb, seen) % name) for verb in VERBS for seen in states]
    return (
        _VERBS % {"silent": SILENT % name}
        + _row("verb", "wishes", *(seen.label for seen in states))
        + _row(*["---"] * (len(states) + 2))
        + "".join(allowed)
        + "\nA machine that was found on its host, not made by Vrabec, takes all verbs but these:\n"
        + f'{ours}. What is said then: "{NOT_OURS % name}"\n'
        + "\n## What is said where a verb is not allowed\n\n"
        + _row("verb", "state", "answer")
        + _row("---", "---", "---")
        + "".join(_row(f"`{verb}`", state, answer) for verb, state, answer in said if answer)
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


PAGES: dict[str, Callable[[], str]] = {
    "settings": settings_page,
    "errors": errors_page,
    "jobs": jobs_page,
    "verbs": verbs_page,
}

if __name__ == "__main__":
    set_up_django()
    for name, page in PAGES.items():
        (Path(sys.argv[1]) / f"{name}.md").write_text(page())
