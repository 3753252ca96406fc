from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.policy.report import Check, Report, Status

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
CHECKS = st.lists(
    st.builds(
        lambda status, required: Check("x", status, "s", "r", required=required), st.sampled_from(Status), st.booleans()
    )
)


def report(*checks: Check) -> Report:
    return Report("app", None, (), checks)


@given(CHECKS)
def test_the_verdict_follows_from_the_checks_alone(checks: list[Check]) -> None:
    verdict = report(*checks).verdict
    assert (verdict is FAILED) == any(check.status is FAILED for check in checks)
    if verdict is PASSED:
        assert [check for check in checks if check.required]
        assert all(check.status is PASSED for check in checks if check.required)


@given(CHECKS)
def test_what_did_not_pass_says_why(checks: list[Check]) -> None:
    made = report(*checks)
    if any(check.status is not PASSED for check in checks if check.required) or made.verdict is FAILED:
        assert made.trouble is not None
    assert (made.exit_code == 0) == (made.verdict is PASSED)


@pytest.mark.parametrize(
    ("status", "reason", "exit_code"),
    [(PASSED, "", 0), (FAILED, "other-commit", 1), (UNKNOWN, "absent", 3), (UNKNOWN, "unauthorised", 4)],
)
def test_the_exit_code_is_the_verdict_s(status: Status, reason: str, exit_code: int) -> None:
    assert report(Check("x", status, "s", reason)).exit_code == exit_code


def test_a_failure_outranks_a_refusal() -> None:
    assert report(Check("x", UNKNOWN, "s", "unauthorised"), Check("y", FAILED, "s", "r")).exit_code == 1


def test_a_check_that_did_not_pass_must_have_a_reason() -> None:
    with pytest.raises(ValueError, match="has a reason"):
        Check("x", UNKNOWN, "s")
