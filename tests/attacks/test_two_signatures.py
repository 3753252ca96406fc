"""Of two signatures one is bad: a bundle has exactly one, an envelope alone may have several."""

from __future__ import annotations

import base64

import pytest

from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, ask, passed, refused
from tests.attacks.certified import Annotated, Document, Sigstore
from tests.attacks.ways import KeyEnvelope, Way
from tests.cosign_tags import envelope, tag

Signature = dict[str, str]


def signature(raw: bytes) -> Signature:
    return {"sig": base64.b64encode(raw).decode()}


def added(at: int, one: Signature, document: Document) -> None:
    document["signatures"].insert(at, one)


@pytest.fixture
def statement(pushed: images.Pushed) -> bytes:
    return images.embedded(images.local_build(), pushed.digest)


@pytest.mark.parametrize("way", ["key-bundle", "bundle"], indirect=True)
@pytest.mark.parametrize("at", [0, 1])
def test_a_bundle_with_a_second_signature_is_refused(
    at: int, way: Way, pushed: images.Pushed, statement: bytes
) -> None:
    way.attest(pushed, statement)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement, lambda document: added(at, signature(b"bad"), document))

    said = "a bundle with 2 signatures, where one is expected"
    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "signature-count", said)


@pytest.mark.parametrize("at", [0, 1])
def test_in_an_envelope_alone_the_one_by_an_accepted_key_counts(
    at: int, key: SigningKey, pushed: images.Pushed, statement: bytes
) -> None:
    way, other = KeyEnvelope(key), signature(images.signature_of(statement, images.new_key()))

    way.attest(pushed, statement, lambda document: added(at, other, document))

    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))


def test_the_report_tells_of_the_signature_that_nobody_accepted(
    key: SigningKey, pushed: images.Pushed, statement: bytes
) -> None:
    way = KeyEnvelope(key)
    way.attest(pushed, statement)
    alone = way.ask(pushed, REPOSITORY_AND_COMMIT)
    way.attest(pushed, statement, lambda document: added(1, signature(b"bad"), document))

    report = way.ask(pushed, REPOSITORY_AND_COMMIT)

    assert passed(report)
    told = [(check.summary, check.found, check.hint) for check in report.checks]
    assert told != [(check.summary, check.found, check.hint) for check in alone.checks]


@pytest.mark.parametrize("at", [0, 1])
def test_beside_a_certificate_there_is_one_signature(
    at: int, sigstore: Sigstore, pushed: images.Pushed, statement: bytes
) -> None:
    way = Annotated(sigstore)
    way.attest(pushed, statement)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement, lambda document: added(at, signature(b"bad"), document))

    refused(
        way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "certificate", "2 signatures for one certificate"
    )


@pytest.mark.parametrize(("count", "reason"), [(1, "other-key"), (10, "other-key"), (11, "signature-count")])
def test_signatures_of_others_open_nothing_however_many(
    count: int, reason: str, key: SigningKey, pushed: images.Pushed, statement: bytes
) -> None:
    """Each costs a verification with each key, so there is an end to them: even an accepted one at the end is lost."""
    foreign = [images.signature_of(statement, images.new_key())] * count
    tag(pushed.store, pushed.digest, "att", envelope(statement, *foreign))
    refused(ask(pushed, key), "signer.identity", reason)
