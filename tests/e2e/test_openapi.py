"""REST against its own description: thousands of made-up requests, right and wrong, none answered otherwise.

schemathesis makes them from docs/reference/openapi.json, the same ones each time. Every request meets the
same site: what one of them changes is taken back before the next.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.db import transaction
from django.test.client import ClientHandler
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from tests.cast import Site
from vrabec.lib.clock import now
from vrabec.models.grants import Grant, Withheld
from vrabec.models.jobs import Job
from vrabec.models.requests import LEASE, Request
from vrabec.models.roles import Role
from vrabec.models.users import Group, Membership
from vrabec.services.tokens import list_tokens

pytest_plugins = ["schemathesis.pytest.plugin"]
DESCRIPTION = Path(__file__).parents[2] / "docs/reference/openapi.json"
CONFIG = SchemathesisConfig.from_dict(
    {
        "seed": 1,
        "generation": {
            "deterministic": True,
            "max-examples": 10,
            "database": "none",
            "with-security-parameters": False,
        },
        "checks": {
            # What is right in its form may still be refused: a name that is taken, a size beyond a host's.
            "positive_data_acceptance": {"enabled": False},
            "negative_data_rejection": {"expected-statuses": ["401", "403", "404", "405", "413", "422"]},
        },
    }
)
HANDLER = ClientHandler(enforce_csrf_checks=True)


def app(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The site as WSGI, without what Django does to database connections around a request."""
    response = HANDLER(environ)
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]


schema = schemathesis.openapi.from_path(DESCRIPTION, config=CONFIG)
schema.app = app


@pytest.mark.parametrize("who", ["administrator", "owner", "nobody"])
@schema.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_every_answer_is_as_described(case: Case, who: str, site: Site) -> None:
    headers = {"Accept-Encoding": "identity"}
    if who != "nobody":
        headers["Authorization"] = f"Bearer {getattr(site, who).secret}"
    with transaction.atomic():
        furnish(site)
        aim(case, site)
        case.call_and_validate(base_url="https://localhost", headers=headers)
        transaction.set_rollback(True)


def furnish(site: Site) -> None:
    """What there is beside the usual site: a group, a role of its own, a verb that is withheld."""
    Membership.objects.create(group=Group.objects.create(name="botany"), user=site.viewer.user)
    Role.objects.create(name="night-shift", verb_line=" vm.view ")
    Withheld.objects.create(vm=site.vm, user=site.viewer.user, verb="vm.xml")
    asked = {"until": now().date() + timedelta(days=9), "why": "a thesis", "created_at": now()}
    Request.objects.create(kind=LEASE, vm=site.vm, user=site.teammate.user, **asked)


def aim(case: Case, site: Site) -> None:
    """Let most numbers in paths be those of what is there: else nearly every request finds nothing."""
    for name, made_up in (case.path_parameters or {}).items():
        is_number = isinstance(made_up, int)
        if made_up % 4 != 3 if is_number else len(str(made_up)) % 4 != 3:
            case.path_parameters[name] = (real_id(name, site) if is_number else NAMES.get(name)) or made_up


NAMES = {"role": "night-shift", "username": "tom", "kind": "project", "name": "alpha"}


def real_id(name: str, site: Site) -> int | None:
    if name == "job_id":
        return Job.objects.create(
            kind="vm.start", project=site.project, created_by_name="x", state="failed"
        ).pk
    if name == "token_id":
        token = list_tokens(site.administrator.actor).first()
        assert token
        return token.pk
    return {
        "vm_id": site.vm.pk,
        "host_id": site.host.pk,
        "user_id": site.teammate.user.pk,
        "grant_id": Grant.objects.get(user=site.teammate.user).pk,
        "group_id": Group.objects.get(name="botany").pk,
        "withheld_id": Withheld.objects.get().pk,
        "request_id": Request.objects.get().pk,
    }.get(name)
