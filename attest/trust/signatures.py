"""Who signed: the accepted key or identity whose signature holds over the exact bytes, or why there is none.

What the signature is worth for an image is asked elsewhere (attest.trust.authentication).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from attest.evidence.attestation import Attestation, SimpleSignature
from attest.evidence.bundle import Bundle
from attest.evidence.simple_signing import SimpleSigning
from attest.evidence.statement import PAYLOAD_TYPE
from attest.oci import limits
from attest.reference import Digest
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import CertifiedSigner, ExpectedIdentity, NotVerified
from attest.trust.keys import PublicKey

_CERTIFICATE: Final = "signed with a certificate; keys were given to check with"

Signer = PublicKey | CertifiedSigner
RefusalReason = Literal[
    "other-key", "other-identity", "bad-signature", "certificate", "signature-count", "payload-type", "subject"
]


class Roots(Protocol):
    """What certificates are checked against: attest.trust.certificates.TrustedRoots, or a caller's own."""

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        """Who signed this envelope's exact payload. Raises NotVerified."""

    def signer_of_payload(self, signing: SimpleSigning) -> CertifiedSigner:
        """Who signed this image signature of cosign 1 and 2. Raises NotVerified."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier's user believes. Empty means nobody; `roots` is what certificates are checked against."""

    keys: tuple[PublicKey, ...] = ()
    identities: tuple[ExpectedIdentity, ...] = ()
    roots: Roots | None = None

    def __post_init__(self) -> None:
        if self.identities and self.roots is None:
            raise ValueError("identities are proven by certificates, and those by roots")

    @property
    def is_empty(self) -> bool:
        """Whether nobody at all is believed."""
        return not self.keys and not self.identities


@dataclass(frozen=True, slots=True)
class Refusal:
    """Signed evidence that did not get through, and why."""

    evidence: Attestation | SimpleSignature
    reason: RefusalReason
    message: str

    @property
    def digest(self) -> Digest:
        """The digest of what was refused."""
        return self.evidence.digest


def who_signed(attestation: Attestation, bundle: Bundle, trust: Trust) -> Signer | Refusal:
    """The accepted key or identity that signed this envelope's exact payload."""
    envelope = bundle.envelope
    if envelope.payload_type != PAYLOAD_TYPE:
        return Refusal(attestation, "payload-type", f"an envelope of type {envelope.payload_type[:80]!r}")
    if Digest.of(bundle.raw) != attestation.digest or attestation.statement.raw != envelope.payload:
        return Refusal(attestation, "bad-signature", "the statement is not the one in the envelope")
    count = len(envelope.signatures)
    if not count or (bundle.is_bundle and count != 1):  # DSSE allows several, a bundle's verifiers must not
        what = "a bundle" if bundle.is_bundle else "an envelope"
        return Refusal(attestation, "signature-count", f"{what} with {count} signatures, where one is expected")
    if count > limits.SIGNATURES:
        return Refusal(attestation, "signature-count", f"an envelope with {count} signatures")
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    for key in trust.keys:
        if any(key.verifies(signature, message) for signature in envelope.signatures):
            return key
    if trust.identities and bundle.certificate is not None:
        return _certified(attestation, trust, lambda roots: roots.signer_of(bundle))
    return _why_not(attestation, bundle, trust)


def _certified(
    evidence: Attestation | SimpleSignature, trust: Trust, ask: Callable[[Roots], CertifiedSigner]
) -> CertifiedSigner | Refusal:
    """The identity in the certificate, once everything about the certificate and the signature holds."""
    assert trust.roots is not None  # noqa: S101 - Trust sees to it
    try:
        signer = ask(trust.roots)
    except NotVerified as error:
        return Refusal(evidence, "certificate", f"its certificate or signature does not hold: {error}")
    if any(identity.accepts(signer.identity, signer.issuer) for identity in trust.identities):
        return signer
    expected = ", or ".join(map(str, trust.identities))
    only = (
        " (only the branch or tag that it ran for differs)"
        if any(one.differs_only_in_ref(signer.identity) and one.issuer == signer.issuer for one in trust.identities)
        else ""
    )
    return Refusal(evidence, "other-identity", f"signed by {signer.name}, expected {expected}{only}")


def _why_not(attestation: Attestation, bundle: Bundle, trust: Trust) -> Refusal:
    for key in trust.keys:
        if bundle.key_hint == key.hint:
            message = f"it names the key {key.name}, but its signature does not hold: the content was changed"
            return Refusal(attestation, "bad-signature", message)
    if bundle.certificate is not None:
        return Refusal(attestation, "certificate", _CERTIFICATE)
    hint = f" (its hint is {bundle.key_hint[:64]})" if bundle.key_hint else ""
    return Refusal(attestation, "other-key", f"signed with another key{hint}")


def who_signed_payload(signature: SimpleSignature, trust: Trust) -> Signer | Refusal:
    """The accepted key or identity that signed this image signature of cosign 1 and 2: its payload's exact bytes."""
    signing = signature.signing
    if Digest.of(signing.payload) != signature.digest:
        return Refusal(signature, "bad-signature", "the payload is not the one that was stored")
    for key in trust.keys:
        if key.verifies(signing.signature, signing.payload):
            return key
    if signing.certificate is None:
        return Refusal(signature, "other-key", "signed with another key, or over another payload (it has no hint)")
    if trust.identities:
        return _certified(signature, trust, lambda roots: roots.signer_of_payload(signing))
    return Refusal(signature, "certificate", _CERTIFICATE)
