"""Signatures by certificate, checked offline against a trusted root: chain, SCT, log entry, timestamps, signature.

sigstore's library does that (its Verifier follows the client specification); who signed is decided here, so that a
near miss can be explained. Nothing is asked of any network: the root lies in the wheel, or in a file of the user's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.errors import UsageError
from attest.evidence.bundle import Bundle
from attest.evidence.statement import PAYLOAD_TYPE
from attest.trust.identity import CertifiedSigner

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier

_OIDS: Final = {"repository": 12, "commit": 13, "ref": 14}
_FULCIO: Final = "1.3.6.1.4.1.57264.1"


class NotVerified(Exception):
    """A certificate, log entry, timestamp or signature that does not hold; the message says which."""


@dataclass(frozen=True)
class TrustedRoots:
    """Sigstore's certificate authorities, logs and timestamp authorities: the public ones, or those of a file."""

    path: Path | None = None

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        """Who signed this bundle's exact payload. Raises NotVerified, and UsageError for an unusable root."""
        from sigstore.errors import Error
        from sigstore.models import Bundle as SigstoreBundle

        try:
            parsed = SigstoreBundle.from_json(bundle.raw)
            kind, payload = self._verifier.verify_dsse(parsed, _AnySigner())
        except (Error, ValueError) as error:  # pydantic's errors are ValueErrors
            raise NotVerified(_brief(error)) from None
        if kind != PAYLOAD_TYPE or payload != bundle.envelope.payload:
            raise NotVerified("what was signed is not the statement in the envelope")
        return _signer(parsed.signing_certificate)

    def require_usable(self) -> None:
        """Raises UsageError for a root that is none, before anything is asked of a registry."""
        _ = self._verifier

    @functools.cached_property
    def _verifier(self) -> Verifier:
        from sigstore.errors import Error
        from sigstore.verify import Verifier

        try:
            return Verifier(trusted_root=self._root())
        except (Error, ValueError) as error:
            raise self._unusable(_brief(error)) from None

    def _root(self) -> TrustedRoot:
        from sigstore.models import ClientTrustConfig, TrustedRoot

        if self.path is None:
            return ClientTrustConfig.production(offline=True).trusted_root
        try:
            return TrustedRoot.from_file(str(self.path))
        except OSError as error:
            raise self._unusable(f"{error.strerror}") from None

    def _unusable(self, why: str) -> UsageError:
        what = f"--trusted-root {self.path}" if self.path is not None else "the public trusted root"
        remedy = "Expected JSON as `cosign trusted-root create` writes it."
        return UsageError(f"{what}: not a trusted root", why, remedy)


class _AnySigner:
    """sigstore's policy that asks nothing: whose certificate it is, is asked afterwards."""

    def verify(self, cert: Certificate) -> None:
        """Everybody is let through here."""


def _signer(certificate: Certificate) -> CertifiedSigner:
    from cryptography import x509
    from cryptography.hazmat import asn1

    values = {
        extension.oid.dotted_string: extension.value.value
        for extension in certificate.extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
    }

    def text(number: int) -> str:
        raw = values.get(f"{_FULCIO}.{number}")
        if raw is None:
            return ""
        try:
            return asn1.decode_der(str, raw) if number >= 8 else raw.decode()
        except ValueError:
            raise NotVerified(f"its extension {_FULCIO}.{number} is not text") from None

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise NotVerified("its certificate names nobody") from None
    general = (x509.UniformResourceIdentifier, x509.RFC822Name, x509.DNSName)
    found = [str(name.value) for name in names if isinstance(name, general)]
    if len(found) != 1 or len(list(names)) != 1:
        raise NotVerified(f"its certificate has {len(list(names))} names, where one address or URI is expected")
    return CertifiedSigner(found[0], text(8) or text(1), **{name: text(number) for name, number in _OIDS.items()})


def _brief(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
