"""Signing: statements that name an image, in Sigstore bundles v0.3 that cosign accepts unchanged.

What is signed is the exact bytes stored; a predicate goes in as the JSON text that it was.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

from attest.evidence.statement import COSIGN_SIGN, PAYLOAD_TYPE, STATEMENT_V1
from attest.oci.descriptor import SIGSTORE_BUNDLE
from attest.oci.document import Json, encode
from attest.reference import Digest
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.keys import SigningKey


@dataclass(frozen=True, slots=True)
class SignedBundle:
    """A bundle as it will be stored, and the predicate type that it is announced under."""

    content: bytes
    predicate_type: str


def statement_bytes(name: str, subjects: Sequence[Digest], predicate_type: str, predicate: str) -> bytes:
    """An in-toto Statement v1 about these digests; `predicate` is JSON text and goes in unchanged.

    Raises ValueError if in-toto's own validator does not take the frame (that would be our mistake, never the input's).
    """
    subject: list[Json] = [{"name": name, "digest": {digest.algorithm: digest.hex}} for digest in subjects]
    frame = encode({"_type": STATEMENT_V1, "subject": subject, "predicateType": predicate_type})
    _validate_frame(frame)
    return frame[:-1] + b',"predicate":' + predicate.encode() + b"}"


def sign_statement(statement: bytes, predicate_type: str, key: SigningKey) -> SignedBundle:
    """Sign a statement into a Sigstore bundle v0.3 with the key's hint (protobuf-specs, sigstore_bundle.proto)."""
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, statement))
    bundle: dict[str, Json] = {
        "mediaType": SIGSTORE_BUNDLE,
        # The empty list is the default and could be left out, but sigstore-python's model then refuses the bundle.
        "verificationMaterial": {"publicKey": {"hint": key.public.hint}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(statement).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode()}],
        },
    }
    return SignedBundle(encode(bundle), predicate_type)


def sign_image(digest: Digest, key: SigningKey) -> SignedBundle:
    """An image signature as cosign 3 makes it: a statement with an empty predicate of type cosign/sign/v1."""
    subject: Json = [{"digest": {digest.algorithm: digest.hex}}]
    statement = encode({"_type": STATEMENT_V1, "subject": subject, "predicateType": COSIGN_SIGN, "predicate": {}})
    return sign_statement(statement, COSIGN_SIGN, key)


def _validate_frame(frame: bytes) -> None:
    """in-toto's shape check; its protobuf never serialises what is signed, since it turns 5 into 5.0."""
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

    message = ParseDict({**json.loads(frame), "predicate": {"frame": True}}, StatementMessage())
    Statement.copy_from_pb(message).validate()
