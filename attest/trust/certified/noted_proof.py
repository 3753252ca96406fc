"""cosign 1 and 2: certificate and log entry in annotations, and of the log only a promise to include it (the SET).

Steps as in the Sigstore client specification, "Verification", for a Rekor v1 entry without inclusion proof:
1. the log promised the entry;
2. the entry is about this signature;
3. the certificate was issued by a trusted authority, was valid when the log saw the entry, is for code signing, and a
   certificate log has it;
4. its key made the signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attest.evidence.bundle import CERTIFICATE, Bundle
from attest.evidence.certificate import der_of
from attest.evidence.simple_signing import SimpleSigning
from attest.trust.certified.log_body import Signed, require_about, spki
from attest.trust.certified.signed_entry import noted_entry
from attest.trust.certified.trusted_root import TrustedRoot
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import NotVerified
from attest.trust.keys import PublicKey

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def certificate_of_envelope(bundle: Bundle, root: TrustedRoot) -> Certificate:
    """The certificate whose key signed an envelope that stands alone. Raises NotVerified."""
    envelope = bundle.envelope
    if len(envelope.signatures) != 1:
        raise NotVerified(f"{len(envelope.signatures)} signatures for one certificate")
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    signed = Signed(envelope.signatures[0], message, _signer(bundle.annotations), envelope, bundle.raw)
    return _certificate(signed, bundle.annotations, root)


def certificate_of_payload(signing: SimpleSigning, root: TrustedRoot) -> Certificate:
    """The certificate whose key signed an image signature. Raises NotVerified."""
    signed = Signed(signing.signature, signing.payload, _signer(signing.annotations))
    return _certificate(signed, signing.annotations, root)


def noted_time(bundle: Bundle, key: PublicKey, root: TrustedRoot) -> datetime:
    """When the log saw this key's signature in an envelope that stands alone. Raises NotVerified."""
    envelope = bundle.envelope
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    held = next((one for one in envelope.signatures if key.verifies(one, message)), b"")
    return _seen(Signed(held, message, spki(key), envelope, bundle.raw), bundle.annotations, root)


def noted_time_of_payload(signing: SimpleSigning, key: PublicKey, root: TrustedRoot) -> datetime:
    """When the log saw this key's image signature. Raises NotVerified."""
    return _seen(Signed(signing.signature, signing.payload, spki(key)), signing.annotations, root)


def _signer(annotations: Mapping[str, str]) -> bytes:
    return der_of(annotations.get(CERTIFICATE, "")) or b""


def _certificate(signed: Signed, annotations: Mapping[str, str], root: TrustedRoot) -> Certificate:
    from attest.trust.certified.issuance import load_certificate, require_issued

    certificate, key = load_certificate(signed.signer)
    require_issued(certificate, [_seen(signed, annotations, root)], root)
    if not signed.made_by(key):
        raise NotVerified("the signature does not hold: the content was changed")
    return certificate


def _seen(signed: Signed, annotations: Mapping[str, str], root: TrustedRoot) -> datetime:
    """Steps 1 and 2."""
    entry = noted_entry(annotations)
    seen = entry.seen(root)
    require_about(entry.body, signed)
    return seen
