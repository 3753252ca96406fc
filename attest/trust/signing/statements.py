"""Signing: statements that name an image, in Sigstore bundles v0.3 that cosign accepts unchanged.

What is signed is the exact bytes stored; a predicate goes in as the JSON text that it was.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from attest.evidence.statement import COSIGN_SIGN, PAYLOAD_TYPE, STATEMENT_V1
from attest.oci.descriptor import SIGSTORE_BUNDLE
from attest.oci.document import Json, encode
from attest.reference import Digest
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.keys import SigningKey
from attest.trust.signatures import Trust


class Signer(Protocol):
    """Who signs: a key, or an identity that a certificate names."""

    @property
    def name(self) -> str:
        """How people know it."""

    @property
    def trust(self) -> Trust:
        """Whom a stranger must believe in order to accept its signatures."""

    def sign_statement(self, statement: bytes) -> bytes:
        """A Sigstore bundle v0.3 over exactly these bytes. Raises AttestError."""


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A key signs alone: no certificate, no log, no trace but the bundle."""

    key: SigningKey

    @property
    def name(self) -> str:
        """Where the key came from."""
        return self.key.public.name

    @property
    def trust(self) -> Trust:
        """Its public half."""
        return Trust((self.key.public,))

    def sign_statement(self, statement: bytes) -> bytes:
        """A bundle without log entry."""
        signature = self.key.sign(pre_authentication_encoding(PAYLOAD_TYPE, statement))
        return key_bundle(self.key, statement, signature)


def key_bundle(
    key: SigningKey, statement: bytes, signature: bytes, entries: Sequence[Json] = (), stamps: Sequence[bytes] = ()
) -> bytes:
    """A bundle with the key's hint (protobuf-specs, sigstore_bundle.proto), log entries and RFC 3161 timestamps."""
    # An empty list of entries is the default, but sigstore-python's model refuses the bundle where it is left out.
    material: dict[str, Json] = {"publicKey": {"hint": key.public.hint}, "tlogEntries": list(entries)}
    if stamps:
        encoded = [{"signedTimestamp": base64.b64encode(stamp).decode()} for stamp in stamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": encoded}
    envelope = dsse_envelope(statement, signature)
    return encode({"mediaType": SIGSTORE_BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope})


def dsse_envelope(statement: bytes, signature: bytes) -> dict[str, Json]:
    """A DSSE envelope (DSSE v1.0) with one signature."""
    return {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }


def signer_of(signer: SigningKey | Signer) -> Signer:
    """A key as a signer, and every other signer as it is."""
    return KeySigner(signer) if isinstance(signer, SigningKey) else signer


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


def sign_statement(statement: bytes, predicate_type: str, signer: SigningKey | Signer) -> SignedBundle:
    """Sign a statement. Raises what the signer raises."""
    return SignedBundle(signer_of(signer).sign_statement(statement), predicate_type)


def sign_image(digest: Digest, signer: SigningKey | Signer) -> SignedBundle:
    """An image signature as cosign 3 makes it: a statement with an empty predicate of type cosign/sign/v1.

    cosign leaves the subject's name out; sigstore's library, which signs keyless, insists on one.
    """
    by = signer_of(signer)
    name: dict[str, Json] = {} if by.trust.keys else {"name": ""}
    subject: Json = [{**name, "digest": {digest.algorithm: digest.hex}}]
    statement = encode({"_type": STATEMENT_V1, "subject": subject, "predicateType": COSIGN_SIGN, "predicate": {}})
    return sign_statement(statement, COSIGN_SIGN, by)


def _validate_frame(frame: bytes) -> None:
    """in-toto's shape check; its protobuf never serialises what is signed, since it turns 5 into 5.0."""
    from google.protobuf.json_format import ParseDict
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

    message = ParseDict({**json.loads(frame), "predicate": {"frame": True}}, StatementMessage())
    Statement.copy_from_pb(message).validate()
