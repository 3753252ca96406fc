"""Signatures by certificate, checked offline against a trusted root: chain, SCT, log entry, timestamps, signature.

sigstore's library does that (its Verifier follows the client specification) for bundles of the shapes that it takes,
bundle_proof.py for the others; who signed is decided here, so that a near miss can be explained. Nothing is asked of
any network: the root lies in the wheel, or in a file of the user's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attest.evidence.bundle import LOG_ENTRY, Bundle
from attest.evidence.certificate import alternative_names, fulcio_extensions
from attest.evidence.simple_signing import SimpleSigning
from attest.evidence.statement import PAYLOAD_TYPE
from attest.trust.identity import CertifiedSigner, NotVerified

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.x509 import Certificate
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.verify import Verifier

    from attest.trust.certified.bundle_proof import Material
    from attest.trust.certified.trusted_root import TrustedRoot
    from attest.trust.keys import PublicKey


@dataclass(frozen=True)
class TrustedRoots:
    """Sigstore's certificate authorities, logs and timestamp authorities: the public ones, or those of a file."""

    path: Path | None = None

    def require_usable(self) -> None:
        """Raises UsageError for a root that proves no certificate, before anything is asked of a registry."""
        from attest.trust.certified.trusted_root import unusable_root

        if not self._root.authorities:
            raise unusable_root(self.path, "It names no certificate authority.")

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        """Who signed this envelope's exact payload, or the file that the bundle's message names. Raises NotVerified.

        Whether that is the file that is meant, is for the caller to see to (attest.trust.artifacts).
        """
        envelope = bundle.envelope
        if bundle.message is None and envelope.payload_type != PAYLOAD_TYPE:
            raise NotVerified("what was signed is not the statement in the envelope")
        try:
            return _signer(self._certificate_of(bundle))
        except NotVerified as error:
            from attest.trust.certified.near_misses import near_miss_of_bundle

            raise NotVerified(str(error), near_miss_of_bundle(bundle, self._root)) from None

    def signer_of_payload(self, signing: SimpleSigning) -> CertifiedSigner:
        """Who signed this image signature of cosign 1 and 2. Raises NotVerified."""
        from attest.trust.certified.near_misses import near_miss_of_notes
        from attest.trust.certified.noted_proof import certificate_of_payload

        try:
            return _signer(certificate_of_payload(signing, self._root))
        except NotVerified as error:
            raise NotVerified(str(error), near_miss_of_notes(signing.annotations, self._root)) from None

    def time_of(self, bundle: Bundle, key: PublicKey) -> datetime | None:
        """When a log or an authority first saw this key's signature; None where none did. Raises NotVerified."""
        from attest.trust.certified.bundle_proof import has_proof_of_time, signing_time
        from attest.trust.certified.noted_proof import noted_time

        if not bundle.is_bundle:
            return noted_time(bundle, key, self._root) if LOG_ENTRY in bundle.annotations else None
        return signing_time(bundle, key, self._root) if has_proof_of_time(bundle) else None

    def time_of_payload(self, signing: SimpleSigning, key: PublicKey) -> datetime | None:
        """When the log saw this key's image signature of cosign 1 and 2; None where none did. Raises NotVerified."""
        from attest.trust.certified.noted_proof import noted_time_of_payload

        return noted_time_of_payload(signing, key, self._root) if LOG_ENTRY in signing.annotations else None

    def _certificate_of(self, bundle: Bundle) -> Certificate:
        from attest.trust.certified.bundle_proof import certificate_of, material_of
        from attest.trust.certified.issuance import load_certificate
        from attest.trust.certified.noted_proof import certificate_of_envelope

        if not bundle.is_bundle:
            return certificate_of_envelope(bundle, self._root)
        material = material_of(bundle)
        _, key = load_certificate(material.certificate)
        verifier = self._verifier if material.is_taken_by_sigstore(bundle, key) else None
        if verifier is not None:
            return self._certificate_by(verifier, bundle, material)
        return certificate_of(bundle, material, self._root)

    def _certificate_by(self, verifier: Verifier, bundle: Bundle, material: Material) -> Certificate:
        from attest.trust.certified.sigstore_inside import brief, foreign_errors, parsed_bundle, require_in_use

        try:
            parsed = parsed_bundle(bundle.raw, material.entries)
            _verify(verifier, parsed, bundle)
            require_in_use(verifier, parsed)
        except foreign_errors() as error:
            raise NotVerified(brief(error)) from None
        return parsed.signing_certificate

    @functools.cached_property
    def _root(self) -> TrustedRoot:
        from attest.trust.certified.trusted_root import load_trusted_root

        return load_trusted_root(self.path)

    @functools.cached_property
    def _verifier(self) -> Verifier | None:
        """None for a root that it does not take, such as one without logs, or without a name for each authority."""
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier

        from attest.trust.certified.sigstore_inside import foreign_errors
        from attest.trust.certified.trusted_root import public_root

        try:
            return Verifier(trusted_root=TrustedRoot.from_file(str(self.path or public_root())))
        except foreign_errors():
            return None


def _verify(verifier: Verifier, parsed: SigstoreBundle, bundle: Bundle) -> None:
    """Raises NotVerified, and what the library raises."""
    from sigstore.hashes import Hashed
    from sigstore_models.common.v1 import HashAlgorithm

    message = bundle.message
    if message is None:
        kind, payload = verifier.verify_dsse(parsed, _AnySigner())
        if kind != PAYLOAD_TYPE or payload != bundle.envelope.payload:
            raise NotVerified("what was signed is not the statement in the envelope")
    elif message.content is not None:
        verifier.verify_artifact(message.content, parsed, _AnySigner())
    elif message.digest is not None and message.digest.algorithm == "sha256":
        hashed = Hashed(algorithm=HashAlgorithm.SHA2_256, digest=bytes.fromhex(message.digest.hex))
        verifier.verify_artifact(hashed, parsed, _AnySigner())
    else:
        raise NotVerified("it signs a file of which the sha256 digest is needed")


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
    return CertifiedSigner(
        found[0],
        text(8) or text(1),
        repository=text(12),
        commit=text(13),
        ref=text(14),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )
