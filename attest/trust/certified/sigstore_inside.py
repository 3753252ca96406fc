"""What is borrowed from inside sigstore's library for verifying; its public verifier takes whole bundles alone.

It refuses some that are good (entries of kind intoto, bundles with a key, instances without a log), and asks less of
the others than attest does. Nothing else in attest reaches for these names.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attest.oci.document import Json, JsonObject, child, encode, parse_object
from attest.trust.identity import NotVerified

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cryptography.x509 import Certificate
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore_models.common.v1 import TimeRange
    from sigstore_models.rekor.v1 import TransparencyLogEntry as LogEntry

    from attest.trust.certified.trusted_root import Log


def with_defaults(entry: JsonObject) -> JsonObject:
    """A log entry with what writers leave out, since it is zero or empty, and the library asks for.

    The first entry of a log is number 0, and the only one has no hashes beside it.
    """
    proof = child(entry, "inclusionProof")
    full: JsonObject = {"logIndex": "0", **entry}
    return {**full, "inclusionProof": {"logIndex": "0", "hashes": [], **proof}} if proof else full


def parsed_bundle(raw: bytes, entries: Sequence[JsonObject]) -> Bundle:
    """A bundle as the library has it; `entries` are those in it. Raises what the library raises."""
    from sigstore.models import Bundle

    filled: list[Json] = [with_defaults(entry) for entry in entries]
    if filled == list(entries):
        return Bundle.from_json(raw)
    document = parse_object(raw, "a bundle")
    material = child(document, "verificationMaterial")
    return Bundle.from_json(encode({**document, "verificationMaterial": {**material, "tlogEntries": filled}}))


def require_included(entry: JsonObject, log: Log) -> None:
    """That the log holds this entry: Merkle proof, checkpoint, and promise if there is one. Raises NotVerified."""
    from sigstore.models import TransparencyLogEntry
    from sigstore_models.rekor.v1 import TransparencyLogEntry as Message

    try:
        message = Message.from_json(encode(with_defaults(entry)))
        TransparencyLogEntry(message)._verify(_KeyOf(log))  # type: ignore[arg-type]  # noqa: SLF001 - no public name
        _require_size(message)
    except foreign_errors() as error:
        raise NotVerified(f"its log entry does not hold: {brief(error)}") from None


def _require_size(entry: LogEntry) -> None:
    """The library compares the hash that proof and checkpoint end in, which trees of two sizes may have in common."""
    from sigstore._internal.rekor.checkpoint import SignedCheckpoint

    proof = entry.inclusion_proof
    if proof.checkpoint is None:
        raise NotVerified("its log entry is without a checkpoint")
    if SignedCheckpoint.from_text(proof.checkpoint.envelope).checkpoint.log_size != proof.tree_size:
        raise NotVerified("its log entry's proof is for a log of another size than the checkpoint's")


class _KeyOf:
    """One log's key, where the library expects all keys of a root and tries them in turn."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def verify(self, *, key_id: bytes, signature: bytes, data: bytes) -> None:
        """As the library's keyring does."""
        from sigstore.errors import VerificationError

        if not self._log.key.verifies(signature, data):
            raise VerificationError(f"not a signature of the log {key_id.hex()[:12]}…")


def require_in_use(verifier: Verifier, bundle: Bundle) -> None:
    """What the library does not ask of a bundle that it accepts. Raises NotVerified.

    That the logs and the certificate authority were in use, as the trusted root says, when they did their work.
    """
    from cryptography.x509 import PrecertificateSignedCertificateTimestamps

    _require_size(bundle.log_entry._inner)  # noqa: SLF001
    root = verifier._trusted_root._inner  # noqa: SLF001 - no public name
    entry = bundle.log_entry._inner  # noqa: SLF001
    times = _times(verifier, bundle)
    certificate = bundle.signing_certificate
    (sct,) = certificate.extensions.get_extension_for_class(PrecertificateSignedCertificateTimestamps).value
    logs = [log.public_key.valid_for for log in root.tlogs if log.log_id.key_id == entry.log_id.key_id]
    scts = [log.public_key.valid_for for log in root.ctlogs if log.log_id.key_id == sct.log_id]
    authorities = [
        authority.valid_for
        for authority in root.certificate_authorities
        if any(_issued(certificate, issuer.raw_bytes) for issuer in authority.cert_chain.certificates)
    ]
    _require_within("log", logs, times)
    _require_within("certificate authority", authorities, times)
    _require_within("certificate's log", scts, [sct.timestamp.replace(tzinfo=UTC)])


def _times(verifier: Verifier, bundle: Bundle) -> list[datetime]:
    """The times by which the library went; it needs one, so that a single timestamp is known to hold."""
    entry = bundle.log_entry._inner  # noqa: SLF001
    if entry.inclusion_promise and entry.integrated_time:
        return [datetime.fromtimestamp(entry.integrated_time, UTC)]
    stamps = bundle.verification_material.timestamp_verification_data
    if stamps is not None and len(stamps.rfc3161_timestamps) == 1:
        return [stamps.rfc3161_timestamps[0].tst_info.gen_time]
    return [stamp.time for stamp in verifier._verify_timestamp_authority(bundle)]  # noqa: SLF001


def _require_within(what: str, periods: Sequence[TimeRange | None], times: Iterable[datetime]) -> None:
    for at in times:
        if not any(one.start <= at and (one.end is None or at <= one.end) for one in periods if one is not None):
            raise NotVerified(f"its {what} was not in use then, or this trusted root does not know it")


def _issued(certificate: Certificate, der: bytes) -> bool:
    """An authority's certificate that cannot be read issued nothing."""
    from attest.trust.certified.issuance import is_issued_by

    try:
        return is_issued_by(certificate, _loaded(der))
    except (ValueError, TypeError):
        return False


@functools.lru_cache(maxsize=16)
def _loaded(der: bytes) -> Certificate:
    """An authority's certificate, which is the same for thousands of bundles."""
    from cryptography.x509 import load_der_x509_certificate

    return load_der_x509_certificate(der)


def foreign_errors() -> tuple[type[Exception], ...]:
    """What sigstore's library and those below it raise for certificates, times and numbers that are none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from sigstore.errors import Error

    of_certificates = (x509.InvalidVersion, x509.UnsupportedGeneralNameType, x509.DuplicateExtension)
    plain = (ValueError, TypeError, ArithmeticError, OSError, x509.ExtensionNotFound, UnsupportedAlgorithm)
    return (Error, *of_certificates, *plain)


def brief(error: Exception) -> str:
    """Its first line, as far as people read."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]
