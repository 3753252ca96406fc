"""Simple signing: the image signature of cosign 1 and 2 (cosign's SIGNATURE_SPEC.md, "Simple Signing")."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import InvalidReference, MalformedStatement, TooLarge, Unreadable
from attest.evidence.bundle import CERTIFICATE, SIGNATURE
from attest.evidence.certificate import der_of
from attest.oci.document import child, parse_object, text
from attest.reference import Digest

SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
_TYPE: Final = "cosign container image signature"


@dataclass(frozen=True, slots=True)
class SimpleSigning:
    """A payload that names one manifest by digest, the signature over its exact bytes, and what stands beside it.

    `reference` is the name that the signer typed: a label, which binds nothing.
    """

    payload: bytes
    about: Digest
    reference: str
    signature: bytes
    certificate: bytes | None
    annotations: Mapping[str, str] = field(hash=False)


def parse_simple_signing(payload: bytes, annotations: Mapping[str, str], where: str) -> SimpleSigning:
    """Read a payload and the annotations of its layer. Raises MalformedStatement, TooLarge."""
    try:
        critical = child(parse_object(payload, where), "critical")
        about = Digest.parse(text(child(critical, "image"), "docker-manifest-digest"))
        signature = base64.b64decode(annotations.get(SIGNATURE, ""), validate=True)
    except TooLarge:
        raise
    except (Unreadable, InvalidReference) as error:
        raise MalformedStatement(f"{where}: not a simple-signing payload", error.summary) from None
    except ValueError:
        raise MalformedStatement(f"{where}: a signature that is not base64") from None
    if text(critical, "type") != _TYPE:
        raise MalformedStatement(f"{where}: not an image signature", f"Its type is {text(critical, 'type')[:80]!r}.")
    if not signature:
        raise MalformedStatement(f"{where}: a payload without a signature beside it", f"In {SIGNATURE}.")
    reference = text(child(critical, "identity"), "docker-reference")
    certificate = der_of(annotations.get(CERTIFICATE, ""))
    return SimpleSigning(payload, about, reference, signature, certificate, annotations)
