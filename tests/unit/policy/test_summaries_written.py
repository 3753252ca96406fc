"""Verification summaries: who may sign them, and what is written of a report."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.errors import UsageError
from attest.policy.policy import KeyRoot, SummaryRules, TrustRules
from attest.policy.report import Report, Status
from attest.policy.roots import believed
from attest.policy.summaries import SUMMARY, Verifier, load_verifiers, summary_of
from attest.reference import Platform
from attest.trust.identity import ExpectedIdentity
from attest.trust.keys import SigningKey
from attest.trust.scope import Scope
from attest.trust.signatures import Trust
from tests import images
from tests.policies import (
    AMD64,
    CERTIFICATE,
    ISSUER,
    by_certificate,
    by_key,
    policy,
    two_platforms,
)
from tests.pretended_roots import PretendedRoots
from tests.summaries import MONTH, NOW, VERIFIER, Document, ask, summary, tell, unproven, verifier

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


# --- Whose keys


@pytest.fixture
def pem(tmp_path: Path) -> tuple[SigningKey, str]:
    key = images.new_key()
    path = tmp_path / "key.pub"
    path.write_bytes(key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return key, str(path)


def test_a_verifier_has_keys_of_its_own(pem: tuple[SigningKey, str]) -> None:
    key, path = pem
    rules = policy(summaries=(SummaryRules(VERIFIER, keys=(KeyRoot(path, Scope()),), max_age=MONTH),))
    (loaded,) = load_verifiers(rules, Trust((images.new_key().public,), denied=frozenset({"sha256:1"})), None, {})
    assert loaded.trust.keys[0].fingerprint == key.public.fingerprint
    assert loaded.trust.denied == {"sha256:1"}
    assert tell(unproven(), summary(rules), key).ask(rules, (loaded,)).verdict is PASSED

    with pytest.raises(UsageError, match="signs its summaries as images are signed"):
        load_verifiers(rules, Trust((key.public,)), None, {})


def test_a_denied_key_signs_no_summaries(pem: tuple[SigningKey, str]) -> None:
    key, path = pem
    rules = policy(summaries=(SummaryRules(VERIFIER, keys=(KeyRoot(path, Scope()),)),))
    (loaded,) = load_verifiers(rules, Trust(denied=frozenset({key.public.fingerprint})), None, {})
    assert tell(unproven(), summary(rules), key).ask(rules, (loaded,)).verdict is UNKNOWN


EVERYBODY: Final = ExpectedIdentity(".*", ISSUER, is_pattern=True)


def refused(of_images: ExpectedIdentity, of_summaries: ExpectedIdentity) -> bool:
    rules = policy(summaries=(SummaryRules(VERIFIER, identities=(of_summaries,)),))
    try:
        load_verifiers(rules, Trust((), (of_images,), PretendedRoots(())), PretendedRoots(()), {})
    except UsageError:
        return True
    return False


def test_an_identity_of_images_signs_no_summaries() -> None:
    one, other = (ExpectedIdentity(f"{ISSUER}/{name}", ISSUER) for name in ("app", "verifier"))
    assert refused(one, one)
    assert not refused(one, other)
    assert not refused(one, replace(one, issuer="https://other.test"))


@pytest.mark.parametrize("is_of_images", [True, False])
def test_an_expression_that_takes_in_the_other_is_the_same_identity(is_of_images: bool) -> None:
    exact = ExpectedIdentity(f"{ISSUER}/acme/app", ISSUER)
    wide = ExpectedIdentity(f"{ISSUER}/acme/.*", ISSUER, is_pattern=True)
    assert refused(wide, exact) if is_of_images else refused(exact, wide)


def test_a_flag_does_not_hide_that_a_key_is_one_of_images(pem: tuple[SigningKey, str], tmp_path: Path) -> None:
    _, path = pem
    other = images.new_key()
    (tmp_path / "other.pub").write_bytes(other.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    roots = (KeyRoot(path, Scope()), KeyRoot(str(tmp_path / "other.pub"), Scope()))
    rules = policy(trust=TrustRules(keys=roots), summaries=(SummaryRules(VERIFIER, keys=roots[:1]),))
    with pytest.raises(UsageError):
        load_verifiers(rules, believed(rules, (), (), None, {}), None, {})
    with pytest.raises(UsageError):
        load_verifiers(rules, believed(rules, (other.public,), (), None, {}), None, {})


def test_a_flag_does_not_hide_that_an_identity_is_one_of_images() -> None:
    one, other = (ExpectedIdentity(f"{ISSUER}/{name}", ISSUER) for name in ("app", "verifier"))
    rules = policy(trust=TrustRules(identities=(one, other)), summaries=(SummaryRules(VERIFIER, identities=(other,)),))
    with pytest.raises(UsageError):
        load_verifiers(rules, believed(rules, (), (one,), PretendedRoots(()), {}), PretendedRoots(()), {})


def test_the_same_expression_is_the_same_identity() -> None:
    wide = ExpectedIdentity(f"{ISSUER}/acme/.*", ISSUER, is_pattern=True)
    assert refused(wide, wide)
    assert not refused(wide, replace(wide, issuer="https://other.test"))


def test_who_turns_out_to_sign_images_signs_no_summaries() -> None:
    """Of two expressions nobody can tell beforehand whether somebody is both; and callers bring their own verifiers."""
    rules, signed = policy(), unproven()
    tell(signed, summary(rules), signed.key)
    elsewhere = replace(signed, trust=Trust((images.new_key().public,)))
    assert elsewhere.ask(rules, (verifier(signed.key),)).verdict is PASSED
    assert signed.ask(rules, (verifier(signed.key),)).verdict is UNKNOWN

    pipeline = by_certificate()
    images.sign_about(pipeline.pushed, (pipeline.pushed.root,), SUMMARY, summary(rules), pipeline.key, CERTIFICATE)
    both = Verifier(SummaryRules(VERIFIER), replace(pipeline.trust, identities=(EVERYBODY,)))
    stranger = replace(pipeline.trust, identities=(replace(EVERYBODY, name="nobody"),))
    assert replace(pipeline, trust=stranger).ask(rules, (both,)).verdict is PASSED
    assert pipeline.ask(rules, (both,)).verdict is UNKNOWN


# --- Writing one


def written(report: Report) -> Document:
    document: Document = json.loads(summary_of(report))
    return document


def test_what_is_written_is_accepted_by_who_believes_the_writer() -> None:
    key, rules = images.new_key(), policy()
    report = by_key(images.local_build(), scope=Scope(level=2)).ask(rules)
    document = written(report)
    assert document["predicate"]["verificationResult"] == "PASSED"
    assert document["predicate"]["verifiedLevels"] == ["SLSA_BUILD_LEVEL_2"]

    writer = Verifier(
        SummaryRules(document["predicate"]["verifier"]["id"], max_age=timedelta(hours=1)), Trust((key.public,))
    )
    accepted = tell(unproven(), document["predicate"], key).ask(rules, (writer,))

    assert accepted.verdict is PASSED
    assert [one["digest"] for one in document["subject"]] == [{"sha256": str(accepted.digest).removeprefix("sha256:")}]


def test_a_summary_says_what_was_looked_at_and_by_which_policy() -> None:
    rules = policy()
    report = by_key(images.local_build()).ask(rules)
    predicate = written(report)["predicate"]
    assert predicate["policy"] == {"uri": "policy.toml", "digest": {"sha256": rules.digest.hex}}
    assert [one["digest"]["sha256"] for one in predicate["inputAttestations"]] == [one.hex for one in report.inputs]
    assert len(report.inputs) == 1
    assert (predicate["resourceUri"], predicate["timeVerified"]) == ("registry.test/acme/app:1.0.0", report.time)


def test_a_failure_is_written_as_one() -> None:
    predicate = written(by_key(images.local_build(repository="https://git.example.test/acme/b")).ask(policy()))[
        "predicate"
    ]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])


def test_of_some_platforms_it_speaks_for_those_alone() -> None:
    signed = two_platforms(images.local_build(), None)
    report = signed.ask(policy(), platforms=(Platform.parse(AMD64),))
    assert [one["digest"]["sha256"] for one in written(report)["subject"]] == [
        signed.pushed.platforms[AMD64].digest.hex
    ]


def test_nothing_is_summed_up_where_nothing_was_decided_or_no_policy_applied() -> None:
    with pytest.raises(UsageError, match="names the policy"):
        summary_of(by_key(images.local_build()).ask(repository=images.REPOSITORY))
    with pytest.raises(UsageError, match="nothing was decided"):
        summary_of(unproven().ask(policy()))


def test_a_summary_is_not_made_young_by_summing_it_up_again() -> None:
    """Rule 14, not older than allowed: the evidence was last looked at when the first one was written."""
    report = ask(summary(policy(), ago=timedelta(days=29)), max_age=MONTH)
    assert report.verdict is PASSED
    try:
        said = datetime.fromisoformat(written(report)["predicate"]["timeVerified"])
    except UsageError:
        return
    assert said <= NOW - timedelta(days=29)
