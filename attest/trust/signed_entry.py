"""cosign 1 and 2 keyless: certificate and log entry in annotations, and of the log only a promise to include (the SET).

Steps as in the Sigstore client specification, "Verification", for a Rekor v1 entry without inclusion proof:
1. the log promised the entry: the SET is its signature over the entry's canonical JSON;
2. the entry is this one: it holds hash, signature and certificate of what is being verified;
3. the certificate was issued by a trusted authority, and was valid when the log saw the entry;
4. it is a leaf for code signing, and a certificate log has it (SCT);
5. its key made the signature.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from attest.errors import InvalidKey, Unreadable
from attest.evidence.bundle import CERTIFICATE, LOG_ENTRY
from attest.oci.document import JsonObject, child, children, encode, integer, parse_object, text
from attest.trust.identity import NotVerified
from attest.trust.keys import accepted_key
from attest.trust.trusted_root import Log, TrustedRoot

_BAD_EXTENSIONS: Final = (x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_SCT_LIST: Final = x509.PrecertificateSignedCertificateTimestamps


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, and what stands beside it. `envelope` is the DSSE envelope's exact text, b"" for a payload."""

    payload: bytes
    message: bytes
    signature: bytes
    annotations: Mapping[str, str] = field(hash=False)
    envelope: bytes = b""


def verified_certificate(signed: Signed, root: TrustedRoot) -> x509.Certificate:
    """The certificate whose key signed, once all five steps hold. Raises NotVerified."""
    pem = signed.annotations.get(CERTIFICATE, "")
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        key = accepted_key("the certificate's key", certificate.public_key())
        names = certificate.extensions
    except (ValueError, UnsupportedAlgorithm, InvalidKey, x509.InvalidVersion, *_BAD_EXTENSIONS):
        raise NotVerified("its certificate cannot be read") from None
    assert names is not None  # noqa: S101 - cryptography reads them once, and here what is wrong with them is caught
    body, seen = _promised_entry(signed.annotations.get(LOG_ENTRY, ""), root)
    _require_same(body, signed, pem)
    issuer = _require_issued(certificate, seen, root)
    _require_code_signing(certificate)
    _require_sct(certificate, issuer, root)
    if not key.verifies(signed.signature, signed.message):
        raise NotVerified("the signature does not hold: the content was changed")
    return certificate


def _promised_entry(entry: str, root: TrustedRoot) -> tuple[JsonObject, datetime]:
    """Step 1. The entry's body, and when the log saw it."""
    if not entry:
        raise NotVerified("it comes without a log entry, so nothing says when it was signed")
    try:
        document = parse_object(entry.encode(), "the log entry")
        promise = base64.b64decode(text(document, "SignedEntryTimestamp"), validate=True)
        payload = child(document, "Payload")
        body = parse_object(base64.b64decode(text(payload, "body"), validate=True), "the log entry's body")
        log_id = bytes.fromhex(text(payload, "logID"))
        # RFC 8785 for these four fields: two texts without escapes, two integers, in the order of their names.
        canonical = encode({name: payload.get(name) for name in ("body", "integratedTime", "logID", "logIndex")})
    except (Unreadable, ValueError):
        raise NotVerified("its log entry cannot be read") from None
    seconds = integer(payload, "integratedTime")
    if seconds is None or not 0 < seconds < 1 << 33:
        raise NotVerified("its log entry has no time")
    seen = datetime.fromtimestamp(seconds, UTC)
    log = _log(root.logs, log_id, seen, "its log entry is of a log")
    if not log.key.verifies(promise, canonical):
        raise NotVerified("the log's promise (SET) is not for this entry")
    return body, seen


def _log(logs: tuple[Log, ...], key_id: bytes, at: datetime, what: str) -> Log:
    known = [log for log in logs if log.key_id == key_id]
    if not known:
        raise NotVerified(f"{what} that this trusted root does not know ({key_id.hex()[:12]}…)")
    for log in known:
        if log.start <= at <= log.end:
            return log
    raise NotVerified(f"{what} that was not in use then")


def _require_same(body: JsonObject, signed: Signed, pem: str) -> None:
    """Step 2, by the entry's kind."""
    kind = f"{text(body, 'kind')} {text(body, 'apiVersion')}"
    reader = _KINDS.get(kind)
    if reader is None:
        raise NotVerified(f"its log entry is of a kind that is not read: {kind[:40]}")
    found = reader(child(body, "spec"), signed)
    if found is None or _der(found) != _der(pem):
        raise NotVerified("its log entry is another one's")


def _hashedrekord(spec: JsonObject, signed: Signed) -> str | None:
    hashed = child(spec, "data", "hash")
    same = _is_hash(hashed, signed.message) and _is(text(child(spec, "signature"), "content"), signed.signature)
    return _text(text(child(spec, "signature", "publicKey"), "content")) if same and not signed.envelope else None


def _intoto(spec: JsonObject, signed: Signed) -> str | None:
    content = child(spec, "content")
    same = _is_hash(child(content, "hash"), signed.envelope) and _is_hash(child(content, "payloadHash"), signed.payload)
    return _text(text(spec, "publicKey")) if same and signed.envelope else None


def _dsse(spec: JsonObject, signed: Signed) -> str | None:
    entries = children(spec, "signatures")
    same = _is_hash(child(spec, "envelopeHash"), signed.envelope) and _is_hash(
        child(spec, "payloadHash"), signed.payload
    )
    if not same or not signed.envelope or len(entries) != 1 or not _is(text(entries[0], "signature"), signed.signature):
        return None
    return _text(text(entries[0], "verifier"))


_KINDS: Final = {"hashedrekord 0.0.1": _hashedrekord, "intoto 0.0.1": _intoto, "dsse 0.0.1": _dsse}


def _is_hash(document: JsonObject, content: bytes) -> bool:
    return text(document, "algorithm") == "sha256" and text(document, "value") == hashlib.sha256(content).hexdigest()


def _is(encoded: str, content: bytes) -> bool:
    try:
        return base64.b64decode(encoded, validate=True) == content
    except ValueError:
        return False


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return ""


def _der(pem: str) -> bytes:
    try:
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(serialization.Encoding.DER)
    except (ValueError, x509.InvalidVersion):
        raise NotVerified("its log entry holds no certificate") from None


def _require_issued(certificate: x509.Certificate, seen: datetime, root: TrustedRoot) -> x509.Certificate:
    """Step 3. Who issued it."""
    if not certificate.not_valid_before_utc <= seen <= certificate.not_valid_after_utc:
        raise NotVerified(f"its certificate was not valid when the log saw it, at {seen:%Y-%m-%dT%H:%M:%SZ}")
    ignored = (x509.ExtendedKeyUsage, verification.Criticality.NON_CRITICAL, None)  # TLS's rules; ours are in step 4
    ca_policy = verification.ExtensionPolicy.webpki_defaults_ca().may_be_present(*ignored)
    ee_policy = verification.ExtensionPolicy.webpki_defaults_ee().may_be_present(*ignored)
    for authority in root.authorities:
        if not authority.start <= seen <= authority.end:
            continue
        builder = verification.PolicyBuilder().store(verification.Store([authority.certificates[-1]])).time(seen)
        verifier = builder.extension_policies(ca_policy=ca_policy, ee_policy=ee_policy).build_client_verifier()
        try:
            return verifier.verify(certificate, list(authority.certificates[:-1])).chain[1]
        except (verification.VerificationError, x509.UnsupportedGeneralNameType):
            continue
    raise NotVerified("its certificate is by no authority of this trusted root")


def _require_code_signing(certificate: x509.Certificate) -> None:
    """Step 4, first half."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise NotVerified("its certificate does not say what it is for") from None
    if not usage.digital_signature or usage.key_cert_sign or ExtendedKeyUsageOID.CODE_SIGNING not in purposes:
        raise NotVerified("its certificate is not for code signing")


def _require_sct(certificate: x509.Certificate, issuer: x509.Certificate, root: TrustedRoot) -> None:
    """Step 4, second half: one SCT, over this certificate as its issuer submitted it (RFC 6962, section 3.2)."""
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
    log = _log(root.certificate_logs, sct.log_id, seen, "its certificate is in a certificate log")
    is_sha256 = isinstance(sct.signature_hash_algorithm, hashes.SHA256)
    if not is_sha256 or not log.key.verifies(sct.signature, message):
        raise NotVerified("the certificate log's promise (SCT) is not for this certificate")
