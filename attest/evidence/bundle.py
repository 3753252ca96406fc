"""Signed statements taken apart: Sigstore bundles v0.1 to v0.3, and DSSE envelopes alone.

Whether a signature holds is the trust room's question.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import MalformedStatement
from attest.evidence.certificate import der_of
from attest.evidence.statement import parse_evidence
from attest.oci.document import JsonObject, child, children, text

# Where cosign 1 and 2 put what a bundle holds (cosign's SIGNATURE_SPEC.md).
SIGNATURE: Final = "dev.cosignproject.cosign/signature"
CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"

DSSE: Final = "dsse"

_MEDIA_TYPES: Final = re.compile(r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=(0\.[123])|\.v(0\.3)\+json)")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope (DSSE v1.0): payload, its type, and the raw signatures over their pre-authentication encoding."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """An envelope with what there is to verify it by, as found.

    `format` is `bundle-v0.1` to `bundle-v0.3`, or `dsse` for an envelope alone; `annotations` are what cosign 1 and 2
    put beside such a one. `certificate` is the leaf's DER; in a bundle `key_hint` and `certificate` exclude each other.
    """

    raw: bytes
    format: str
    envelope: Envelope
    key_hint: str = ""
    certificate: bytes | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def is_bundle(self) -> bool:
        """Whether it is a Sigstore bundle, and not an envelope alone."""
        return self.format != DSSE


def parse_bundle(raw: bytes, where: str) -> Bundle:
    """Read a bundle with a DSSE envelope (protobuf-specs, sigstore_bundle.proto). Raises MalformedStatement."""
    document = parse_evidence(raw, where)
    match = _MEDIA_TYPES.fullmatch(text(document, "mediaType"))
    if match is None:
        found = text(document, "mediaType")[:80] or "none"
        raise MalformedStatement(f"{where}: not a Sigstore bundle v0.1 to v0.3", f"Its media type is {found}.")
    envelope = child(document, "dsseEnvelope")
    if not envelope:
        raise MalformedStatement(f"{where}: a Sigstore bundle without a DSSE envelope")
    material = child(document, "verificationMaterial")
    return Bundle(
        raw,
        f"bundle-v{match[1] or match[2]}",
        _envelope(envelope, where),
        text(child(material, "publicKey"), "hint"),
        _certificate(material, where),
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


def _certificate(material: JsonObject, where: str) -> bytes | None:
    chain = children(child(material, "x509CertificateChain"), "certificates")
    encoded = text(child(material, "certificate"), "rawBytes") or (text(chain[0], "rawBytes") if chain else "")
    return _base64(encoded, where) if encoded else None


def _base64(encoded: str, where: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # covers binascii.Error, and text that is not ASCII
        raise MalformedStatement(f"{where}: not base64 where base64 should be") from None
