"""The checks of image, evidence and signer. Each is a function that asks one question; those that return None are asked
only where the answer is no. docs/checks.md names every id and reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attest.errors import ContentMismatch, StoreError, Unauthorised
from attest.evidence.attestation import Evidence
from attest.oci.image import Image, PlatformImage
from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Status
from attest.reference import Platform
from attest.trust.authentication import Authenticated
from attest.trust.keys import PublicKey
from attest.trust.signatures import Refusal, Signer, Trust

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def image_digest(image: Image) -> Check:
    """Is the image what its digest says, down to every manifest?"""
    return Check("image.digest", PASSED, "every manifest matches its digest", evidence=(image.digest,))


def image_unreachable(error: StoreError) -> Check:
    """The answer to `image_digest` where the image could not be read."""
    status = FAILED if isinstance(error, ContentMismatch) else UNKNOWN
    return Check("image.digest", status, error.summary, error.reason, found=_lines(error.detail), hint=error.remedy)


def image_platforms(image: Image, wanted: Sequence[Platform]) -> Check | None:
    """Is there one manifest for each platform, and each platform asked for? Asked only where the answer is no."""
    repeated = [problem for problem in image.problems if problem.id == "platform-repeated"]
    if repeated:
        return Check("image.platforms", FAILED, repeated[0].message, "platform-repeated")
    if missing := image.lacks(wanted):
        return Check("image.platforms", UNKNOWN, missing.summary, missing.reason, found=_lines(missing.detail))
    return None


def evidence_complete(evidence: Evidence) -> Check | None:
    """Could everything that is attached be read? Asked only where the answer is no."""
    if not evidence.unread:
        return None
    error = min(evidence.unread, key=lambda error: _GRAVITY.get(type(error), 2))
    status = FAILED if isinstance(error, ContentMismatch) else UNKNOWN
    return Check(
        "evidence.complete", status, error.summary, error.reason, found=_lines(error.detail), hint=error.remedy
    )


_GRAVITY: Final[Mapping[type[StoreError], int]] = {ContentMismatch: 0, Unauthorised: 1}


def trust_given(trust: Trust) -> Check | None:
    """Did the user say whom to believe? Asked only where not: nobody is believed by default."""
    if not trust.is_empty:
        return None
    hint = "Say whom you believe: --key cosign.pub, or --certificate-identity and --certificate-oidc-issuer."
    summary = "no key and no identity was given, so nobody is believed"
    return Check("signer.identity", UNKNOWN, summary, "no-trust", hint=hint)


def something_expected(expected: Expectations) -> Check | None:
    """Did the user expect anything? Asked only where not: a check of nothing never passes."""
    if expected.of_source or expected.signature_only:
        return None
    hint = "Add --source-repository, --source-commit, --source-tag or --source-branch; or --signature-only."
    return Check("source.expected", UNKNOWN, "nothing was expected of the source", "nothing-expected", hint=hint)


def signature_valid(image: Image, selected: Sequence[PlatformImage], found: Authenticated) -> Check:
    """Did an accepted key sign the image: its index, or else every platform by itself?"""
    over = {signature.over: signature for signature in found.signatures}
    if image.digest in over:
        signature = over[image.digest]
        summary = f"{signature.signer.name} signed {image.digest}"
        voucher = _voucher(signature.signer)
        return Check("signature.valid", PASSED, summary, vouched_by=voucher, evidence=(signature.bundle,))
    unsigned = [platform for platform in selected if platform.digest not in over]
    if selected and not unsigned:
        evidence = tuple(over[platform.digest].bundle for platform in selected)
        voucher = _voucher(*(over[platform.digest].signer for platform in selected))
        return Check("signature.valid", PASSED, "every platform is signed", vouched_by=voucher, evidence=evidence)
    hint = f"A signature exists, over {next(iter(over))}, not over the index." if over else ""
    refused = [refusal for refusal in found.refusals if refusal.evidence.is_image_signature]
    if refused:
        return _refused("signature.valid", refused, hint=hint)
    summary = f"no signature over {image.digest} was found"
    return Check("signature.valid", UNKNOWN, summary, "unsigned", hint=hint or _SIGN)


def provenance_signer(
    image: Image, platform: PlatformImage, evidence: Evidence, source: Corroborated, found: Authenticated
) -> Check:
    """Is there provenance for this platform that an accepted key vouches for?"""
    name = source.platform
    if source.provenance:
        digests = tuple(statement.digest for statement in source.provenance)
        signers = [statement.signer for statement in source.provenance]
        names = dict.fromkeys(
            f"the holder of {one.name}" if isinstance(one, PublicKey) else one.name for one in signers
        )
        summary = f"{', '.join(names)} vouches for the provenance"
        voucher = _voucher(*signers)
        return Check("signer.identity", PASSED, summary, platform=name, vouched_by=voucher, evidence=digests)
    refused = [refusal for refusal in found.refusals if _concerns(refusal, image, platform)]
    if refused:
        return _refused("signer.identity", refused, platform=name)
    if any(attestation.is_provenance for attestation in evidence.attestations):
        summary = "there is provenance, but nobody who is believed signed it"
        return Check("signer.identity", UNKNOWN, summary, "unsigned", platform=name, hint=_SIGN)
    summary = "no provenance" if not evidence.attestations else "no provenance for this platform"
    hint = "Build with attest build, or docker buildx build --provenance=mode=max."
    return Check("predicate.type", UNKNOWN, summary, "no-provenance", platform=name, hint=hint)


_SIGN: Final = "Sign it where it is built: attest build --key, or attest sign --key."


def _voucher(*signers: Signer) -> str:
    """The weakest of them."""
    return "signer" if any(isinstance(signer, PublicKey) for signer in signers) else "certificate"


def _concerns(refusal: Refusal, image: Image, platform: PlatformImage) -> bool:
    """Whether a refused statement might have been this platform's: it names it, or no platform at all."""
    if not (refusal.evidence.is_provenance or refusal.evidence.is_image_signature):
        return False
    named = set(refusal.evidence.about)
    return platform.digest in named or not named & {other.digest for other in image.platforms}


def _refused(check_id: str, refused: Sequence[Refusal], platform: str = "", hint: str = "") -> Check:
    reasons = sorted(refused, key=lambda refusal: _WORST.index(refusal.reason))
    return Check(
        "subject.digest" if reasons[0].reason == "subject" else check_id,
        FAILED,
        reasons[0].message,
        reasons[0].reason,
        platform=platform,
        found=tuple(dict.fromkeys(refusal.message for refusal in reasons)),
        evidence=tuple(refusal.digest for refusal in reasons),
        hint=hint or _REFUSED_HINTS.get(reasons[0].reason, ""),
    )


_WORST: Final = (
    "bad-signature",
    "signature-count",
    "payload-type",
    "subject",
    "other-identity",
    "other-key",
    "certificate",
)
_REFUSED_HINTS: Final = {
    "other-key": "Check that --key is the public half of the key that the build signs with.",
    "subject": "It was copied here from another image; ask who did that.",
    "bad-signature": "Somebody changed it after it was signed.",
    "certificate": "Name whom you believe: --certificate-identity and --certificate-oidc-issuer; or the key.",
    "other-identity": "Ask who that is before you accept them.",
}


def _lines(detail: str) -> tuple[str, ...]:
    return (detail,) if detail else ()
