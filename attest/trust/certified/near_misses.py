"""What is said beside a refusal by certificate, so that people see how near it was. It decides nothing.

Everything that is told is what stands in certificate, entry and trusted root; nothing of it has been verified.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.evidence.bundle import CERTIFICATE, Bundle
from attest.evidence.certificate import der_of
from attest.trust.certified.bundle_proof import material_of
from attest.trust.certified.issuance import is_issued_by, load_certificate
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
    return _near_miss(certificate, entries, _stamped(material.stamps), root)


def near_miss_of_notes(annotations: Mapping[str, str], root: TrustedRoot) -> str:
    """For what cosign 1 and 2 noted beside a signature."""
    try:
        certificate, _ = load_certificate(der_of(annotations.get(CERTIFICATE, "")) or b"")
        entry = noted_entry(annotations)
    except NotVerified:
        return ""
    return _near_miss(certificate, [entry], (), root)


def _near_miss(
    certificate: Certificate, entries: Sequence[LogEntry], stamped: Sequence[datetime], root: TrustedRoot
) -> str:
    known = {log.key_id for log in root.logs}
    for entry in entries:
        if entry.log_id not in known:
            return (
                f"The log {entry.log_id.hex()[:12]}… is unknown to this trusted root: it is another Sigstore's "
                "(--trusted-root FILE), or newer than the root (--update-trusted-root)."
            )
    if not any(is_issued_by(certificate, issuer) for one in root.authorities for issuer in one.certificates):
        return (
            f"Its certificate says to be by {_issuer_of(certificate)}, which is no authority of this "
            "trusted root: it is another Sigstore's (--trusted-root FILE), or forged."
        )
    if not entries and not root.is_without_logs:
        return "It comes without a log entry, so nothing says when it was signed: sign it again, with the log."
    known_ct = {log.key_id for log in root.certificate_logs}
    if any(sct not in known_ct for sct in _certificate_logs(certificate)) and root.certificate_logs:
        return (
            "Its certificate is in a certificate log that this trusted root does not know: it is another Sigstore's "
            "(--trusted-root FILE), or newer than the root (--update-trusted-root)."
        )
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    told = [datetime.fromtimestamp(one.seconds, UTC) for one in entries if 0 < one.seconds < 1 << 33]
    for at in [*told, *stamped]:
        if not start <= at <= end:
            return (
                f"The certificate was valid at another time, from {start:%Y-%m-%dT%H:%M:%SZ} until "
                f"{end:%Y-%m-%dT%H:%M:%SZ}, and the signature was seen at {at:%Y-%m-%dT%H:%M:%SZ}: sign again."
            )
    if not told and not root.timestamp_authorities:
        return (
            "Only a timestamp could say when it was signed, and this trusted root knows no timestamp authority: "
            "take one that does (--trusted-root FILE)."
        )
    return ""


def _issuer_of(certificate: Certificate) -> str:
    """A name is parsed when it is asked for, and may be none; the library warns of those that are only odd."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return certificate.issuer.rfc4514_string()[:120]
        except ValueError:
            return "somebody whose name cannot be read"


def _certificate_logs(certificate: Certificate) -> list[bytes]:
    from cryptography.x509 import ExtensionNotFound, PrecertificateSignedCertificateTimestamps

    try:
        found = certificate.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value
        return [one.log_id for one in found]
    except (ExtensionNotFound, ValueError):
        return []


def _stamped(stamps: Sequence[bytes]) -> list[datetime]:
    """The times that timestamps name, whoever made them."""
    from rfc3161_client import decode_timestamp_response

    times = []
    for stamp in stamps:
        try:
            times.append(decode_timestamp_response(stamp).tst_info.gen_time)
        except ValueError:
            continue
    return times
