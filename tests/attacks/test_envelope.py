"""Envelopes that are not what they seem."""

from __future__ import annotations

import base64
import json

from attest.evidence.provenance import SLSA_V1
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import SignedBundle, sign_statement
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, ask, passed, refused, unknown
from tests.attacks.ways import CHANGED, Way


def payload_for(pushed: images.Pushed, commit: str = images.COMMIT) -> bytes:
    return images.embedded(images.local_build(commit), pushed.digest)


def test_a_payload_exchanged_after_signing_is_not_what_was_signed(way: Way, pushed: images.Pushed) -> None:
    way.attest(pushed, payload_for(pushed))
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    exchanged = base64.b64encode(payload_for(pushed)).decode()
    way.attest(pushed, payload_for(pushed, images.OTHER_COMMIT), lambda envelope: envelope.update(payload=exchanged))

    reason, said = CHANGED[way.name]
    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", reason, said)


def test_a_hint_alone_proves_nothing(pushed: images.Pushed, key: SigningKey) -> None:
    payload = payload_for(pushed)
    images.attach(pushed.store, images.bundle_of(payload, [images.signature_of(payload, key)], "wrong"), pushed.root)
    assert passed(ask(pushed, key))

    pushed.store.listed.clear()
    theirs = images.signature_of(payload, images.new_key())
    images.attach(pushed.store, images.bundle_of(payload, [theirs], key.public.hint), pushed.root)

    refused(ask(pushed, key), "signer.identity", "bad-signature", "it names the key cosign.pub")


def test_an_annotation_of_another_predicate_type_changes_nothing(pushed: images.Pushed, key: SigningKey) -> None:
    bundle = sign_statement(payload_for(pushed), SLSA_V1, key)
    images.attach(pushed.store, SignedBundle(bundle.content, "https://example.com/other"), pushed.root)
    assert passed(ask(pushed, key))


def test_rubbish_beside_good_evidence_is_reported_and_changes_nothing(pushed: images.Pushed, key: SigningKey) -> None:
    images.attach(pushed.store, sign_statement(payload_for(pushed), SLSA_V1, key), pushed.root)
    for rubbish in (
        b"",
        b"[]",
        b'{"mediaType": "x"}',
        b"\xff",
        json.dumps({"dsseEnvelope": 5}).encode(),
    ):
        images.attach(pushed.store, SignedBundle(rubbish, SLSA_V1), pushed.root)
    assert passed(ask(pushed, key))


def test_what_is_too_large_to_look_at_may_contradict(pushed: images.Pushed, key: SigningKey) -> None:
    images.attach(pushed.store, sign_statement(payload_for(pushed), SLSA_V1, key), pushed.root)
    assert passed(ask(pushed, key))

    images.attach(pushed.store, SignedBundle(b'{"a":' * 300_000, SLSA_V1), pushed.root)

    unknown(ask(pushed, key), "evidence.complete", "unreadable", "more than the 250000 that are read")
