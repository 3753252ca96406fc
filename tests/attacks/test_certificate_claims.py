"""What a certificate proves: which pipeline signed, not what was built (rule 6 of who vouches)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import pytest

from attest.evidence.bundle import Bundle
from attest.evidence.simple_signing import SimpleSigning
from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.trust.identity import CertifiedSigner, ExpectedIdentity, NotVerified
from attest.trust.keys import PublicKey
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, SIGNATURE, TAG, passed, trouble

ISSUER: Final = "https://gitlab.example.test"
IDENTITY: Final = f"{ISSUER}/acme/app//.gitlab-ci.yml@refs/tags/{images.TAG}"
PIPELINE: Final = CertifiedSigner(IDENTITY, ISSUER, images.REPOSITORY, images.COMMIT, f"refs/tags/{images.TAG}")


@dataclass(frozen=True, slots=True)
class Authority:
    """In place of Fulcio's roots: one key, and what a certificate for it would assert."""

    key: PublicKey
    signer: CertifiedSigner

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        from attest.trust.dsse import pre_authentication_encoding

        message = pre_authentication_encoding(bundle.envelope.payload_type, bundle.envelope.payload)
        if not self.key.verifies(bundle.envelope.signatures[0], message):
            raise NotVerified("the signature does not hold")
        return self.signer

    def signer_of_payload(self, signing: SimpleSigning) -> CertifiedSigner:
        if not self.key.verifies(signing.signature, signing.payload):
            raise NotVerified("the signature does not hold")
        return self.signer


def asked(
    pushed: images.Pushed,
    authority: Authority,
    expected: Expectations = REPOSITORY_AND_COMMIT,
    identity: str = IDENTITY,
) -> Report:
    return verify_reference(pushed.store, Trust((), (ExpectedIdentity(identity, ISSUER),), authority), expected)


def published(commit: str = images.COMMIT, build: images.Predicate | None = None) -> tuple[images.Pushed, Authority]:
    """An image whose index was signed with a certificate; its provenance was embedded by BuildKit."""
    key = images.new_key()
    pushed = images.push({"linux/amd64": build or images.local_build(commit)})
    images.sign_index(pushed, key, certificate=b"a certificate")
    return pushed, Authority(key.public, PIPELINE)


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
    report = asked(pushed, replace(authority, signer=CertifiedSigner(IDENTITY, ISSUER)))
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
    branch = replace(authority, signer=replace(PIPELINE, ref="refs/heads/main"))
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
    pushed, authority = published()
    report = asked(pushed, replace(authority, key=images.new_key().public), SIGNATURE)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "certificate")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("https://gitlab.com/acme", "https://gitlab.com/acme-evil/app//.gitlab-ci.yml@refs/heads/main"),
        ("https://gitlab.com/acme/.*", "https://gitlab.com/acme/app\nhttps://gitlab.com/evil"),
        ("a|b", "ab"),
        ("a|b", "xb"),
        (".*", "x\n"),
    ],
)
def test_an_expression_matches_the_whole_name_or_nothing(pattern: str, name: str) -> None:
    expected = ExpectedIdentity(pattern, ISSUER, is_pattern=True)
    assert not expected.accepts(name, ISSUER)


def test_an_expression_accepts_what_it_describes_from_its_issuer_only() -> None:
    expected = ExpectedIdentity(
        r"https://gitlab\.com/acme/[^/]+//\.gitlab-ci\.yml@refs/tags/v.*", ISSUER, is_pattern=True
    )
    name = "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1"
    assert expected.accepts(name, ISSUER)
    assert not expected.accepts(name, "https://gitlab.example.evil")


def test_an_expression_that_backtracks_for_ever_elsewhere_answers_at_once() -> None:
    assert not ExpectedIdentity("(a+)+$", ISSUER, is_pattern=True).accepts("a" * 50_000 + "b", ISSUER)
