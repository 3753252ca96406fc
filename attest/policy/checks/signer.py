"""The checks of signatures and signers: who vouches for the image and its provenance, and why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attest.evidence.attestation import Evidence
from attest.oci.image import Image, PlatformImage
from attest.policy.corroboration import Corroborated
from attest.policy.report import Check, Status
from attest.trust.authentication import Authenticated
from attest.trust.keys import PublicKey
from attest.trust.signatures import Refusal, Signer, Trust

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def trust_given(trust: Trust) -> Check | None:
    """Did the user say whom to believe? Asked only where not: nobody is believed by default."""
    if not trust.is_empty:
        return None
    hint = "Say whom you believe: --key cosign.pub, or --certificate-identity and --certificate-oidc-issuer."
    summary = "no key and no identity was given, so nobody is believed"
    return Check("signer.identity", UNKNOWN, summary, "no-trust", hint=hint)


def signature_valid(image: Image, selected: Sequence[PlatformImage], found: Authenticated) -> Check:
    """Did an accepted key sign the image: its index, or else every platform by itself?"""
    over = {signature.over: signature for signature in found.signatures}
    if image.digest in over:
        signatures = [signature for signature in found.signatures if signature.over == image.digest]
        names = dict.fromkeys(signature.signer.name for signature in signatures)
        return Check(
            "signature.valid",
            PASSED,
            f"{', '.join(names)} signed {image.digest}",
            vouched_by=_voucher(*(signature.signer for signature in signatures)),
            evidence=tuple(signature.bundle for signature in signatures),
            hint=_beside([refusal for refusal in found.refusals if refusal.evidence.is_image_signature]),
        )
    unsigned = [platform for platform in selected if platform.digest not in over]
    if selected and not unsigned:
        evidence = tuple(over[platform.digest].bundle for platform in selected)
        voucher = _voucher(*(over[platform.digest].signer for platform in selected))
        return Check("signature.valid", PASSED, "every platform is signed", vouched_by=voucher, evidence=evidence)
    hint = f"A signature exists, over {next(iter(over))}, not over the index." if over else ""
    refused = [refusal for refusal in found.refusals if refusal.evidence.is_image_signature]
    if refused:
        return refused_check("signature.valid", refused, hint=hint)
    summary = f"no signature over {image.digest} was found"
    return Check("signature.valid", UNKNOWN, summary, "unsigned", hint=hint or _SIGN)


def provenance_signer(
    image: Image, platform: PlatformImage, evidence: Evidence, source: Corroborated, found: Authenticated
) -> Check:
    """Is there provenance for this platform that an accepted key vouches for?"""
    name = source.platform
    refused = [refusal for refusal in found.refusals if _concerns(refusal, image, platform)]
    if source.provenance:
        digests = tuple(statement.digest for statement in source.provenance)
        signers = [statement.signer for statement in source.provenance]
        names = dict.fromkeys(
            f"the holder of {one.name}" if isinstance(one, PublicKey) else one.name for one in signers
        )
        return Check(
            "signer.identity",
            PASSED,
            f"{', '.join(names)} vouches for the provenance",
            platform=name,
            vouched_by=_voucher(*signers),
            evidence=digests,
            hint=_beside(refused, sum(statement.strangers for statement in source.provenance)),
        )
    if refused:
        return refused_check("signer.identity", refused, platform=name)
    if any(attestation.is_provenance for attestation in evidence.attestations):
        summary = "there is provenance, but nobody who is believed signed it"
        over = next((one.over for one in found.signatures), None)
        hint = (
            f"A signature exists, over {over}, which does not lead to the provenance: sign the index."
            if over
            else _SIGN
        )
        return Check("signer.identity", UNKNOWN, summary, "unsigned", platform=name, hint=hint)
    summary = "no provenance" if not evidence.attestations else "no provenance for this platform"
    hint = "Build with attest build, or docker buildx build --provenance=mode=max."
    unread = tuple(problem.message for problem in evidence.problems if problem.id == "statement-malformed")
    return Check("predicate.type", UNKNOWN, summary, "no-provenance", platform=name, found=unread, hint=hint)


def _beside(refused: Sequence[Refusal], strangers: int = 0) -> str:
    """What is said of signatures that prove nothing beside those that do."""
    told = list(dict.fromkeys(refusal.message for refusal in refused))
    if strangers:
        told.append(f"{strangers} more in the same envelope, by nobody who is believed")
    return f"Beside it, and of no account: {'; '.join(told)}." if told else ""


_SIGN: Final = "Sign it where it is built: attest build --key, or attest sign --key."


def _voucher(*signers: Signer) -> str:
    """The weakest of them."""
    return "signer" if any(isinstance(signer, PublicKey) for signer in signers) else "certificate"


def _concerns(refusal: Refusal, image: Image, platform: PlatformImage) -> bool:
    """Whether a refused statement might have been this platform's provenance or the way to it."""
    return (refusal.evidence.is_provenance or refusal.evidence.is_image_signature) and may_be_of(
        refusal, image, platform
    )


def may_be_of(refusal: Refusal, image: Image, platform: PlatformImage) -> bool:
    """Whether what was refused names this platform, or no platform of the image at all."""
    named = set(refusal.evidence.about)
    return platform.digest in named or not named & {other.digest for other in image.platforms}


def refused_check(check_id: str, refused: Sequence[Refusal], platform: str = "", hint: str = "") -> Check:
    """Why nothing of all this got through: the worst reason first."""
    reasons = sorted(refused, key=lambda refusal: _WORST.index(refusal.reason))
    return Check(
        "subject.digest" if reasons[0].reason == "subject" else check_id,
        FAILED,
        reasons[0].message,
        reasons[0].reason,
        platform=platform,
        found=tuple(dict.fromkeys(refusal.message for refusal in reasons)),
        evidence=tuple(refusal.digest for refusal in reasons),
        hint=hint or reasons[0].hint or _REFUSED_HINTS.get(reasons[0].reason, ""),
    )


_WORST: Final = (
    "bad-signature",
    "denied",
    "outside-window",
    "signature-count",
    "payload-type",
    "subject",
    "other-identity",
    "other-key",
    "certificate",
)
_REFUSED_HINTS: Final = {
    "other-key": "Check that --key is the public half of the key that the build signs with.",
    "subject": "It is of another image, or of what another tag or this tag's past pointed at; ask who put it here.",
    "bad-signature": "Somebody changed it after it was signed.",
    "denied": "Sign again with a key that is believed, or find out who still has the denied one.",
    "outside-window": "Sign again with who is believed now, or widen the window where the root of trust is named.",
    "other-identity": "Ask who that is before you accept them.",
}
