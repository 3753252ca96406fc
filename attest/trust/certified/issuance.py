"""Certificates for signing: issued by a trusted authority, valid when it was signed, for code signing, in a log (SCT).

Steps of the Sigstore client specification, "Certificate". They are the same for bundles and for cosign 1 and 2.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from attest.errors import InvalidKey
from attest.trust.certified.trusted_root import TrustedRoot, log_of
from attest.trust.identity import NotVerified
from attest.trust.keys import PublicKey, accepted_key

_BAD_EXTENSIONS: Final = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_SCT_LIST: Final = x509.PrecertificateSignedCertificateTimestamps


def load_certificate(der: bytes) -> tuple[x509.Certificate, PublicKey]:
    """A certificate whose extensions can be read, and its key. Raises NotVerified."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        key = accepted_key("the certificate's key", certificate.public_key())
        names = certificate.extensions
    except (ValueError, UnsupportedAlgorithm, InvalidKey, x509.InvalidVersion, *_BAD_EXTENSIONS):
        raise NotVerified("its certificate cannot be read") from None
    assert names is not None  # noqa: S101 - cryptography reads them once, and here what is wrong with them is caught
    return certificate, key


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether this certificate's key signed it and its name stands in it; nothing is said of when, or of any root."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def require_issued(certificate: x509.Certificate, times: Sequence[datetime], root: TrustedRoot) -> None:
    """That the root's authorities certified it, for each time at which its key is known to have signed.

    Raises NotVerified.
    """
    if not times:
        raise NotVerified("nothing says when it was signed")
    _require_leaf(certificate)
    issuers = [_issuer(certificate, at, root) for at in times]
    _require_code_signing(certificate)
    if not root.is_without_logs:
        _require_sct(certificate, issuers[0], root)


def _issuer(certificate: x509.Certificate, at: datetime, root: TrustedRoot) -> x509.Certificate:
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        when = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        raise NotVerified(f"its certificate was not valid when the log saw it or an authority stamped it, at {when}")
    ignored = (x509.ExtendedKeyUsage, verification.Criticality.NON_CRITICAL, None)  # TLS's rules; ours come later
    ca_policy = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(*ignored)
    ee_policy = verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(*ignored)
    for authority in root.authorities:
        if not authority.start <= at <= authority.end:
            continue
        builder = verification.PolicyBuilder().store(verification.Store([authority.certificates[-1]])).time(at)
        verifier = builder.extension_policies(ca_policy=ca_policy, ee_policy=ee_policy).build_client_verifier()
        try:
            return verifier.verify(certificate, list(authority.certificates[:-1])).chain[1]
        except (verification.VerificationError, x509.UnsupportedGeneralNameType):
            continue
    raise NotVerified("its certificate is by no authority of this trusted root")


def _require_leaf(certificate: x509.Certificate) -> None:
    """Whoever verifies chains refuses an authority's certificate here as well, and does not say why."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return
    if constraints.ca:
        raise NotVerified("its certificate is an authority's own: basicConstraints.cA must not be asserted")


def _require_code_signing(certificate: x509.Certificate) -> None:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise NotVerified("its certificate does not say what it is for") from None
    if not usage.digital_signature or usage.key_cert_sign or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise NotVerified("its certificate is not for code signing")


def _require_sct(certificate: x509.Certificate, issuer: x509.Certificate, root: TrustedRoot) -> None:
    """One SCT, over this certificate as its issuer submitted it (RFC 6962, section 3.2)."""
    try:
        (sct,) = certificate.extensions.get_extension_for_class(_SCT_LIST).value
    except (x509.ExtensionNotFound, ValueError):
        raise NotVerified("its certificate is in no certificate log (no SCT, or several)") from None
    issuer_key = issuer.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    tbs = certificate.tbs_precertificate_bytes
    seen = sct.timestamp.replace(tzinfo=UTC)
    milliseconds = int(seen.timestamp()) * 1000 + seen.microsecond // 1000
    message = struct.pack("!BBQH", 0, 0, milliseconds, 1) + hashlib.sha256(issuer_key).digest()
    message += len(tbs).to_bytes(3, "big") + tbs
    message += struct.pack("!H", len(sct.extension_bytes)) + sct.extension_bytes
    log = log_of(root.certificate_logs, sct.log_id, seen, "its certificate is in a certificate log")
    is_sha256 = isinstance(sct.signature_hash_algorithm, hashes.SHA256)
    if not is_sha256 or not log.key.verifies(sct.signature, message):
        raise NotVerified("the certificate log's promise (SCT) is not for this certificate")
