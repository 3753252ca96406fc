"""The checks of the image and of what hangs off it. Each is a function that asks one question; those that return None
are asked only where the answer is no. docs/checks.md names every id and reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from attest.errors import ContentMismatch, StoreError, Unauthorised
from attest.evidence.attestation import Evidence
from attest.oci.image import Image
from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Expectations
from attest.policy.pattern import any_matches, listed
from attest.policy.report import Check, Claim, Status
from attest.reference import Platform
from attest.trust.authentication import VerifiedStatement

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def image_digest(image: Image) -> Check:
    """Is the image what its digest says, down to every manifest?"""
    return Check("image.digest", PASSED, "every manifest matches its digest", evidence=(image.digest,))


def image_denied(image: Image, statements: Sequence[VerifiedStatement], expected: Expectations) -> Check | None:
    """Is it, a platform of it, or an index that a trusted statement says it was in, denied by the policy?

    Asked only where the policy denies anything. Whoever can write to a registry can put a platform into a new index.
    """
    if expected.policy is None or not expected.policy.denied_digests:
        return None
    origin = expected.policy.origin("denied_digests")
    told = [digest for one in statements if one.platforms for digest in one.statement.subject_digests]
    denied = [digest for digest in (*image.digests, *told) if digest in expected.policy.denied_digests]
    if not denied:
        return Check("image.denied", PASSED, "no digest of it is denied", origin=origin)
    return Check("image.denied", FAILED, f"{denied[0]} is denied", "denied", origin=origin, found=(str(denied[0]),))


def image_covered(image: Image, expected: Expectations) -> Check | None:
    """Does the policy speak for this image? Asked only where the policy names images."""
    if expected.policy is None or not (images := expected.policy.images):
        return None
    origin, name = expected.policy.origin("images"), image.reference.name
    if any_matches(images, name):
        return Check("image.covered", PASSED, f"the policy speaks for {name}", expected=listed(images), origin=origin)
    summary, hint = f"the policy does not speak for {name}", f"It speaks for {listed(images)}: take another policy."
    return Check("image.covered", UNKNOWN, summary, "not-covered", expected=listed(images), origin=origin, hint=hint)


def image_tag(image: Image, source: Corroborated, expected: Expectations) -> Check | None:
    """Is the image's tag what the policy makes of the source's tag? An old good image under a new tag is old."""
    if expected.policy is None or not (template := expected.policy.image_tag):
        return None
    tag, origin = image.reference.tag, expected.policy.origin("image_tag")
    claims = [claim for claim in source.about("tag") if claim.counts]
    if tag is None:
        return _tag(UNKNOWN, "the image was asked for without a tag", "no-tag", source, template, origin)
    if not claims:
        return _tag(
            UNKNOWN, "no trusted statement names the source's tag", "no-claim", source, template, origin, claims
        )
    if dirty := source.about("dirty"):
        summary = "built from a working tree with uncommitted changes, which is no tag's"
        return _tag(FAILED, summary, "dirty", source, template, origin, dirty)
    for claim in claims:
        if (wanted := template.replace("{source_tag}", claim.value)) != tag:
            summary = f"the image's tag is {tag}, and its source's tag {claim.value} makes it {wanted}"
            return _tag(FAILED, summary, "other-tag", source, template, origin, claims)
    return _tag(PASSED, f"the image's tag is {tag}, as its source's", "", source, template, origin, claims)


def _tag(
    status: Status,
    summary: str,
    reason: str,
    source: Corroborated,
    template: str,
    origin: str,
    claims: Sequence[Claim] = (),
) -> Check:
    return Check(
        "image.tag",
        status,
        summary,
        reason,
        source.platform,
        expected=template,
        origin=origin,
        found=tuple(dict.fromkeys(claim.value for claim in claims)),
        vouched_by=claims[0].vouched_by if claims else "",
        evidence=tuple(dict.fromkeys(claim.statement for claim in claims)),
        hint=_TAG_HINTS.get(reason, ""),
    )


_TAG_HINTS: Final = {
    "no-tag": "Ask for NAME:TAG@sha256:….",
    "other-tag": "It is another release under this tag, or an old one.",
}


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


def something_expected(expected: Expectations) -> Check | None:
    """Did the user expect anything? Asked only where not: a check of nothing never passes."""
    if expected.of_source or expected.signature_only:
        return None
    hint = "Add --source-repository, --source-commit, --source-tag or --source-branch; or --signature-only."
    return Check("source.expected", UNKNOWN, "nothing was expected of the source", "nothing-expected", hint=hint)


def _lines(detail: str) -> tuple[str, ...]:
    return (detail,) if detail else ()
