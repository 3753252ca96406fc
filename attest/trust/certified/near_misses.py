"""What is said beside a refusal by certificate, so that people see how near it was. It decides nothing.

Everything that is told is what stands in certificate, entry and trusted root; nothing of it has been verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.evidence.bundle import CERTIFICATE, Bundle
from attest.evidence.certificate import der_of
from attest.trust.certified.bundle_proof import material_of
from attest.trust.certified.issuance import load_certificate
from attest.trust.certified.signed_entry import LogEntry, bundled_entry, noted_entry
from attest.trust.certified.trusted_root import TrustedRoot
from attest.trust.identity import NotVerified

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


def near_miss_of_bundle(bundle: Bundle, root: TrustedRoot) -> str:
    """For a bundle, or an envelope alone as cosign 1 and 2 wrote it."""
    if not bundle.is_bundle:
        return near_miss_of_notes(bundle.annotations, root)
    try:
        material = material_of(bundle)
        certificate, _ = load_certificate(material.certificate)
        entries = [bundled_entry(document) for document in material.entries]
    except NotVerified:
        return ""
    return _near_miss(certificate, entries, root)


def near_miss_of_notes(annotations: Mapping[str, str], root: TrustedRoot) -> str:
    """For what cosign 1 and 2 noted beside a signature."""
    try:
        certificate, _ = load_certificate(der_of(annotations.get(CERTIFICATE, "")) or b"")
        entry = noted_entry(annotations)
    except NotVerified:
        return ""
    return _near_miss(certificate, [entry], root)


def _near_miss(certificate: Certificate, entries: Sequence[LogEntry], root: TrustedRoot) -> str:
    known = {log.key_id for log in root.logs}
    for entry in entries:
        if entry.log_id not in known:
            return (
                f"The log {entry.log_id.hex()[:12]}… is unknown to this trusted root: it is another Sigstore's "
                "(--trusted-root FILE), or newer than the root (--update-trusted-root)."
            )
    if not any(_issued(certificate, issuer) for one in root.authorities for issuer in one.certificates):
        return (
            f"Its certificate says to be by {certificate.issuer.rfc4514_string()[:120]}, which is no authority of this "
            "trusted root: it is another Sigstore's (--trusted-root FILE), or forged."
        )
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    for seconds in (entry.seconds for entry in entries if 0 < entry.seconds < 1 << 33):
        at = datetime.fromtimestamp(seconds, UTC)
        if not start <= at <= end:
            return (
                f"The certificate was valid at another time, from {start:%Y-%m-%dT%H:%M:%SZ} until "
                f"{end:%Y-%m-%dT%H:%M:%SZ}, and the log saw the signature at {at:%Y-%m-%dT%H:%M:%SZ}: sign again."
            )
    return ""


def _issued(certificate: Certificate, issuer: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
