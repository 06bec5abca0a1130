"""Forms: in the dialog or as a page; refused, which field, why, and a way out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpResponse

from vrabec.frontends.web.access import PageRequest, is_fragment
from vrabec.frontends.web.errors import say
from vrabec.frontends.web.pages import fragment, render
from vrabec.lib.errors import Invalid, NoCapacity, VrabecError


@dataclass(frozen=True)
class Problem:
    """What is wrong with a field; `take` is a value that would do."""

    message: str
    take: str = ""


def problems_of(error: VrabecError) -> dict[str, Problem]:
    """The broken fields of `error` by name; what belongs to no field stands under "".

    So does what there is too little of: forms name sizes, and not each of its amounts.
    """
    found = error.errors if isinstance(error, Invalid) else (error,)
    return {_field(one): Problem(say(one), str(one.params.get("near", ""))) for one in reversed(found)}


def _field(error: VrabecError) -> str:
    return "" if isinstance(error, NoCapacity) else error.field


def ask(
    request: PageRequest,
    form: str,
    context: dict[str, Any],
    error: VrabecError | None = None,
    *,
    page: str = "parts/ask.html",
) -> HttpResponse:
    """The form of this template, in the dialog or on `page`; after a refusal with what is wrong.

    `context` has the `title` of a page that is not the form's own.
    """
    problems = problems_of(error) if error else {}
    context = context | {"form": form, "problems": problems, "is_dialog": is_fragment(request)}
    status = error.status if error else 200
    if is_fragment(request):
        return fragment(request, form, context, status=status)
    return render(request, page, context, status=status)


def day_of(text: str, field: str = "until") -> date | None:
    """A day as somebody typed or chose it, None for nothing. Raises Invalid naming `field`."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid("Write a day such as 2027-02-12.", field=field) from error


def count_of(text: str, field: str) -> int:
    """CPUs as somebody typed them. Raises Invalid naming `field`."""
    typed = text.strip()
    if typed.isascii() and typed.isdigit() and len(typed) < 6:
        return int(typed)
    raise Invalid("Write a whole number of CPUs.", field=field)
