"""Verification summaries: what another verifier's word is good for, and what not (rule 14)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import SPDX_DOCUMENT
from attest.policy.policy import BuildRules, Policy, SbomRules, SourceRules
from attest.policy.report import Status
from attest.policy.summaries import SUMMARY
from attest.reference import Digest, Platform
from tests import images
from tests.policies import (
    AMD64,
    ARM64,
    Signed,
    TaggedStore,
    answers,
    by_key,
    patterns,
    policy,
    saying,
    the,
    two_platforms,
)
from tests.summaries import MONTH, NOW, VERIFIER, Document, ask, summary, tell, unproven, verifier

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def test_a_summary_stands_for_evidence_that_is_not_here() -> None:
    rules = policy({"summaries": 20})
    assert unproven().ask(rules).verdict is UNKNOWN

    report = ask(summary(rules), rules)

    assert report.verdict is PASSED
    check = the(report, "summary.accepted")
    assert (check.status, check.found, check.origin) == (PASSED, (VERIFIER,), "policy.toml:20")
    assert {check.id for check in report.checks if not check.required} == {"predicate.type", "source.repository"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"verifier": {"id": "https://verifier.test/other"}},
        {"verifier": {}},
        {"verifier": VERIFIER},
        {"policy": {"uri": "policy.toml", "digest": {"sha256": "0" * 64}}},
        {"policy": {"uri": "policy.toml"}},
        {"policy": {"uri": "policy.toml", "digest": {"sha512": Digest.of(b"the policy").hex}}},
        {"resourceUri": "registry.test/acme/other:1.0.0"},
        {"resourceUri": "registry.test/acme/app-evil:1.0.0"},
        {"resourceUri": "registry.test/acme/app/more:1.0.0"},
        {"resourceUri": ""},
        {"timeVerified": (NOW + timedelta(hours=1)).isoformat()},
        {"timeVerified": "yesterday"},
        {"timeVerified": ""},
    ],
)
def test_a_summary_of_something_else_says_nothing(wrong: Document) -> None:
    rules = policy()
    assert ask(summary(rules), rules).verdict is PASSED
    for result in ("PASSED", "FAILED"):
        report = ask(summary(rules, result, **wrong), rules)
        assert report.verdict is UNKNOWN
        (told,) = [check for check in report.checks if check.id == "summary.accepted"]
        assert (told.reason, told.required) == ("summary-unfit", False)


def test_a_summary_about_another_image_says_nothing() -> None:
    key = images.new_key()
    other = images.push({AMD64: images.local_build(), ARM64: None})
    bundle = images.sign_about(other, (other.root,), SUMMARY, summary(policy()), key, b"")
    signed = unproven()
    images.attach(signed.pushed.store, bundle, signed.pushed.root)
    assert signed.ask(policy(), (verifier(key),)).verdict is UNKNOWN


def test_a_summary_that_nobody_signed_says_nothing() -> None:
    key, rules = images.new_key(), policy()
    for signer in (images.new_key(), unproven().key):
        assert tell(unproven(), summary(rules), signer).ask(rules, (verifier(key),)).verdict is UNKNOWN


def test_a_key_of_images_signs_no_summaries_and_a_verifier_s_no_images() -> None:
    rules, key = policy(), images.new_key()
    signed = unproven()
    assert tell(signed, summary(rules), signed.key).ask(rules, (verifier(key),)).verdict is UNKNOWN

    of_verifier = unproven()
    images.sign_provenance(of_verifier.pushed, AMD64, images.local_build(), key)
    assert of_verifier.ask(rules, (verifier(key),)).verdict is not PASSED


def test_one_verifier_s_key_signs_no_summaries_of_another_one() -> None:
    rules, mine, theirs = policy(), images.new_key(), images.new_key()
    verifiers = (verifier(mine), verifier(theirs, name="https://other.test"))
    assert tell(unproven(), summary(rules), mine).ask(rules, verifiers).verdict is PASSED
    assert tell(unproven(), summary(rules), theirs).ask(rules, verifiers).verdict is UNKNOWN
    in_their_name = summary(rules, verifier={"id": "https://other.test"})
    assert tell(unproven(), in_their_name, theirs).ask(rules, verifiers).verdict is PASSED
    assert tell(unproven(), in_their_name, mine).ask(rules, verifiers).verdict is UNKNOWN


@pytest.mark.parametrize("predicate_type", ["https://slsa.dev/verification_summary/v0.2", SPDX_DOCUMENT])
def test_another_predicate_that_looks_like_a_summary_is_none(predicate_type: str) -> None:
    key, rules = images.new_key(), policy()
    signed = tell(unproven(), summary(rules), key, predicate_type=predicate_type)
    assert signed.ask(rules, (verifier(key),)).verdict is UNKNOWN


@pytest.mark.parametrize(
    "flags",
    [
        {"repository": images.REPOSITORY},
        {"commit": images.COMMIT},
        {"tag": images.TAG},
        {"branch": "main"},
        {"versioned_tag": "v1"},
        {"builder": "https://builder.test"},
        {"require_vouched": True},
    ],
)
def test_what_is_expected_besides_the_policy_needs_the_evidence_itself(flags: dict[str, Any]) -> None:
    rules = policy()
    assert ask(summary(rules), rules).verdict is PASSED
    assert ask(summary(rules), rules, **flags).verdict is UNKNOWN


def test_a_summary_may_be_too_old() -> None:
    rules = policy()
    assert ask(summary(rules, ago=timedelta(days=29)), rules, MONTH).verdict is PASSED
    assert ask(summary(rules, ago=timedelta(days=31)), rules, MONTH).verdict is UNKNOWN
    assert ask(summary(rules, ago=timedelta(days=31)), rules).verdict is PASSED


@pytest.mark.parametrize(
    ("levels", "verdict"),
    [
        (["SLSA_BUILD_LEVEL_2"], PASSED),
        (["SLSA_BUILD_LEVEL_3"], PASSED),
        (["SLSA_SOURCE_LEVEL_1", "SLSA_BUILD_LEVEL_2"], PASSED),
        (["SLSA_BUILD_LEVEL_1"], UNKNOWN),
        (["SLSA_SOURCE_LEVEL_3"], UNKNOWN),
        (["SLSA_BUILD_LEVEL_"], UNKNOWN),
        (["SLSA_BUILD_LEVEL_\u0663"], UNKNOWN),
        (["XSLSA_BUILD_LEVEL_3"], UNKNOWN),
        ([], UNKNOWN),
        ("SLSA_BUILD_LEVEL_3", UNKNOWN),
        ([3, None], UNKNOWN),
    ],
)
def test_a_summary_must_have_the_level_that_the_policy_asks_for(levels: Any, verdict: Status) -> None:
    rules = policy(build=BuildRules(level=2))
    assert ask(summary(rules, verifiedLevels=levels), rules).verdict is verdict


# --- Failures


def test_a_summary_of_a_failure_fails_whatever_is_here() -> None:
    key, rules = images.new_key(), policy()
    signed = by_key(images.local_build())
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED
    report = tell(signed, summary(rules, "FAILED"), key).ask(rules, (verifier(key),))
    assert (report.verdict, answers(report)) == (FAILED, {"summary.accepted": "summary-failed"})


@pytest.mark.parametrize("result", ["FAILED", "passed", "", "PASSED "])
def test_only_passed_is_passed(result: str) -> None:
    assert ask(summary(policy(), result)).verdict is FAILED


@pytest.mark.parametrize(("passed_ago", "failed_ago", "verdict"), [(1, 2, PASSED), (2, 1, FAILED), (1, 1, FAILED)])
def test_what_was_said_last_counts_and_a_failure_at_the_same_time_more(
    passed_ago: int, failed_ago: int, verdict: Status
) -> None:
    key, rules = images.new_key(), policy()
    said = [
        summary(rules, "PASSED", timedelta(hours=passed_ago)),
        summary(rules, "FAILED", timedelta(hours=failed_ago)),
    ]
    for order in (said, said[::-1]):
        signed = unproven()
        for one in order:
            tell(signed, one, key)
        assert signed.ask(rules, (verifier(key),)).verdict is verdict


def test_a_summary_that_passed_does_not_excuse_what_is_seen_to_be_wrong() -> None:
    key = images.new_key()
    cases: Sequence[tuple[Signed, Policy, str]] = (
        (by_key(images.local_build(repository="https://git.example.test/acme/b")), policy(), "source.repository"),
        (unproven(), policy(denied_digests=(unproven().pushed.digest,)), "image.denied"),
        (by_key(images.local_build()), policy(build=BuildRules(level=2)), "slsa.level"),
    )
    for signed, rules, check_id in cases:
        said = summary(rules, verifiedLevels=["SLSA_BUILD_LEVEL_3"])
        report = tell(signed, said, key).ask(rules, (verifier(key),))
        assert (report.verdict, list(answers(report))[:1]) == (FAILED, [check_id])
        assert the(report, check_id).required


def test_a_summary_does_not_speak_for_what_was_not_looked_at() -> None:
    """What its policy does not cover, a platform that is missing, and a policy that expects nothing stay open."""
    elsewhere = (Platform.parse("linux/s390x"),)
    for rules, platforms, check_id in (
        (policy(images=patterns("registry.test/acme/other")), (), "image.covered"),
        (policy(), elsewhere, "image.platforms"),
        (policy(source=SourceRules(clean=True)), (), "source.expected"),
    ):
        report = ask(summary(rules), rules, platforms=platforms)
        assert report.verdict is UNKNOWN
        assert the(report, check_id).required


def test_evidence_that_cannot_be_read_stays_open_beside_a_summary() -> None:
    key, rules = images.new_key(), policy()
    signed = tell(unproven(), summary(rules), key)
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED
    hidden = images.sign_about(signed.pushed, (signed.pushed.root,), SPDX_DOCUMENT, {}, key, b"")
    del signed.pushed.store.contents[Digest.of(hidden.content)]
    assert signed.ask(rules, (verifier(key),)).verdict is UNKNOWN


# --- Platforms and tags


def test_a_summary_must_speak_for_every_platform_that_is_asked_for() -> None:
    key, rules = images.new_key(), policy()
    signed = two_platforms(None, None)
    tell(signed, summary(rules), key, signed.pushed.platforms[AMD64])
    assert signed.ask(rules, (verifier(key),)).verdict is UNKNOWN
    assert signed.ask(rules, (verifier(key),), platforms=(Platform.parse(ARM64),)).verdict is UNKNOWN
    assert signed.ask(rules, (verifier(key),), platforms=(Platform.parse(AMD64),)).verdict is PASSED

    tell(signed, summary(rules), key, signed.pushed.root, signed.pushed.platforms[AMD64])
    assert signed.ask(rules, (verifier(key),)).verdict is UNKNOWN  # it names a platform, so it speaks for that one

    tell(signed, summary(rules), key, signed.pushed.root)
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED


def test_a_failure_of_one_platform_is_a_failure_of_the_image() -> None:
    key, rules = images.new_key(), policy()
    signed = two_platforms(None, None)
    tell(signed, summary(rules, ago=timedelta(hours=2)), key, signed.pushed.root)
    tell(signed, summary(rules, "FAILED"), key, signed.pushed.platforms[ARM64])
    assert signed.ask(rules, (verifier(key),)).verdict is FAILED


@pytest.mark.parametrize(
    ("store", "uri", "verdict"),
    [
        (TaggedStore("v2"), "registry.test/acme/app:v2", PASSED),
        (TaggedStore("v2"), "registry.test/acme/app:v1", UNKNOWN),
        (TaggedStore("v2"), "registry.test/acme/app", UNKNOWN),
        (TaggedStore(None, Digest.of(b"")), "registry.test/acme/app:v1", UNKNOWN),
        (TaggedStore(None, Digest.of(b"")), "registry.test/acme/app", UNKNOWN),
    ],
)
def test_where_the_policy_binds_the_image_tag_a_summary_is_for_that_tag_alone(
    store: TaggedStore, uri: str, verdict: Status
) -> None:
    """An old image, verified under its old tag, is put under a new one."""
    key, rules = images.new_key(), policy(image_tag="{source_tag}")
    signed = tell(unproven(store), summary(rules, resourceUri=uri), key)
    assert signed.ask(rules, (verifier(key),)).verdict is verdict
    if store.reference.tag is not None:
        assert signed.ask(policy(), (verifier(key),)).verdict is PASSED


# --- Time, and evidence that is taken away


def test_a_summary_does_not_keep_an_image_from_growing_old() -> None:
    key, rules = images.new_key(), policy(build=BuildRules(max_age=MONTH))
    old = saying(images.local_build(), finished=(NOW - timedelta(days=400)).isoformat())
    said = summary(rules, ago=timedelta(days=399))
    assert tell(by_key(old), said, key).ask(rules, (verifier(key),)).verdict is FAILED

    without_provenance = tell(unproven(), said, key).ask(rules, (verifier(key),))

    assert without_provenance.verdict is not PASSED


def test_what_a_stranger_signs_does_not_spoil_a_summary() -> None:
    """Rule 9: with it the image fails, without it it passes; and statements of strangers never contradict."""
    key, rules = images.new_key(), policy()
    signed = tell(unproven(), summary(rules), key)
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED
    images.sign_provenance(signed.pushed, AMD64, images.local_build(), images.new_key())
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED


def test_an_sbom_that_is_not_the_one_does_not_spoil_a_summary() -> None:
    """None contradicts another; the one that the verifier saw stayed elsewhere."""
    key, rules = images.new_key(), policy(sbom=SbomRules(required=True, formats=("cyclonedx",)))
    signed = tell(unproven().add({}, predicate_type=SPDX_DOCUMENT), summary(rules), key)
    assert the(signed.ask(rules), "sbom.present").reason == "other-format"
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED


def test_what_was_copied_here_from_another_image_does_not_spoil_a_summary() -> None:
    key, rules = images.new_key(), policy()
    signed = tell(unproven(), summary(rules), key)
    other = images.push({AMD64: images.local_build(), ARM64: None})
    bundle = images.sign_about(other, (other.root,), SLSA_V1, images.local_build(), signed.key, b"")
    images.attach(signed.pushed.store, bundle, signed.pushed.root)
    assert answers(signed.ask(rules))["subject.digest"] == "subject"
    assert signed.ask(rules, (verifier(key),)).verdict is PASSED
