"""Envelopes that are not what they seem."""

from __future__ import annotations

import base64
import json

import pytest

from attest.evidence.provenance import SLSA_V1
from attest.policy.report import Status
from attest.trust.keys import SigningKey
from attest.trust.signing import SignedBundle, sign_statement
from tests import images
from tests.attacks.asking import ask, passed, trouble


@pytest.fixture
def key() -> SigningKey:
    return images.new_key()


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": None})


def payload_for(pushed: images.Pushed, commit: str = images.COMMIT) -> bytes:
    return images.embedded(images.local_build(commit), pushed.digest)


def test_the_honest_envelope_passes(pushed: images.Pushed, key: SigningKey) -> None:
    payload = payload_for(pushed)
    bundle = images.bundle_of(payload, [images.signature_of(payload, key)], key.public.hint)
    images.attach(pushed.store, bundle, pushed.root)
    assert passed(ask(pushed, key))


def test_a_payload_exchanged_after_signing_is_called_changed(pushed: images.Pushed, key: SigningKey) -> None:
    signature = images.signature_of(payload_for(pushed, images.OTHER_COMMIT), key)
    images.attach(pushed.store, images.bundle_of(payload_for(pushed), [signature], key.public.hint), pushed.root)
    report = ask(pushed, key)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "bad-signature")


@pytest.mark.parametrize("count", [0, 2])
def test_a_bundle_has_exactly_one_signature(count: int, pushed: images.Pushed, key: SigningKey) -> None:
    payload = payload_for(pushed)
    signatures = [images.signature_of(payload, key)] * count
    images.attach(pushed.store, images.bundle_of(payload, signatures, key.public.hint), pushed.root)
    assert trouble(ask(pushed, key)).reason == "signature-count"


def test_a_payload_of_another_type_is_no_statement(pushed: images.Pushed, key: SigningKey) -> None:
    payload = payload_for(pushed)
    signature = images.signature_of(payload, key, "application/json")
    bundle = images.bundle_of(payload, [signature], key.public.hint, payload_type="application/json")
    images.attach(pushed.store, bundle, pushed.root)
    assert not passed(ask(pushed, key))


def test_a_hint_alone_proves_nothing(pushed: images.Pushed, key: SigningKey) -> None:
    payload, other = payload_for(pushed), images.new_key()
    bundle = images.bundle_of(payload, [images.signature_of(payload, other)], key.public.hint)
    images.attach(pushed.store, bundle, pushed.root)
    assert trouble(ask(pushed, key)).reason == "bad-signature"


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
    images.attach(pushed.store, SignedBundle(b'{"a":' * 300_000, SLSA_V1), pushed.root)
    report = ask(pushed, key)
    assert (report.verdict, trouble(report).id) == (Status.UNKNOWN, "evidence.complete")


def test_a_statement_with_a_key_twice_is_refused(pushed: images.Pushed, key: SigningKey) -> None:
    """Two parsers would read two different statements in it."""
    payload = payload_for(pushed)[:-1] + b',"predicateType":"https://example.com/x"}'
    images.attach(pushed.store, images.bundle_of(payload, [images.signature_of(payload, key)]), pushed.root)
    assert not passed(ask(pushed, key))


def test_base64_with_line_breaks_is_not_read_loosely(pushed: images.Pushed, key: SigningKey) -> None:
    payload = payload_for(pushed)
    bundle = images.bundle_of(payload, [images.signature_of(payload, key)])
    encoded = base64.b64encode(payload).decode()
    loose = bundle.content.replace(encoded.encode(), f"{encoded[:8]}\\n{encoded[8:]}".encode())
    images.attach(pushed.store, SignedBundle(loose, SLSA_V1), pushed.root)
    assert not passed(ask(pushed, key))


def test_a_referrer_that_refers_to_something_else_is_ignored(pushed: images.Pushed, key: SigningKey) -> None:
    other = images.push({"linux/arm64": None}, pushed.store)
    pushed.store.root = pushed.root
    bundle = sign_statement(payload_for(pushed), SLSA_V1, key)
    images.attach(pushed.store, bundle, other.root)
    pushed.store.listed[pushed.digest] = pushed.store.listed.pop(other.digest)
    assert trouble(ask(pushed, key)).reason == "no-provenance"
