from __future__ import annotations

import base64
import json

from sigstore_models.bundle.v1 import Bundle

from attest.evidence.bundle import parse_bundle
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import parse_statement
from attest.reference import Digest
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.signing.statements import sign_image, sign_statement, statement_bytes
from tests import images

INDEX, PLATFORM = Digest.of(b"index"), Digest.of(b"platform")


def test_the_predicate_goes_in_as_the_text_it_was() -> None:
    predicate = '{"n":5.0, "big":12345678901234567890123, "z":1, "a":[ ]}'
    statement = statement_bytes("registry.test/app", [INDEX, PLATFORM], SLSA_V1, predicate)
    parsed = parse_statement(statement, "here")
    assert parsed.predicate_text == predicate
    assert parsed.subject_digests == (INDEX, PLATFORM)


def test_the_pre_authentication_encoding_is_the_specification_s() -> None:
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_bundle_is_what_sigstores_own_model_takes() -> None:
    key = images.new_key()
    signed = sign_image(INDEX, key)
    bundle = Bundle.from_json(signed.content)
    assert bundle.verification_material.public_key is not None
    assert bundle.verification_material.public_key.hint == key.public.hint
    assert json.loads(parse_bundle(signed.content, "here").envelope.payload) == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": INDEX.hex}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }


def test_what_is_signed_is_what_is_stored() -> None:
    key = images.new_key()
    statement = statement_bytes("app", [INDEX], SLSA_V1, "{}")
    envelope = json.loads(sign_statement(statement, SLSA_V1, key).content)["dsseEnvelope"]
    assert base64.b64decode(envelope["payload"]) == statement
    message = pre_authentication_encoding(envelope["payloadType"], statement)
    assert key.public.verifies(base64.b64decode(envelope["signatures"][0]["sig"]), message)


def test_signing_again_gives_the_same_bundle() -> None:
    key = images.new_key()
    assert sign_image(INDEX, key) == sign_image(INDEX, key)
