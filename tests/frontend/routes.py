"""Every route of every front end, and what each of the cast is answered there: the tests hold it up.

docs/reference/permissions.md is made of it: pytest tests/frontend/test_permissions.py --regenerate
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver
from ninja.operation import Operation

from vrabec.frontends.live.app import ROUTES
from vrabec.frontends.rest.api import api
from vrabec.frontends.rest.monitoring import urlpatterns as monitoring
from vrabec.frontends.web.urls import urlpatterns
from vrabec.models.roles import BUILT_IN, MEMBER, OPERATOR, OWNER, VIEWER
from vrabec.services.permissions import ACTIONS, NARROW, Level
from vrabec.services.verb_words import WORDS

CAST = ("nobody", "expired", "narrow", "stranger", "viewer", "teammate", "owner", "operator", "administrator")
NARROW_VERBS = ("vm.view", "vm.start")
"""What the owner's narrow token is for, in her project."""
ROLES = {"viewer": VIEWER, "teammate": MEMBER, "owner": OWNER, "operator": OPERATOR}
PEOPLE = CAST[3:]
"""Who has a session: tokens are for programs."""
OF_A_PROJECT = (
    *("vm.create", "vm.place", "project.view", "project.share", "project.lease"),
    *("project.change", "project.remove"),
)
FORMS = ("vm-new", "vm-new-placement")
"""Forms for any project in which one may make machines: the stranger, too, has one."""
HEARD_OF_BY = {
    "take": ("viewer", "owner", "administrator"),  # the viewer's own
    "answer_request": ("owner", "operator", "administrator"),
    "request-answer": ("owner", "operator", "administrator"),
}
"""Routes about what nobody else hears of."""
ASKED = {"list_grants": "site.share", "list_people": "site.share", "give": "project.share"}
"""What routes ask for that are about any scope, as they are called here."""


@dataclass(frozen=True)
class Route:
    """One way in: a method and a path with parameters."""

    method: str
    path: str
    action: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def rest_routes() -> Iterator[Route]:
    for _, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                yield from _operation_routes(path, operation)


def _operation_routes(path: str, operation: Operation) -> Iterator[Route]:
    action = getattr(operation.view_func, "action", "unguarded")
    for method in operation.methods:
        yield Route(method, "/api/v1" + (path or "/"), action, operation.operation_id or "")


def web_routes() -> Iterator[Route]:
    for pattern in urlpatterns:
        assert not isinstance(pattern, URLResolver)
        assert isinstance(pattern, URLPattern)
        view = getattr(pattern.callback, "__wrapped__", pattern.callback)
        action = getattr(pattern.callback, "action", getattr(view, "action", "unguarded"))
        yield Route("GET", "/" + str(pattern.pattern), action, pattern.name or "")


def monitoring_routes() -> Iterator[Route]:
    for pattern in monitoring:
        action = getattr(pattern.callback, "action", "unguarded")
        yield Route("GET", "/" + str(pattern.pattern), action, pattern.name or "")


REST = sorted([*rest_routes(), *monitoring_routes()], key=str)
WEB = sorted(web_routes(), key=str)


def expected(route: Route, who: str) -> set[int] | None:
    """The refusals that are right, or None where the answer must be no refusal."""
    verb = verb_of(route)
    if ACTIONS[verb] is Level.PUBLIC:
        return None
    if who in WITHOUT_A_PERSON:
        return WITHOUT_A_PERSON[who](verb)
    if route.name in HEARD_OF_BY:
        return None if who in HEARD_OF_BY[route.name] else {404}
    if ACTIONS[verb] is Level.SIGNED_IN or who == "administrator":
        return None
    if who == "stranger" and is_of_a_project(route):
        return _of_a_stranger(route)
    has_it = who in ROLES and verb in BUILT_IN[ROLES[who]]
    return None if has_it and (who == "operator" or is_of_a_project(route)) else {403}


def _of_a_stranger(route: Route) -> set[int] | None:
    """What they may not see is not there; where a body names it, it is an invalid field."""
    if route.name in FORMS:
        return None
    return {404} if "{" in route.path or "<" in route.path else {404, 422}


def _of_the_narrow_token(verb: str) -> set[int] | None:
    return None if verb in NARROW or verb in NARROW_VERBS else {403}


WITHOUT_A_PERSON: dict[str, Callable[[str], set[int] | None]] = {
    "nobody": lambda verb: {401},
    "expired": lambda verb: {401},
    "narrow": _of_the_narrow_token,
}


def is_of_a_project(route: Route) -> bool:
    """Whether it is about something of the project "alpha"."""
    return "vm_id" in route.path or "job_id" in route.path or verb_of(route) in OF_A_PROJECT


def verb_of(route: Route) -> str:
    """The verb that it asks for."""
    return ASKED.get(route.name, route.action or "")


# --- the page

PAGE = """\
# Who is answered what

Every way in, the verb that it asks for ([in words](#verbs-that-roles-give)), and what each of a cast is
answered: *yes* is any answer but a refusal for want of rights. The tests ask each route as each of them.
Who they are: nobody is not signed in; the expired token was an owner's; the narrow one is an owner's for
`vm.view` and `vm.start` in her project; the stranger owns another project; viewer, teammate (a member) and
owner are of the project that the route is about; operator and administrator are of the whole site. 404 is
what somebody gets who may not know that it exists, the same as for what does not. Pages send who is not
signed in to sign in, and know no tokens. How it is decided: [who may do what](../design/policy.md).
"""
HEAD = ("", "verb", *CAST)
VERBS = """
## Verbs that roles give

What each lets one do, and the built-in roles that have it, beside the administrator, who has all. The other
verbs need nobody, or somebody who is signed in.

"""


def page() -> str:
    """docs/reference/permissions.md."""
    live = [Route("GET", path, action, "") for path, action in sorted(ROUTES.items())]
    parts = (
        ("REST and monitoring", REST, _answers),
        ("Events and consoles", live, _answers),
        ("Pages", [route for route in WEB if route.action], _page_answers),
    )
    said = "".join(f"\n## {title}\n\n{_answers_of(routes, cells)}" for title, routes, cells in parts)
    return PAGE + said + VERBS + _table(("verb", "lets one", "roles"), map(_verb, WORDS))


def _answers_of(routes: Iterable[Route], cells: Callable[[Route], list[str]]) -> str:
    rows = ((f"`{_bare(route)}`", f"`{verb_of(route)}`", *cells(route)) for route in routes)
    return _table(HEAD, rows)


def _verb(verb: str) -> tuple[str, ...]:
    roles = [name for name, verbs in BUILT_IN.items() if verb in verbs]
    return f"`{verb}`", WORDS[verb], ", ".join(reversed(roles)) or "–"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, tuple("---" for _ in head), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _bare(route: Route) -> str:
    path = route.path.replace("<int:", "{").replace("<str:", "{").replace(">", "}")
    return path if route in WEB else f"{route.method} {path}"


def _answers(route: Route) -> list[str]:
    return [_said(expected(route, who)) for who in CAST]


def _page_answers(route: Route) -> list[str]:
    if ACTIONS[verb_of(route)] is Level.PUBLIC:
        return ["yes"] * len(CAST)
    return ["sign in", "–", "–", *(_said(expected(route, who)) for who in PEOPLE)]


def _said(refusals: set[int] | None) -> str:
    return "yes" if refusals is None else " or ".join(str(status) for status in sorted(refusals))
