"""Sigstore bundles v0.1 to v0.3, taken apart; whether they hold is the trust room's question."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

from attest.errors import MalformedStatement, Unreadable
from attest.oci.document import JsonObject, child, children, parse_object, text

_MEDIA_TYPES: Final = re.compile(r"application/vnd\.dev\.sigstore\.bundle(?:\+json;version=(0\.[123])|\.v(0\.3)\+json)")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A DSSE envelope (DSSE v1.0): payload, its type, and the raw signatures over their pre-authentication encoding."""

    payload: bytes
    payload_type: str
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A Sigstore bundle as found. `certificate` is the leaf's DER; `key_hint` and `certificate` exclude each other."""

    raw: bytes
    version: str
    envelope: Envelope
    key_hint: str
    certificate: bytes | None


def parse_bundle(raw: bytes, where: str) -> Bundle:
    """Read a bundle with a DSSE envelope (protobuf-specs, sigstore_bundle.proto). Raises MalformedStatement."""
    try:
        document = parse_object(raw, where)
    except Unreadable as error:
        raise MalformedStatement(error.summary, error.detail) from None
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
        match[1] or match[2],
        _envelope(envelope, where),
        text(child(material, "publicKey"), "hint"),
        _certificate(material, where),
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
