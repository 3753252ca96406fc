"""Signatures and attestations under cosign's tags: whoever can write to the registry can write these tags too."""

from __future__ import annotations

import pytest

from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.reference import Digest
from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, trouble
from tests.cosign_tags import DSSE, envelope, payload, signature_layer, tag


@pytest.fixture
def key() -> SigningKey:
    return images.new_key()


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": images.local_build()})


def signed(digest: Digest, key: SigningKey) -> tuple[bytes, str, dict[str, str]]:
    return signature_layer(digest, signature=key.sign(payload(digest)))


def attested(pushed: images.Pushed, key: SigningKey, commit: str = images.COMMIT) -> tuple[bytes, str, dict[str, str]]:
    statement = images.embedded(images.local_build(commit), pushed.digest)
    return envelope(statement, images.signature_of(statement, key))


def test_an_honest_image_signature_of_cosign_2_passes(pushed: images.Pushed, key: SigningKey) -> None:
    tag(pushed.store, pushed.digest, "sig", signed(pushed.digest, key))
    assert passed(ask(pushed, key, SIGNATURE))


def test_it_vouches_for_what_buildkit_embedded(pushed: images.Pushed, key: SigningKey) -> None:
    tag(pushed.store, pushed.digest, "sig", signed(pushed.digest, key))
    assert passed(ask(pushed, key))


def test_an_honest_attestation_of_cosign_2_passes(key: SigningKey) -> None:
    pushed = images.push({"linux/amd64": None})
    tag(pushed.store, pushed.digest, "att", attested(pushed, key))
    assert passed(ask(pushed, key))


def test_a_payload_exchanged_after_signing_is_refused(pushed: images.Pushed, key: SigningKey) -> None:
    other = images.push({"linux/amd64": images.local_build(images.OTHER_COMMIT)})
    forged = signature_layer(pushed.digest, signature=key.sign(payload(other.digest)))
    tag(pushed.store, pushed.digest, "sig", forged)
    report = ask(pushed, key, SIGNATURE)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-key")


def test_a_payload_that_is_no_image_signature_is_none(pushed: images.Pushed, key: SigningKey) -> None:
    content = payload(pushed.digest, "atomic container signature")
    _, media_type, annotations = signature_layer(pushed.digest, signature=key.sign(content))
    tag(pushed.store, pushed.digest, "sig", (content, media_type, annotations))
    assert trouble(ask(pushed, key, SIGNATURE)).reason == "unsigned"


def test_a_statement_of_the_right_form_signed_as_simple_signing_is_no_image_signature(
    pushed: images.Pushed, key: SigningKey
) -> None:
    """The key has signed the statement's bytes, but not as a payload of this type."""
    statement = images.embedded(images.local_build(), pushed.digest)
    _, media_type, annotations = signature_layer(pushed.digest, signature=key.sign(statement))
    tag(pushed.store, pushed.digest, "sig", (statement, media_type, annotations))
    assert trouble(ask(pushed, key, SIGNATURE)).reason == "unsigned"


def test_a_signature_over_the_platform_is_not_one_over_the_index(key: SigningKey) -> None:
    pushed = images.push({"linux/amd64": None, "linux/arm64": None})
    amd64 = pushed.platforms["linux/amd64"].digest
    tag(pushed.store, amd64, "sig", signed(amd64, key))
    report = ask(pushed, key, SIGNATURE)
    assert not passed(report)
    assert f"over {amd64}" in trouble(report).hint


def test_another_commit_attested_by_the_same_key_contradicts(key: SigningKey) -> None:
    pushed = images.push({"linux/amd64": None})
    both = attested(pushed, key), attested(pushed, key, images.OTHER_COMMIT)
    tag(pushed.store, pushed.digest, "att", *both)
    assert ask(pushed, key).verdict is Status.FAILED


def test_an_annotation_of_another_predicate_type_changes_nothing(key: SigningKey) -> None:
    pushed = images.push({"linux/amd64": None})
    content, media_type, annotations = attested(pushed, key)
    annotations["predicateType"] = "https://sigstore.dev/cosign/sign/v1"
    tag(pushed.store, pushed.digest, "att", (content, media_type, annotations))
    assert media_type == DSSE
    assert passed(ask(pushed, key))
    assert not passed(ask(pushed, key, SIGNATURE))


def test_an_sbom_under_a_tag_vouches_for_nothing(pushed: images.Pushed, key: SigningKey) -> None:
    tag(pushed.store, pushed.digest, "sbom", (b"{}", "application/spdx+json", {}))
    assert trouble(ask(pushed, key, Expectations(commit=images.COMMIT))).reason == "unsigned"
