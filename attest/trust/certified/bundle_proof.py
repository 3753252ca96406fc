"""What a bundle brings to prove who signed, and when: its certificate, log entries and timestamps (RFC 3161).

sigstore's verifier does the same for most bundles with a certificate. This is for those that it does not take: entries
of kind intoto, promises without a proof (v0.1), instances without a log, keys of other kinds, and bundles with a key.
Each log entry in it must hold, and be about this very signature; a time that somebody proves must fit the certificate.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from attest.evidence.bundle import Bundle
from attest.oci.document import JsonObject, child, children, parse_object, text
from attest.trust.certified.log_body import Signed, require_about, spki
from attest.trust.certified.signed_entry import LogEntry, bundled_entry, seen_in_log
from attest.trust.certified.trusted_root import Authority, TrustedRoot
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import NotVerified
from attest.trust.keys import PublicKey

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

MOST: Final = 32  # log entries, or timestamps, of one bundle: as sigstore's clients have it; real ones have one or two
_KEY_FORMS: Final = ("publicKey", "certificate", "x509CertificateChain")
# What sigstore's verifier takes: for an envelope, and for the signature over a file.
_OF_ENVELOPES: Final = frozenset({"dsse 0.0.1", "hashedrekord 0.0.2"})
_OF_FILES: Final = frozenset({"hashedrekord 0.0.1", "hashedrekord 0.0.2"})


@dataclass(frozen=True, slots=True)
class Material:
    """What stands in a bundle beside the signature; `certificate` is b"" where it is verified with a key."""

    version: str
    certificate: bytes
    entries: tuple[JsonObject, ...]
    stamps: tuple[bytes, ...]

    def is_taken_by_sigstore(self, bundle: Bundle, key: PublicKey) -> bool:
        """Whether sigstore's own verifier takes bundles of this shape, signed with such a key."""
        is_usual = isinstance(key.key, ec.EllipticCurvePublicKey) and isinstance(key.key.curve, ec.SECP256R1)
        if len(self.entries) != 1 or not is_usual:
            return False
        entry, kind = bundled_entry(self.entries[0]), child(self.entries[0], "kindVersion")
        if (entry.promise and not entry.seconds) or not _is_of_kind(entry, kind):
            return False  # which it would pass over; the own way refuses it
        has_checkpoint = bool(text(child(self.entries[0], "inclusionProof", "checkpoint"), "envelope"))
        taken = _OF_ENVELOPES if bundle.message is None else _OF_FILES
        return has_checkpoint and f"{text(kind, 'kind')} {text(kind, 'version')}" in taken


def _is_of_kind(entry: LogEntry, kind: JsonObject) -> bool:
    body = entry.body
    return (text(kind, "kind"), text(kind, "version")) == (text(body, "kind"), text(body, "apiVersion"))


def material_of(bundle: Bundle) -> Material:
    """Read it, by the rules of the bundle's version. Raises NotVerified."""
    material = child(parse_object(bundle.raw, "a bundle"), "verificationMaterial")
    if sum(material.get(form) is not None for form in _KEY_FORMS) > 1:
        raise NotVerified("it has more than one certificate or key")
    version = bundle.format.removeprefix("bundle-v")
    chain = children(child(material, "x509CertificateChain"), "certificates")
    leaf = child(material, "certificate") if version == "0.3" else next(iter(chain), {})
    if bundle.certificate is not None and not leaf:
        raise NotVerified(f"its certificate is not where bundles of v{version} have it")
    entries = children(material, "tlogEntries")
    stamps = children(child(material, "timestampVerificationData"), "rfc3161Timestamps")
    if max(len(entries), len(stamps)) > MOST:
        raise NotVerified(f"it has more than {MOST} log entries or timestamps")
    try:
        return Material(
            version,
            base64.b64decode(text(leaf, "rawBytes"), validate=True),
            entries,
            # Some break these into lines, as openssl does, and Go's programs read that.
            tuple(base64.b64decode("".join(text(one, "signedTimestamp").split()), validate=True) for one in stamps),
        )
    except ValueError:
        raise NotVerified("what came with it is not base64") from None


def certificate_of(bundle: Bundle, material: Material, root: TrustedRoot) -> Certificate:
    """The certificate whose key signed, once everything about it holds. Raises NotVerified."""
    from attest.trust.certified.issuance import load_certificate, require_issued

    certificate, key = load_certificate(material.certificate)
    signed = signed_in(bundle, material.certificate)
    if not material.entries and not root.is_without_logs:
        raise NotVerified("it comes without a log entry, and this trusted root has logs")
    require_issued(certificate, _times(material, signed, root), root)
    if not signed.made_by(key):
        raise NotVerified("the signature does not hold: the content was changed")
    return certificate


def signing_time(bundle: Bundle, key: PublicKey, root: TrustedRoot) -> datetime | None:
    """The first moment for which the log or an authority proves that this key had signed. Raises NotVerified."""
    times = _times(material_of(bundle), signed_in(bundle, spki(key)), root)
    return min(times, default=None)


def has_proof_of_time(bundle: Bundle) -> bool:
    """Whether there is any log entry or timestamp in it. Raises NotVerified."""
    material = material_of(bundle)
    return bool(material.entries or material.stamps)


def signed_in(bundle: Bundle, signer: bytes) -> Signed:
    """The one signature in a bundle. Raises NotVerified."""
    message, envelope = bundle.message, bundle.envelope
    if message is not None:
        over = message.content if message.content is not None else message.digest
        if over is None:
            raise NotVerified("it signs a file, and neither it nor anybody says which")
        return Signed(message.signature, over, signer)
    if len(envelope.signatures) != 1:
        raise NotVerified(f"an envelope with {len(envelope.signatures)} signatures, where one is expected")
    encoded = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    return Signed(envelope.signatures[0], encoded, signer, envelope)


def _times(material: Material, signed: Signed, root: TrustedRoot) -> tuple[datetime, ...]:
    """When each log and each authority saw the signature."""
    found = [seen_in_log(document, material.version, root) for document in material.entries]
    for entry, _ in found:
        require_about(entry.body, signed)
    times = [seen for _, seen in found if seen is not None]
    times += _stamped(material.stamps, signed.signature, root)
    if material.stamps and not times:
        raise NotVerified("no timestamp in it holds and is by an authority that this trusted root knows")
    for (
        entry,
        seen,
    ) in found:  # what tells no time itself must be of a log that was in use at the times that others tell
        for at in times if seen is None else ():
            entry.log(root, at)
    return tuple(times)


def _stamped(stamps: tuple[bytes, ...], signature: bytes, root: TrustedRoot) -> Iterator[datetime]:
    """A timestamp of somebody who is not known, or about something else, says nothing (sigstore's clients agree)."""
    from rfc3161_client import decode_timestamp_response

    if len(set(stamps)) != len(stamps):
        raise NotVerified("it has one timestamp twice")
    for stamp in stamps:
        try:
            answer = decode_timestamp_response(stamp)
            at = answer.tst_info.gen_time
        except ValueError:
            raise NotVerified("a timestamp in it cannot be read") from None
        authorities = (one for one in root.timestamp_authorities if one.start <= at <= one.end)
        if any(_is_by(authority, answer, signature) for authority in authorities):
            yield at


def _is_by(authority: Authority, answer: TimeStampResponse, signature: bytes) -> bool:
    from rfc3161_client import VerificationError, VerifierBuilder

    from attest.trust.certified.sigstore_inside import foreign_errors

    leaf, *above = authority.certificates
    if not above:
        return False
    verifier = VerifierBuilder(tsa_certificate=leaf, intermediates=above[:-1], roots=above[-1:]).build()
    try:
        verifier.verify_message(answer, signature)
    except VerificationError:
        return False
    except foreign_errors():  # certificates that come with it and cannot be read
        return False
    return True
