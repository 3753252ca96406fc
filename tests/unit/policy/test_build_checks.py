"""What a policy asks of the build: each rule has an image that keeps it and one that does not."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from attest.oci.document import encode
from attest.policy.checks.build import build_age
from attest.policy.checks.materials import full_name
from attest.policy.expectations import Expectations
from attest.policy.policy import BaseImageRules, BuildRules, ParameterRules
from attest.policy.report import Check, Status
from attest.trust.scope import Scope
from tests import images
from tests.policies import (
    ARM64,
    IDENTITY,
    ISSUER,
    PIPELINE,
    answers,
    by_certificate,
    by_key,
    patterns,
    policy,
    saying,
    the,
    two_platforms,
)

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
LOCAL: Final = images.local_build()
BUILDER: Final = "https://builder.test/runner"
ALPINE: Final = "pkg:docker/alpine@3?platform=linux%2Famd64"
PINNED: Final = f"pkg:docker/alpine@3?digest=sha256:{'a' * 64}&platform=linux%2Famd64"
BUILDKIT: Final = LOCAL["buildDefinition"]["buildType"]
RECENT: Final = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def arguments(**given: str) -> images.Predicate:
    return images.local_build(**{f"build-arg:{name}": value for name, value in given.items()})


@dataclass(frozen=True)
class Case:
    """A rule, a build that keeps it and one that does not."""

    rules: dict[str, Any]
    good: images.Predicate
    bad: images.Predicate
    check_id: str
    reason: str
    status: Status = FAILED


CASES: Final = {
    "builder": Case(
        {"build": BuildRules(builders=patterns(BUILDER))},
        saying(LOCAL, builder=BUILDER),
        saying(LOCAL, builder="https://builder.test/runner.evil.test"),
        "builder.id",
        "other-builder",
    ),
    "builder that is not named": Case(
        {"build": BuildRules(builders=patterns(BUILDER))},
        saying(LOCAL, builder=f"{BUILDER}@refs/heads/main"),
        LOCAL,
        "builder.id",
        "other-builder",
    ),
    "builder by expression": Case(
        {"build": BuildRules(builders=patterns("/https://builder\\.test/[a-z]+/"))},
        saying(LOCAL, builder=BUILDER),
        saying(LOCAL, builder=f"https://evil.test/?{BUILDER}"),
        "builder.id",
        "other-builder",
    ),
    "type": Case(
        {"build": BuildRules(types=patterns("/https://github\\.com/moby/.*/"))},
        LOCAL,
        saying(LOCAL, definition={"buildType": "https://mobyproject.org/buildkit@v1"}),
        "build.type",
        "other-type",
    ),
    "type that is not named": Case(
        {"build": BuildRules(types=patterns(BUILDKIT))},
        LOCAL,
        saying(LOCAL, definition={"buildType": ""}),
        "build.type",
        "other-type",
    ),
    "hermetic": Case(
        {"build": BuildRules(hermetic=True)},
        saying(LOCAL, hermetic=True),
        LOCAL,
        "build.hermetic",
        "not-hermetic",
    ),
    "complete": Case(
        {"build": BuildRules(complete=True)},
        saying(LOCAL, complete=True),
        LOCAL,
        "materials.complete",
        "incomplete",
    ),
    "too old": Case(
        {"build": BuildRules(max_age=timedelta(days=30))},
        saying(LOCAL, finished=RECENT),
        saying(LOCAL, finished="2020-01-01T00:00:00Z"),
        "build.age",
        "too-old",
    ),
    "still to come": Case(
        {"build": BuildRules(max_age=timedelta(days=30))},
        saying(LOCAL, finished=RECENT),
        saying(LOCAL, finished="9020-01-01T00:00:00Z"),
        "build.age",
        "future",
    ),
    "age that is not told": Case(
        {"build": BuildRules(max_age=timedelta(days=30))},
        saying(LOCAL, finished=RECENT),
        saying(LOCAL, finished="yesterday"),
        "build.age",
        "no-claim",
        UNKNOWN,
    ),
    "base image": Case(
        {"base_images": BaseImageRules(repositories=patterns("docker.io/library/alpine"))},
        saying(LOCAL, dependencies=[ALPINE, "https://git.example.test/acme/app.git"]),
        saying(LOCAL, dependencies=[ALPINE, "pkg:docker/evil.test/library/alpine@3"]),
        "materials.allowed",
        "other-base",
    ),
    "pinned": Case(
        {"base_images": BaseImageRules(pinned=True)},
        saying(LOCAL, dependencies=[PINNED, "https://git.example.test/acme/app.git"]),
        saying(LOCAL, dependencies=[PINNED, ALPINE]),
        "materials.pinned",
        "not-pinned",
    ),
    "parameter's value": Case(
        {"parameters": ParameterRules(allowed={"build-arg:MODE": patterns("release", "/test-[0-9]+/")})},
        saying(arguments(MODE="test-1", OTHER="x"), listed=True),
        saying(arguments(MODE="debug", OTHER="x"), listed=True),
        "parameters.allowed",
        "parameter-value",
    ),
    "parameter": Case(
        {"parameters": ParameterRules(closed=True, allowed={"build-arg:MODE": patterns("release")})},
        saying(arguments(MODE="release"), listed=True),
        saying(arguments(MODE="release", OTHER="x"), listed=True),
        "parameters.allowed",
        "parameter-unlisted",
    ),
    "parameter that none of its values is allowed of": Case(
        {"parameters": ParameterRules(allowed={"build-arg:MODE": ()})},
        saying(arguments(OTHER="x"), listed=True),
        saying(arguments(MODE=""), listed=True),
        "parameters.allowed",
        "parameter-value",
    ),
    "parameters that are not listed": Case(
        {"parameters": ParameterRules(closed=True)},
        saying(LOCAL, listed=True),
        LOCAL,
        "parameters.allowed",
        "incomplete",
        UNKNOWN,
    ),
}


each: Final = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@each
def test_a_build_that_keeps_the_rule_passes_and_one_that_does_not_is_refused(case: Case) -> None:
    honest = by_key(case.good).ask(policy(**case.rules))
    assert (honest.verdict, the(honest, case.check_id).status) == (PASSED, PASSED)

    report = by_key(case.bad).ask(policy(**case.rules))

    assert report.verdict is case.status
    assert answers(report) == {case.check_id: case.reason}


@each
def test_one_statement_that_is_right_does_not_excuse_another_one(case: Case) -> None:
    for statements in ((case.good, case.bad), (case.bad, case.good)):
        report = by_key(*statements).ask(policy(**case.rules))
        assert report.verdict is case.status
        assert answers(report) == {case.check_id: case.reason}
        assert len(the(report, case.check_id).evidence) == 1


@each
def test_every_platform_must_keep_the_rule(case: Case) -> None:
    assert two_platforms(case.good, case.good).ask(policy(**case.rules)).verdict is PASSED

    report = two_platforms(case.good, case.bad).ask(policy(**case.rules))

    wrong = [check for check in report.checks if check.status is not PASSED]
    assert [(check.id, check.platform, check.reason) for check in wrong] == [(case.check_id, ARM64, case.reason)]


@each
def test_without_trusted_provenance_nothing_is_known_of_the_build(case: Case) -> None:
    """An embedded statement that nobody signed passes nothing, and fails nothing."""
    for embedded in (None, case.good, case.bad):
        signed = by_key()
        images.push({"linux/amd64": embedded}, signed.pushed.store)
        check = the(signed.ask(policy(**case.rules)), case.check_id)
        assert (check.status, check.reason) == (UNKNOWN, "untrusted")


def test_an_answer_names_where_the_rule_stands() -> None:
    rules = policy({"build.builders": 12}, build=BuildRules(builders=patterns(BUILDER)))
    assert the(by_key(LOCAL).ask(rules), "builder.id").origin == "policy.toml:12"
    assert the(by_key(LOCAL).ask(policy(build=rules.build)), "builder.id").origin == "policy.toml"
    of_flag = by_key(LOCAL).ask(policy(), builder=BUILDER, origins={"builder": "--builder-id"})
    assert the(of_flag, "builder.id").origin == "--builder-id"


def test_builder_of_the_command_line_and_of_the_policy_must_both_be_right() -> None:
    rules = policy(build=BuildRules(builders=patterns("/https://builder\\.test/.*/")))
    signed = by_key(saying(LOCAL, builder=f"{BUILDER}@refs/tags/v1"))

    assert signed.ask(rules, builder=f"{BUILDER}@v1").verdict is PASSED
    report = signed.ask(rules, builder=f"{BUILDER}@v2")

    assert [check.status for check in report.checks if check.id == "builder.id"] == [FAILED, PASSED]


# --- Who vouches for the builder --------------------------------------------------------------------------------------


def test_who_signs_as_the_builder_vouches_for_it() -> None:
    signed = by_certificate(saying(LOCAL, builder=IDENTITY))
    check = the(signed.ask(policy(), builder=IDENTITY, require_vouched=True), "builder.id")
    assert (check.status, check.vouched_by) == (PASSED, "certificate")


def test_a_builder_whose_provenance_nobody_else_can_write_vouches_for_itself() -> None:
    scope = Scope(builders=(BUILDER,), is_isolated=True)
    check = the(by_key(saying(LOCAL, builder=BUILDER), scope=scope).ask(policy(), builder=BUILDER), "builder.id")
    assert (check.status, check.vouched_by) == (PASSED, "builder")


@pytest.mark.parametrize("scope", [Scope(), Scope(builders=("https://other.test",), is_isolated=True)])
def test_the_signers_word_of_the_builder_is_not_enough_where_vouchers_are_asked_for(scope: Scope) -> None:
    signed = by_key(saying(LOCAL, builder=BUILDER), scope=scope)
    assert the(signed.ask(policy(), builder=BUILDER), "builder.id").vouched_by == "signer"

    check = the(signed.ask(policy(), builder=BUILDER, require_vouched=True), "builder.id")

    assert (check.status, check.reason) == (UNKNOWN, "not-vouched")


def test_a_certificate_of_somebody_else_does_not_vouch_for_the_builder() -> None:
    for builder in (BUILDER, "", f"{ISSUER}/acme/other//.gitlab-ci.yml"):
        signed = by_certificate(saying(LOCAL, builder=builder))
        wanted = builder or BUILDER
        assert the(signed.ask(policy(), builder=wanted), "builder.id").vouched_by == "signer"


# --- Base images ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("alpine", "docker.io/library/alpine"),
        ("acme/base", "docker.io/acme/base"),
        ("docker.io/library/alpine", "docker.io/library/alpine"),
        ("localhost/base", "localhost/base"),
        ("localhost:5000/base", "localhost:5000/base"),
        ("registry/base", "docker.io/registry/base"),
        ("registry.test/base", "registry.test/base"),
    ],
)
def test_a_base_image_is_known_by_its_full_name(written: str, full: str) -> None:
    """As docker completes names (distribution/reference, normalize.go)."""
    assert full_name(written) == full


@pytest.mark.parametrize(
    "uri",
    [
        "pkg:oci/alpine@3?repository_url=evil.test/alpine",
        "pkg:oci/alpine?digest=sha256:aa",
        "pkg:docker/alpine@3?repository_url=evil.test/alpine",
        "PKG:docker/evil.test/alpine@3",
        "docker-image://evil.test/alpine",
    ],
)
def test_an_image_of_elsewhere_has_no_name_of_a_registry_s(uri: str) -> None:
    allowed = BaseImageRules(repositories=patterns("docker.io/library/alpine", "alpine"))
    check = the(by_key(saying(LOCAL, dependencies=[uri])).ask(policy(base_images=allowed)), "materials.allowed")
    assert check.reason == "other-base"


def test_where_nothing_is_listed_and_the_list_is_not_complete_nothing_is_known_of_base_images() -> None:
    """BuildKit lists every image, and is incomplete for a local context alone: FROM scratch is built from none."""
    foreign = "https://build.test/type"
    types = BuildRules(types=patterns(foreign, "/https://github\\.com/moby/.*/"))
    other = {"buildType": foreign}
    for rules in (BaseImageRules(repositories=patterns("docker.io/library/alpine")), BaseImageRules(pinned=True)):
        asked = policy(base_images=rules, build=types)
        report = by_key(saying(LOCAL, definition=other, dependencies=[], complete=False)).ask(asked)
        assert "incomplete" in answers(report).values()
        assert report.verdict is UNKNOWN
        assert by_key(saying(LOCAL, dependencies=[], complete=False)).ask(asked).verdict is PASSED


@pytest.mark.parametrize(
    "uri",
    [
        "pkg:docker/127.0.0.1%3A5000/base@1?platform=linux%2Famd64",
        "pkg:docker/127.0.0.1%3A5000/base?digest=sha256:aa&platform=linux%2Famd64",
        "pkg:docker/127.0.0.1:5000%2Fbase",
    ],
)
def test_a_base_image_is_found_in_every_spelling_of_its_address(uri: str) -> None:
    signed = by_key(saying(LOCAL, dependencies=[uri]))
    allowed = BaseImageRules(repositories=patterns("127.0.0.1:5000/base"))
    assert the(signed.ask(policy(base_images=allowed)), "materials.allowed").status is PASSED

    other = BaseImageRules(repositories=patterns("127.0.0.1:5000/other"))
    check = the(signed.ask(policy(base_images=other)), "materials.allowed")

    assert (check.reason, check.found) == ("other-base", ("127.0.0.1:5000/base",))


@pytest.mark.parametrize(
    "uri",
    [
        "pkg:docker/alpine@3?platform=linux%2Famd64%26digest%3Dsha256:" + "a" * 64,
        "pkg:docker/alpine@digest=sha256",
        "pkg:docker/alpine@3?digest=sha256",
        f"pkg:docker/alpine@3?digest=sha256:{'a' * 65}",
        f"pkg:docker/alpine@3?digest=sha256:{'a' * 63}",
        f"pkg:docker/alpine@3?digest=no-sha256:{'a' * 64}",
    ],
)
def test_what_looks_like_a_digest_elsewhere_in_the_address_pins_nothing(uri: str) -> None:
    report = by_key(saying(LOCAL, dependencies=[uri])).ask(policy(base_images=BaseImageRules(pinned=True)))
    assert the(report, "materials.pinned").reason == "not-pinned"


# --- Parameters -------------------------------------------------------------------------------------------------------


def test_values_of_parameters_are_not_repeated() -> None:
    """A secret that was given as a build argument must not come out again in the report."""
    rules = policy(parameters=ParameterRules(closed=True, allowed={"build-arg:MODE": patterns("release")}))
    for given in ({"MODE": "hunter2"}, {"PASSWORD": "hunter2"}):
        report = by_key(saying(arguments(**given), listed=True)).ask(rules)
        assert report.verdict is FAILED
        assert "hunter2" not in json.dumps(encode(report.to_json()).decode())


def test_a_wrong_parameter_fails_even_where_not_all_are_listed() -> None:
    rules = policy(parameters=ParameterRules(allowed={"build-arg:MODE": patterns("release")}))
    assert answers(by_key(arguments(MODE="debug")).ask(rules)) == {"parameters.allowed": "parameter-value"}
    assert answers(by_key(arguments(MODE="release")).ask(rules)) == {"parameters.allowed": "incomplete"}


def test_parameters_of_every_statement_and_every_layer_count() -> None:
    rules = policy(parameters=ParameterRules(closed=True))
    below = images.git_build("refs/heads/main", root={"request": {"args": {"build-arg:MODE": "x"}}})
    below["buildDefinition"]["externalParameters"]["request"]["root"]["configSource"] = below["buildDefinition"][
        "externalParameters"
    ]["configSource"]
    assert by_key(saying(images.git_build("refs/heads/main"), listed=True)).ask(rules).verdict is PASSED
    assert answers(by_key(saying(below, listed=True)).ask(rules)) == {"parameters.allowed": "parameter-unlisted"}


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "tests/evil.Dockerfile"},
        {"uri": f"{images.REPOSITORY}.git#refs/heads/main:evil"},
    ],
)
def test_closed_parameters_refuse_another_dockerfile(changed: dict[str, str]) -> None:
    """SLSA v1.2, "Verifying artifacts": externalParameters, all of them; the same commit holds many Dockerfiles."""
    rules = policy(parameters=ParameterRules(closed=True))
    honest = saying(images.git_build("refs/heads/main"), listed=True)
    assert by_key(honest).ask(rules).verdict is PASSED
    other = saying(honest, listed=True)
    other["buildDefinition"]["externalParameters"]["configSource"].update(changed)
    assert answers(by_key(other).ask(rules)) == {"parameters.allowed": "parameter-unlisted"}


# --- Age --------------------------------------------------------------------------------------------------------------

NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
DAY: Final = BuildRules(max_age=timedelta(days=1))


def aged(finished: str, now: datetime = NOW) -> Check:
    expected = Expectations(policy=policy(build=DAY))
    (source,) = by_key(saying(LOCAL, finished=finished)).corroborated(expected)
    (check,) = build_age(source, expected, now)
    return check


@pytest.mark.parametrize(
    ("finished", "reason"),
    [
        ("2026-05-31T00:00:00Z", ""),
        ("2026-05-31T00:00:00", ""),
        ("2026-05-31T02:00:00+02:00", ""),
        ("2026-05-30T23:59:59Z", "too-old"),
        ("2026-05-31T01:00:00+02:00", "too-old"),
        ("2026-06-01T00:10:00Z", ""),
        ("2026-06-01T00:10:01Z", "future"),
        ("0001-01-01T00:00:00+14:00", "no-claim"),
        ("9999-12-31T23:59:59-14:00", "no-claim"),
        ("", "no-claim"),
    ],
)
def test_an_age_is_counted_from_the_end_of_the_build(finished: str, reason: str) -> None:
    """Clocks may be ten minutes apart; a time that no calendar holds is none."""
    assert aged(finished).reason == reason


def certified_at(start: datetime, finished: str) -> Check:
    """A build that its pipeline signed with a certificate of that time."""
    expected = Expectations(policy=policy(build=DAY))
    signer = replace(PIPELINE, not_before=start, not_after=start + timedelta(minutes=10))
    (source,) = by_certificate(saying(LOCAL, finished=finished), signer=signer).corroborated(expected)
    (check,) = build_age(source, expected, NOW)
    return check


def test_a_certificate_proves_when_it_was_signed() -> None:
    """Whatever the builder's clock says: it can be set."""
    fresh = certified_at(NOW - timedelta(hours=1), "2026-05-31T23:00:00Z")
    assert (fresh.status, fresh.vouched_by) == (PASSED, "certificate")

    old = certified_at(NOW - timedelta(days=2), "2026-05-31T23:00:00Z")

    assert (old.reason, old.vouched_by) == ("too-old", "certificate")


def test_signing_an_old_build_again_does_not_make_it_recent() -> None:
    """Rule 10: the provenance itself says that the build ended years ago."""
    assert certified_at(NOW - timedelta(hours=1), "2020-01-01T00:00:00Z").reason == "too-old"
