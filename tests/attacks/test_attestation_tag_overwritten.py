"""Whoever can push overwrites cosign's tag, with something unsigned, somebody else's, or another image's."""

from __future__ import annotations

import pytest

from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, SIGNATURE, passed, refused, unknown
from tests.attacks.certified import Annotated, Sigstore
from tests.attacks.ways import KeyEnvelope
from tests.cosign_tags import tag

Way = KeyEnvelope | Annotated


@pytest.fixture(params=["key-envelope", "annotations"])
def way(request: pytest.FixtureRequest, key: SigningKey, sigstore: Sigstore) -> Way:
    """Those that lie under tags."""
    return KeyEnvelope(key) if request.param == "key-envelope" else Annotated(sigstore)


@pytest.fixture
def other() -> images.Pushed:
    return images.push({"linux/arm64": None})


@pytest.fixture
def statement(way: Way, pushed: images.Pushed) -> bytes:
    """Signed, and under the tag; it passes until somebody overwrites it."""
    statement = images.embedded(images.local_build(), pushed.digest)
    way.attest(pushed, statement)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))
    return statement


def test_the_attestation_of_another_image_is_about_that(
    way: Way, pushed: images.Pushed, other: images.Pushed, statement: bytes
) -> None:
    way.attest(other, statement.replace(pushed.digest.hex.encode(), other.digest.hex.encode()))
    pushed.store.contents |= other.store.contents
    pushed.store.tagged[pushed.digest, "att"] = other.store.tagged[other.digest, "att"]

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "subject.digest", "subject", f"about {other.digest}")


@pytest.mark.usefixtures("statement")
def test_the_signature_of_another_image_is_about_that(way: Way, pushed: images.Pushed, other: images.Pushed) -> None:
    way.sign(pushed)
    assert passed(way.ask(pushed, SIGNATURE))

    way.sign(pushed, about=other.digest)

    refused(way.ask(pushed, SIGNATURE), "subject.digest", "subject", f"about {other.digest}")


def test_an_unsigned_one_proves_nothing(way: Way, pushed: images.Pushed, statement: bytes) -> None:
    way.attest(pushed, statement, lambda envelope: envelope.update(signatures=[]))

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "signature-count", "with 0 signatures")


def test_a_bare_statement_is_no_attestation(way: Way, pushed: images.Pushed, statement: bytes) -> None:
    tag(pushed.store, pushed.digest, "att", (statement, "application/vnd.in-toto+json", {}))

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "predicate.type", "no-provenance")


def test_somebody_elses_proves_nothing(way: Way, pushed: images.Pushed, statement: bytes) -> None:
    KeyEnvelope(images.new_key()).attest(pushed, statement)

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "other-key", "signed with a")


@pytest.mark.usefixtures("statement")
def test_an_image_signature_is_no_attestation(way: Way, pushed: images.Pushed) -> None:
    way.sign(pushed)
    pushed.store.tagged[pushed.digest, "att"] = pushed.store.tagged.pop((pushed.digest, "sig"))

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "predicate.type", "no-provenance")


@pytest.mark.usefixtures("statement")
def test_an_empty_one_takes_the_evidence_away(way: Way, pushed: images.Pushed) -> None:
    tag(pushed.store, pushed.digest, "att")

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "predicate.type", "no-provenance")
