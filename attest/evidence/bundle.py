"""What was signed taken apart: Sigstore bundles v0.1 to v0.3, and DSSE envelopes alone.

Whether a signature holds is the trust room's question.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import InvalidReference, MalformedStatement
from attest.evidence.certificate import der_of
from attest.evidence.statement import parse_evidence
from attest.oci.document import JsonObject, child, children, text
from attest.reference import Digest

# Where cosign 1 and 2 put what a bundle holds (cosign's SIGNATURE_SPEC.md).
SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"

DSSE: Final = "dsse"

_MEDIA_TYPES: Final = re.compile(r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=(0\.[123])|\.v(0\.3)\+json)")
# Those hashes of protobuf-specs' HashAlgorithm that a Digest knows.
_ALGORITHMS: Final = {"SHA2_256": "sha256", "SHA2_512": "sha512"}


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope (DSSE v1.0): payload, its type, and the raw signatures over their pre-authentication encoding."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


NO_ENVELOPE: Final = Envelope(b"", "", ())


@dataclass(frozen=True, slots=True)
class MessageSignature:
    """A signature over a file that is not in the bundle. `digest` is the file's, a hint until somebody compares it.

    `content` is the file, where whoever verifies has it: some keys cannot do with a digest.
    """

    signature: bytes
    digest: Digest | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Bundle:
    """An envelope, or the signature over a file, with what there is to verify it by, as found.

    With a `message` the envelope is empty: no type and no signatures, so that nothing can be read out of it.
    `format` is `bundle-v0.1` to `bundle-v0.3`, or `dsse` for an envelope alone; `annotations` are what cosign 1 and 2
    put beside such a one. `certificate` is the leaf's DER; in a bundle `key_hint` and `certificate` exclude each other.
    """

    raw: bytes
    format: str
    envelope: Envelope
    key_hint: str = ""
    certificate: bytes | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    message: MessageSignature | None = None

    def __post_init__(self) -> None:
        if self.message is not None and self.envelope != NO_ENVELOPE:
            raise ValueError("a bundle holds an envelope or a signature over a file, not both")

    @property
    def is_bundle(self) -> bool:
        """Whether it is a Sigstore bundle, and not an envelope alone."""
        return self.format != DSSE


def parse_bundle(raw: bytes, where: str) -> Bundle:
    """Read a bundle with a DSSE envelope. Raises MalformedStatement, also for one that signs a file."""
    bundle = parse_any_bundle(raw, where)
    if bundle.message is not None:
        raise MalformedStatement(f"{where}: a Sigstore bundle without a DSSE envelope")
    return bundle


def parse_any_bundle(raw: bytes, where: str) -> Bundle:
    """Read a bundle, whatever it signs (protobuf-specs, sigstore_bundle.proto). Raises MalformedStatement."""
    document = parse_evidence(raw, where)
    match = _MEDIA_TYPES.fullmatch(text(document, "mediaType"))
    if match is None:
        found = text(document, "mediaType")[:80] or "none"
        raise MalformedStatement(f"{where}: not a Sigstore bundle v0.1 to v0.3", f"Its media type is {found}.")
    envelope, message = child(document, "dsseEnvelope"), child(document, "messageSignature")
    if bool(envelope) == bool(message):
        what = "with both an envelope and a signature over a file" if envelope else "without a DSSE envelope"
        raise MalformedStatement(f"{where}: a Sigstore bundle {what}")
    material = child(document, "verificationMaterial")
    return Bundle(
        raw,
        f"bundle-v{match[1] or match[2]}",
        _envelope(envelope, where) if envelope else NO_ENVELOPE,
        text(child(material, "publicKey"), "hint"),
        _certificate(material, where),
        message=_message(message, where) if message else None,
    )


def parse_envelope(raw: bytes, where: str, annotations: Mapping[str, str] | None = None) -> Bundle:
    """Read a DSSE envelope that stands alone (DSSE v1.0, "Envelope"). Raises MalformedStatement."""
    document = parse_evidence(raw, where)
    if not text(document, "payloadType"):
        raise MalformedStatement(f"{where}: not a DSSE envelope", "It has no payloadType.")
    beside = annotations or {}
    return Bundle(
        raw, DSSE, _envelope(document, where), certificate=der_of(beside.get(CERTIFICATE, "")), annotations=beside
    )


def _envelope(document: JsonObject, where: str) -> Envelope:
    return Envelope(
        _base64(text(document, "payload"), where),
        text(document, "payloadType"),
        tuple(_base64(text(signature, "sig"), where) for signature in children(document, "signatures")),
    )


def _message(document: JsonObject, where: str) -> MessageSignature:
    signature = _base64(text(document, "signature"), where)
    hashed = child(document, "messageDigest")
    if not signature:
        raise MalformedStatement(f"{where}: a Sigstore bundle with an empty signature")
    if not hashed:
        return MessageSignature(signature)
    algorithm = text(hashed, "algorithm")
    try:
        digest = Digest(_ALGORITHMS.get(algorithm, algorithm[:20]), _base64(text(hashed, "digest"), where).hex())
    except InvalidReference as error:
        raise MalformedStatement(f"{where}: a message digest that is none", error.summary) from None
    return MessageSignature(signature, digest)


def _certificate(material: JsonObject, where: str) -> bytes | None:
    chain = children(child(material, "x509CertificateChain"), "certificates")
    encoded = text(child(material, "certificate"), "rawBytes") or (text(chain[0], "rawBytes") if chain else "")
    return _base64(encoded, where) if encoded else None


def _base64(encoded: str, where: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # covers binascii.Error, and text that is not ASCII
        raise MalformedStatement(f"{where}: not base64 where base64 should be") from None
