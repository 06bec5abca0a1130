"""Codes of authenticator apps, by the examples of RFC 6238 (appendix B) and its rule for skewed clocks."""

import base64

import pytest

from vrabec.lib.totp import STEP_SECONDS, code_at, new_seed, step_of, uri

SEED = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("at", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(at: int, code: str) -> None:
    assert code_at(SEED, at // STEP_SECONDS) == code
    assert step_of(SEED, code, at=at) == at // STEP_SECONDS


@pytest.mark.parametrize(("off", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_off(off: int, is_taken: bool) -> None:
    at = 1_800_000_000
    code = code_at(SEED, at // STEP_SECONDS + off)
    assert (step_of(SEED, code, at=at) is not None) == is_taken


def test_a_step_that_was_used_and_any_before_is_none() -> None:
    at = 1_800_000_000
    step = at // STEP_SECONDS
    assert step_of(SEED, code_at(SEED, step), at=at, after=step - 1) == step
    assert step_of(SEED, code_at(SEED, step), at=at, after=step) is None
    assert step_of(SEED, code_at(SEED, step - 1), at=at, after=step) is None


def test_seeds_differ_and_have_160_bits() -> None:
    assert new_seed() != new_seed()
    assert len(base64.b32decode(new_seed())) == 20


def test_names_with_signs_are_quoted_for_the_app() -> None:
    said = uri(SEED, account="olga@cloud:8443", issuer="Vrabec & Co")
    assert (
        said == f"otpauth://totp/Vrabec%20%26%20Co:olga%40cloud%3A8443?secret={SEED}&issuer=Vrabec%20%26%20Co"
    )
