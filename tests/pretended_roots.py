"""In place of Fulcio's roots, for what a certificate asserts: keys, and what a certificate for each would say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from attest.evidence.bundle import Bundle
from attest.evidence.simple_signing import SimpleSigning
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import CertifiedSigner, NotVerified
from attest.trust.keys import PublicKey


@dataclass(frozen=True)
class PretendedRoots:
    """The signature is checked for real; only the certificate's issuance is taken for granted."""

    signers: tuple[tuple[PublicKey, CertifiedSigner], ...]

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        message = pre_authentication_encoding(bundle.envelope.payload_type, bundle.envelope.payload)
        return self._who(bundle.envelope.signatures[0], message)

    def signer_of_payload(self, signing: SimpleSigning) -> CertifiedSigner:
        return self._who(signing.signature, signing.payload)

    def time_of(self, bundle: Bundle, key: PublicKey) -> datetime | None:
        return None

    def time_of_payload(self, signing: SimpleSigning, key: PublicKey) -> datetime | None:
        return None

    def _who(self, signature: bytes, message: bytes) -> CertifiedSigner:
        for key, signer in self.signers:
            if key.verifies(signature, message):
                return signer
        raise NotVerified("the signature does not hold")
