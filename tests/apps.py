"""An authenticator app and its owner, for tests: time stands still, and goes on by steps."""

from datetime import UTC, datetime

import pytest
from django.conf import settings

from tests.cast import Person
from vrabec.lib.sealed import unseal
from vrabec.lib.totp import STEP_SECONDS, code_at
from vrabec.models.factors import Authenticator
from vrabec.models.users import User
from vrabec.services import failures, people, second_factors, second_step
from vrabec.services.second_step import ANYWHERE_SECONDS, MAX_CODES, MAX_FROM_ANYWHERE, purpose_of


class App:
    """What shows codes; `step` is the time."""

    def __init__(self) -> None:
        self.step = 60_000_000

    def now(self) -> datetime:
        """Within the step."""
        return datetime.fromtimestamp(self.step * STEP_SECONDS + 7, UTC)

    def code(self, user: User, *, off: int = 0) -> str:
        """What the app shows, `off` steps from now."""
        row = Authenticator.objects.get(user=user)
        seed = unseal(row.seed, purpose=purpose_of(user.pk), key_file=settings.VRABEC_SEAL_KEY)
        return code_at(seed, self.step + off)

    def wrong(self, user: User) -> str:
        """Six digits that are no code around now."""
        known = {self.code(user, off=off) for off in range(-2, 3)}
        return next(code for number in range(9) if (code := f"{number:06}") not in known)

    def set_up(self, person: Person) -> list[str]:
        """Give somebody an app, at the step before this one; their recovery codes."""
        second_factors.begin_app(person.actor)
        codes = second_factors.confirm_app(person.actor, code=self.code(person.user))
        self.step += 1
        person.user.refresh_from_db()
        return codes


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """With nothing counted yet."""
    made = App()
    for module in (second_step, second_factors):
        monkeypatch.setattr(module, "now", made.now)
    monkeypatch.setattr(people, "_FAILURES", failures.Failures())
    monkeypatch.setattr(second_step, "_CODES", failures.Failures(MAX_CODES))
    monkeypatch.setattr(second_step, "_ANYWHERE", failures.Tally(MAX_FROM_ANYWHERE, ANYWHERE_SECONDS))
    return made
