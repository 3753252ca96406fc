"""The build level is what the roots of trust allow, never what a statement says of itself."""

from __future__ import annotations

from typing import Final

import pytest

from attest.policy.levels import reached
from attest.policy.policy import BuildRules
from attest.policy.report import Level, Status
from attest.trust.scope import Scope
from tests import images
from tests.policies import AMD64, answers, by_certificate, by_key, policy, saying, the, two_platforms

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
BUILDER: Final = "https://builder.test/runner"
LOCAL: Final = images.local_build()
OURS: Final = saying(LOCAL, builder=BUILDER)


@pytest.mark.parametrize(
    ("scope", "level", "why"),
    [
        (Scope(), 1, "the job that built the image can reach the key"),
        (Scope(level=2, origin="policy.toml:9"), 2, "policy.toml:9 is believed no further"),
        (Scope(level=3), 3, "there is no higher one"),
        (Scope(level=3, builders=(BUILDER,)), 3, "there is no higher one"),
        (Scope(level=3, builders=("https://other.test",), origin="policy.toml:9"), 1, "policy.toml:9 speaks for other"),
        (Scope(level=3, builders=("https://other.test", BUILDER)), 3, "there is no higher one"),
        (Scope(is_isolated=True), 1, "the job that built the image can reach the key"),
    ],
)
def test_a_root_of_trust_caps_the_level(scope: Scope, level: int, why: str) -> None:
    found = by_key(OURS, scope=scope).ask(policy()).level
    assert found.reached == level
    assert why in found.why_not_higher


def test_a_pipeline_that_signs_its_own_provenance_is_level_one() -> None:
    found = by_certificate(OURS).ask(policy()).level
    assert (found.reached, found.why_not_higher) == (1, "the job that built the image can sign its provenance itself")
    assert by_certificate(OURS, scope=Scope(level=2)).ask(policy()).level.reached == 2


def test_a_statement_does_not_raise_its_own_level() -> None:
    bold = saying(LOCAL, builder="https://slsa.dev/level/4", definition={"slsaLevel": 3, "level": "SLSA_BUILD_LEVEL_3"})
    assert by_key(bold).ask(policy()).level.reached == 1
    unnamed = by_key(LOCAL, scope=Scope(level=3, builders=(BUILDER,)))
    assert unnamed.ask(policy()).level.reached == 1


def test_the_lowest_statement_and_the_lowest_platform_count() -> None:
    scope = Scope(level=3, builders=(BUILDER,))
    for order in ((OURS, LOCAL), (LOCAL, OURS)):
        assert by_key(*order, scope=scope).ask(policy()).level.reached == 1
        assert two_platforms(*order).believed(scope).ask(policy()).level.reached == 1
    assert two_platforms(OURS, OURS).believed(scope).ask(policy()).level.reached == 3


def test_without_trusted_provenance_for_every_platform_there_is_no_level() -> None:
    no = Level(0, "there is no trusted provenance for every platform")
    assert by_key(scope=Scope(level=3)).ask(policy()).level == no
    assert two_platforms(OURS, None).believed(Scope(level=3)).ask(policy()).level == no
    assert reached([]).reached == 0


@pytest.mark.parametrize(
    ("allowed", "wanted", "status", "reason"),
    [
        (2, 2, PASSED, ""),
        (3, 2, PASSED, ""),
        (1, 1, PASSED, ""),
        (1, 2, FAILED, "level-too-low"),
        (2, 3, FAILED, "level-too-low"),
    ],
)
def test_a_policy_asks_for_a_level(allowed: int, wanted: int, status: Status, reason: str) -> None:
    rules = policy({"build.level": 5}, build=BuildRules(level=wanted))
    report = by_key(OURS, scope=Scope(level=allowed)).ask(rules)
    check = the(report, "slsa.level")
    assert (report.verdict, check.status, check.reason) == (status, status, reason)
    assert check.origin == "policy.toml:5"


def test_the_level_of_what_nobody_vouches_for_is_unknown() -> None:
    signed = by_key(scope=Scope(level=3))
    images.push({AMD64: OURS}, signed.pushed.store)
    report = signed.ask(policy(build=BuildRules(level=1)))
    assert report.verdict is UNKNOWN
    assert answers(report)["slsa.level"] == "untrusted"


def test_a_level_that_nobody_asked_for_is_no_check() -> None:
    assert "slsa.level" not in {check.id for check in by_key(OURS).ask(policy()).checks}
