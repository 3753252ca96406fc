"""Who signed: the accepted key or identity whose signature holds over the exact bytes, or why there is none.

What the signature is worth for an image is asked elsewhere (attest.trust.authentication).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
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

_NAME_THEM: Final = (
    "Name whom you believe: --certificate-identity and --certificate-oidc-issuer; or the key that signed."
)
_EVER: Final = datetime.min.replace(tzinfo=UTC)
_KEY: Final = "signed with a key; identities were given to check with"
_NAME_THE_KEY: Final = "Give the key that signed (--key), or have it signed without one (--keyless)."
_CERTIFICATE: Final = "signed with a certificate; keys were given to check with"

Signer = PublicKey | CertifiedSigner
RefusalReason = Literal[
    "other-key",
    "other-identity",
    "bad-signature",
    "certificate",
    "signature-count",
    "payload-type",
    "subject",
    "denied",
    "outside-window",
]


class Roots(Protocol):
    """What certificates are checked against: attest.trust.certified.certificates.TrustedRoots, or a caller's own."""

    def signer_of(self, bundle: Bundle) -> CertifiedSigner:
        """Who signed this envelope's exact payload. Raises NotVerified."""

    def signer_of_payload(self, signing: SimpleSigning) -> CertifiedSigner:
        """Who signed this image signature of cosign 1 and 2. Raises NotVerified."""

    def time_of(self, bundle: Bundle, key: PublicKey) -> datetime | None:
        """When a log or an authority saw this key's signature; None where none did. Raises NotVerified."""

    def time_of_payload(self, signing: SimpleSigning, key: PublicKey) -> datetime | None:
        """When the log saw this key's image signature of cosign 1 and 2; None where none did. Raises NotVerified."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the verifier's user believes. Empty means nobody; `roots` is what certificates are checked against.

    `denied` are fingerprints of keys that are believed no longer, whoever names them.
    """

    keys: tuple[PublicKey, ...] = ()
    identities: tuple[ExpectedIdentity, ...] = ()
    roots: Roots | None = None
    denied: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.identities and self.roots is None:
            raise ValueError("identities are proven by certificates, and those by roots")

    @property
    def is_empty(self) -> bool:
        """Whether nobody at all is believed."""
        return not self.keys and not self.identities


@dataclass(frozen=True, slots=True)
class Why:
    """Why nobody who is believed signed it."""

    reason: RefusalReason
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Signed evidence that did not get through, why, and what may be behind it."""

    evidence: Attestation | SimpleSignature
    reason: RefusalReason
    message: str
    hint: str = ""

    @property
    def digest(self) -> Digest:
        """The digest of what was refused."""
        return self.evidence.digest


def who_signed(attestation: Attestation, bundle: Bundle, trust: Trust) -> Signer | Refusal:
    """The accepted key or identity that signed this envelope's exact payload."""
    found = _of_envelope(attestation, bundle, trust)
    return Refusal(attestation, found.reason, found.message, found.hint) if isinstance(found, Why) else found


def _of_envelope(attestation: Attestation, bundle: Bundle, trust: Trust) -> Signer | Why:
    envelope = bundle.envelope
    if envelope.payload_type != PAYLOAD_TYPE:
        return Why("payload-type", f"an envelope of type {envelope.payload_type[:80]!r}")
    if Digest.of(bundle.raw) != attestation.digest or attestation.statement.raw != envelope.payload:
        return Why("bad-signature", "the statement is not the one in the envelope")
    count = len(envelope.signatures)
    if not count or (bundle.is_bundle and count != 1):  # DSSE allows several, a bundle's verifiers must not
        what = "a bundle" if bundle.is_bundle else "an envelope"
        return Why("signature-count", f"{what} with {count} signatures, where one is expected")
    if count > limits.SIGNATURES:
        return Why("signature-count", f"an envelope with {count} signatures")
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    holding = [key for key in trust.keys if any(key.verifies(one, message) for one in envelope.signatures)]
    if holding:
        return by_key(holding, trust, lambda roots, key: roots.time_of(bundle, key))
    if trust.identities and bundle.certificate is not None:
        return by_certificate(trust, lambda roots: roots.signer_of(bundle))
    return _why_not(bundle, trust)


def strangers(bundle: Bundle, trust: Trust) -> int:
    """How many signatures in an envelope, where DSSE allows several, are by no key that is accepted."""
    envelope = bundle.envelope
    if len(envelope.signatures) < 2:
        return 0
    message = pre_authentication_encoding(envelope.payload_type, envelope.payload)
    return sum(not any(key.verifies(one, message) for key in trust.keys) for one in envelope.signatures)


def by_certificate(trust: Trust, ask: Callable[[Roots], CertifiedSigner]) -> CertifiedSigner | Why:
    """The identity in the certificate, once everything about the certificate and the signature holds."""
    assert trust.roots is not None  # noqa: S101 - Trust sees to it
    try:
        signer = ask(trust.roots)
    except NotVerified as error:
        return Why("certificate", f"its certificate or signature does not hold: {error}", error.hint)
    accepting = [one for one in trust.identities if one.accepts(signer.identity, signer.issuer)]
    timely = [one for one in accepting if one.scope.lets_in(signer.not_before, signer.not_after)]
    if timely:
        return replace(signer, scopes=tuple(one.scope for one in timely))
    if accepting:
        when = f"{signer.not_before:%Y-%m-%dT%H:%M:%SZ}"
        message = f"{signer.name} signed at {when}, and is believed only {accepting[0].scope}"
        return Why("outside-window", message)
    expected = ", or ".join(map(str, trust.identities))
    only = (
        " (only the branch or tag that it ran for differs)"
        if any(one.differs_only_in_ref(signer.identity) and one.issuer == signer.issuer for one in trust.identities)
        else ""
    )
    return Why("other-identity", f"signed by {signer.name}, expected {expected}{only}")


def by_key(
    holding: Sequence[PublicKey], trust: Trust, when: Callable[[Roots, PublicKey], datetime | None]
) -> PublicKey | Why:
    """A key that made the signature, unless it is believed no longer or not for that time.

    Where nothing proves when it signed, it was before now; that it was after some other time, nobody knows.
    """
    believed = [key for key in holding if not trust.denied or key.fingerprint not in trust.denied]
    if not believed:
        return Why("denied", f"signed with {holding[0].name}, which is denied")
    key = believed[0]
    has_window = any(one.scope.has_window for one in believed)
    try:
        proven = when(trust.roots, key) if has_window and trust.roots else None
    except NotVerified as error:
        proven = None
        believed = [one for one in believed if not one.scope.has_window]  # for whom the time does not matter
        if not believed:
            said = f"what came with the signature of {key.name} does not hold: {error}"
            return Why("bad-signature", said, error.hint)
    earliest, latest = proven or _EVER, proven or datetime.now(UTC)
    timely = [one for one in believed if one.scope.lets_in(earliest, latest)]  # one key may be named for several times
    if timely:
        return replace(timely[0], other_scopes=tuple(one.scope for one in timely[1:]))
    said = f"at {proven:%Y-%m-%dT%H:%M:%SZ}" if proven else "at a time that no log and no timestamp proves"
    return Why("outside-window", f"{key.name} signed {said}, and is believed only {key.scope}")


def _why_not(bundle: Bundle, trust: Trust) -> Why:
    if not trust.keys and bundle.certificate is None:
        return Why("other-key", _KEY, _NAME_THE_KEY)
    for key in trust.keys:
        if bundle.key_hint == key.hint:
            message = f"it names the key {key.name}, but its signature does not hold: the content was changed"
            return Why("bad-signature", message)
    if bundle.certificate is not None:
        return Why("certificate", _CERTIFICATE, _NAME_THEM)
    hint = f" (its hint is {bundle.key_hint[:64]})" if bundle.key_hint else ""
    return Why("other-key", f"signed with another key{hint}")


def who_signed_payload(signature: SimpleSignature, trust: Trust) -> Signer | Refusal:
    """The accepted key or identity that signed this image signature of cosign 1 and 2: its payload's exact bytes."""
    found = _of_payload(signature, trust)
    return Refusal(signature, found.reason, found.message, found.hint) if isinstance(found, Why) else found


def _of_payload(signature: SimpleSignature, trust: Trust) -> Signer | Why:
    signing = signature.signing
    if Digest.of(signing.payload) != signature.digest:
        return Why("bad-signature", "the payload is not the one that was stored")
    holding = [key for key in trust.keys if key.verifies(signing.signature, signing.payload)]
    if holding:
        return by_key(holding, trust, lambda roots, key: roots.time_of_payload(signing, key))
    if signing.certificate is None and not trust.keys:
        return Why("other-key", _KEY, _NAME_THE_KEY)
    if signing.certificate is None:
        return Why("other-key", "signed with another key, or over another payload (it has no hint)")
    if trust.identities:
        return by_certificate(trust, lambda roots: roots.signer_of_payload(signing))
    return Why("certificate", _CERTIFICATE, _NAME_THEM)
