"""Signatures by certificate, checked offline against a trusted root: chain, SCT, log entry, timestamps, signature.

sigstore's library does that (its Verifier follows the client specification); who signed is decided here, so that a
near miss can be explained. Nothing is asked of any network: the root lies in the wheel, or in a file of the user's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.evidence.bundle import Bundle
from attest.evidence.certificate import alternative_names, fulcio_extensions
from attest.evidence.simple_signing import SimpleSigning
from attest.evidence.statement import PAYLOAD_TYPE
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import CertifiedSigner, NotVerified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier

    from attest.trust.trusted_root import TrustedRoot

_OIDS: Final = {"repository": 12, "commit": 13, "ref": 14}


@dataclass(frozen=True)
class TrustedRoots:
    """Sigstore's certificate authorities and logs: the public ones, or those of a file."""

    path: Path | None = None

    def require_usable(self) -> None:
        """Raises UsageError for a root that is none, before anything is asked of a registry."""
        _ = self._root
        if self.path is not None:
            _ = self._verifier

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        """Who signed this envelope's exact payload. Raises NotVerified."""
        if bundle.is_bundle:
            return self._signer_of_bundle(bundle)
        envelope = bundle.envelope
        if len(envelope.signatures) != 1:
            raise NotVerified(f"{len(envelope.signatures)} signatures for one certificate")
        message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
        return self._signer_by_entry(envelope.payload, message, envelope.signatures[0], bundle.annotations, bundle.raw)

    def signer_of_payload(self, signing: SimpleSigning) -> CertifiedSigner:
        """Who signed this image signature of cosign 1 and 2. Raises NotVerified."""
        return self._signer_by_entry(signing.payload, signing.payload, signing.signature, signing.annotations)

    def _signer_of_bundle(self, bundle: Bundle) -> CertifiedSigner:
        from sigstore.models import Bundle as SigstoreBundle

        verifier = self._verifier
        try:
            parsed = SigstoreBundle.from_json(bundle.raw)
            kind, payload = verifier.verify_dsse(parsed, _AnySigner())
        except _foreign_errors() as error:
            raise NotVerified(_brief(error)) from None
        if kind != PAYLOAD_TYPE or payload != bundle.envelope.payload:
            raise NotVerified("what was signed is not the statement in the envelope")
        return _signer(parsed.signing_certificate)

    def _signer_by_entry(
        self, payload: bytes, message: bytes, signature: bytes, annotations: Mapping[str, str], envelope: bytes = b""
    ) -> CertifiedSigner:
        from attest.trust.signed_entry import Signed, verified_certificate

        signed = Signed(payload, message, signature, annotations, envelope)
        return _signer(verified_certificate(signed, self._root))

    @functools.cached_property
    def _root(self) -> TrustedRoot:
        from attest.trust.trusted_root import load_trusted_root

        return load_trusted_root(self.path)

    @functools.cached_property
    def _verifier(self) -> Verifier:
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier

        from attest.trust.trusted_root import public_root, unusable_root

        try:
            return Verifier(trusted_root=TrustedRoot.from_file(str(self.path or public_root())))
        except _foreign_errors() as error:
            raise unusable_root(self.path, _brief(error)) from None


class _AnySigner:
    """sigstore's policy that asks nothing: whose certificate it is, is asked afterwards."""

    def verify(self, cert: Certificate) -> None:
        """Everybody is let through here."""


def _signer(certificate: Certificate) -> CertifiedSigner:
    from cryptography import x509
    from cryptography.hazmat import asn1

    values = fulcio_extensions(certificate.extensions)

    def text(number: int) -> str:
        raw = values.get(number)
        if raw is None:
            return ""
        try:
            return asn1.decode_der(str, raw) if number >= 8 else raw.decode()
        except ValueError:
            raise NotVerified(f"Fulcio's extension {number} in it is not text") from None

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise NotVerified("its certificate names nobody") from None
    found = alternative_names(names)
    if len(found) != 1 or len(list(names)) != 1:
        raise NotVerified(f"its certificate has {len(list(names))} names, where one address or URI is expected")
    return CertifiedSigner(found[0], text(8) or text(1), **{name: text(number) for name, number in _OIDS.items()})


def _foreign_errors() -> tuple[type[Exception], ...]:
    """What sigstore's library and those below it raise for certificates, times and numbers that are none."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from sigstore.errors import Error

    of_certificates = (x509.InvalidVersion, x509.UnsupportedGeneralNameType, x509.DuplicateExtension)
    plain = (ValueError, TypeError, ArithmeticError, OSError, x509.ExtensionNotFound, UnsupportedAlgorithm)
    return (Error, *of_certificates, *plain)


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
