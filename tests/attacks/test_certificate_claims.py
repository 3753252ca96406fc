"""What a certificate proves: which pipeline signed, not what was built (rule 6 of who vouches)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.trust.identity import CertifiedSigner, ExpectedIdentity
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, SIGNATURE, TAG, passed, trouble
from tests.pretended_roots import PretendedRoots

ISSUER: Final = "https://gitlab.example.test"
IDENTITY: Final = f"{ISSUER}/acme/app//.gitlab-ci.yml@refs/tags/{images.TAG}"
PIPELINE: Final = CertifiedSigner(IDENTITY, ISSUER, images.REPOSITORY, images.COMMIT, f"refs/tags/{images.TAG}")


def asked(
    pushed: images.Pushed,
    authority: PretendedRoots,
    expected: Expectations = REPOSITORY_AND_COMMIT,
    identity: str = IDENTITY,
) -> Report:
    return verify_reference(pushed.store, Trust((), (ExpectedIdentity(identity, ISSUER),), authority), expected)


def published(
    commit: str = images.COMMIT, build: images.Predicate | None = None
) -> tuple[images.Pushed, PretendedRoots]:
    """An image whose index was signed with a certificate; its provenance was embedded by BuildKit."""
    key = images.new_key()
    pushed = images.push({"linux/amd64": build or images.local_build(commit)})
    images.sign_index(pushed, key, certificate=b"a certificate")
    return pushed, PretendedRoots(((key.public, PIPELINE),))


def saying(authority: PretendedRoots, signer: CertifiedSigner) -> PretendedRoots:
    """The same key, with another certificate."""
    return PretendedRoots(tuple((key, signer) for key, _ in authority.signers))


def test_honest_hints_pass_with_a_certificate_that_says_the_same() -> None:
    pushed, authority = published()
    report = asked(pushed, authority)

    assert passed(report)
    commit = next(check for check in report.checks if check.id == "source.commit")
    assert commit.vouched_by == "certificate"


def test_the_tag_is_what_the_certificate_says() -> None:
    pushed, authority = published()
    assert passed(asked(pushed, authority, TAG))


def test_a_certificate_without_a_source_leaves_hints_to_the_signer_and_that_is_not_enough() -> None:
    pushed, authority = published()
    report = asked(pushed, saying(authority, CertifiedSigner(IDENTITY, ISSUER)))
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "not-vouched")


def test_certificate_and_hint_that_disagree_fail() -> None:
    pushed, authority = published(images.OTHER_COMMIT)
    report = asked(pushed, authority)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-commit")


def test_certificate_and_hint_that_disagree_fail_whatever_was_asked() -> None:
    pushed, authority = published(images.OTHER_COMMIT)
    report = asked(pushed, authority, Expectations(images.REPOSITORY))
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "contradiction")


def test_a_pipeline_that_signs_what_says_nothing_of_its_source_proves_nothing() -> None:
    pushed, authority = published(build=images.local_build("", ""))
    report = asked(pushed, authority)
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "not-vouched")


def test_a_certificate_for_a_branch_is_none_for_a_tag() -> None:
    pushed, authority = published()
    branch = saying(authority, replace(PIPELINE, ref="refs/heads/main"))
    report = asked(pushed, branch, TAG)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-tag")


def test_somebody_elses_good_certificate_is_refused_and_named() -> None:
    pushed, authority = published()
    report = asked(pushed, authority, identity=f"{ISSUER}/acme/other//.gitlab-ci.yml@refs/tags/{images.TAG}")
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-identity")
    assert IDENTITY in trouble(report).summary


def test_an_identity_that_differs_only_in_its_ref_is_explained() -> None:
    pushed, authority = published()
    report = asked(pushed, authority, identity=f"{ISSUER}/acme/app//.gitlab-ci.yml@refs/heads/main")
    assert trouble(report).reason == "other-identity"
    assert "only the branch or tag" in trouble(report).summary


def test_a_signature_by_another_key_than_the_certificates_is_refused() -> None:
    pushed, _ = published()
    report = asked(pushed, PretendedRoots(((images.new_key().public, PIPELINE),)), SIGNATURE)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "certificate")
