"""SLSA verification summaries (VSA v1): writing what a report says, and accepting what another verifier wrote.

A summary stands for the evidence only where the policy in use names its verifier, and only if that verifier judged by
this very policy (SLSA v1.2, "Verification Summary Attestation"; docs/threats.md says what it is not good for).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from attest.errors import UsageError
from attest.evidence.attestation import Evidence
from attest.evidence.statement import read_timestamp
from attest.oci.document import Json, JsonObject, child, encode, strings, text
from attest.oci.image import Image, PlatformImage
from attest.policy.expectations import Expectations
from attest.policy.levels import HIGHEST
from attest.policy.policy import Policy, SummaryRules
from attest.policy.report import VERIFIER_ID, Check, Report, Status
from attest.policy.roots import load_root
from attest.reference import Digest
from attest.trust.authentication import VerifiedStatement, authenticate
from attest.trust.identity import ExpectedIdentity
from attest.trust.keys import PublicKey
from attest.trust.signatures import Roots, Trust
from attest.trust.signing.statements import statement_bytes

SUMMARY: Final = "https://slsa.dev/verification_summary/v1"
_SKEW: Final = timedelta(minutes=10)  # how far the clocks of two verifiers may be apart
_LEVEL: Final = "SLSA_BUILD_LEVEL_"
_SLSA_VERSION: Final = "1.2"


@dataclass(frozen=True, slots=True)
class Verifier:
    """Somebody whose summaries are accepted, and the keys and identities that sign them: never those of images."""

    rules: SummaryRules
    trust: Trust


def load_verifiers(
    policy: Policy, trust: Trust, roots: Roots | None, environ: Mapping[str, str]
) -> tuple[Verifier, ...]:
    """The policy's verifiers. Raises UsageError for a key or identity that is one of images too, InvalidKey.

    It is one whether or not this call's flags left it in `trust`.
    """
    if not policy.summaries:
        return ()
    signing = (*trust.keys, *(load_root(root, environ) for root in policy.trust.keys))
    of_images = {key.fingerprint for key in signing}
    identities = (*trust.identities, *policy.trust.identities)
    verifiers = []
    for rules in policy.summaries:
        keys = tuple(load_root(root, environ) for root in rules.keys)
        shared = of_images & {key.fingerprint for key in keys}
        if shared or any(_overlap(one, other) for one in rules.identities for other in identities):
            raise UsageError(
                f"{policy.uri}: {rules.verifier} signs its summaries as images are signed",
                "Whoever signs images could then vouch that they were verified.",
                "Give the verifier a key of its own.",
            )
        whose = Trust(keys, rules.identities, roots, trust.denied)
        verifiers.append(Verifier(rules, whose))
    return tuple(verifiers)


def _overlap(one: ExpectedIdentity, other: ExpectedIdentity) -> bool:
    """Whether they are the same, or one takes in the other; of two expressions it is told when somebody has signed."""
    if one.issuer != other.issuer:
        return False
    if one.is_pattern and other.is_pattern:
        return one.name == other.name
    exact, any_ = (other, one) if one.is_pattern else (one, other)
    return any_.accepts(exact.name, exact.issuer)


def summary_of(report: Report) -> bytes:
    """The statement (in-toto v1) that says what this report says, all that was looked at by digest.

    Raises UsageError for a report without a policy, for one that decided nothing, since a summary knows no unknown, and
    for one that rests on another's summary: summed up again it would be young for ever.
    """
    if report.policy is None:
        raise UsageError("a verification summary names the policy that was applied", "", "Add --policy FILE.")
    if not report.about or report.verdict is Status.UNKNOWN:
        raise UsageError(f"{report.reference}: nothing was decided, so there is nothing to sum up")
    if report.summary is not None:
        raise UsageError(f"{report.reference}: the verdict rests on a summary, which cannot be summed up again")
    passed = report.verdict is Status.PASSED
    name, resource = _name(report.reference), _resource(report.reference)
    inputs: list[Json] = [{"uri": f"{name}@{one}", "digest": _digest(one)} for one in report.inputs]
    predicate: JsonObject = {
        "verifier": {"id": VERIFIER_ID},
        "timeVerified": report.time,
        "resourceUri": resource,
        "policy": {"uri": report.policy.uri, "digest": _digest(report.policy.digest)},
        "inputAttestations": inputs,
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": [f"{_LEVEL}{report.level.reached}" if passed else "FAILED"],
        "slsaVersion": _SLSA_VERSION,
    }
    return statement_bytes(resource, report.about, SUMMARY, encode(predicate).decode())


@dataclass(frozen=True, slots=True)
class Summed:
    """The answer to whether a summary stands for the evidence, and the build level that was verified."""

    check: Check
    level: int = 0


def accepted_summary(
    image: Image,
    selected: Sequence[PlatformImage],
    evidence: Evidence,
    verifiers: Sequence[Verifier],
    trust: Trust,
    expected: Expectations,
    now: datetime,
) -> Summed | None:
    """Does a verifier that the policy names say that all of this passed? Asked only where one says anything.

    Explicit expectations need the evidence itself: for those nothing is accepted. Of each verifier what it said last
    counts, and a failure where two things are as old; no verifier outweighs another one's failure.
    """
    if expected.policy is None:
        return None
    told = [
        _Told(_verified_at(one), verifier.rules.verifier, one, _obstacle(one, verifier, image, selected, expected, now))
        for verifier in verifiers
        for one in authenticate(image, evidence, verifier.trust).statements
        if one.statement.predicate_type == SUMMARY and not _signs_images(one, trust, expected.policy)
    ]
    origin = expected.policy.origin("summaries")
    said = sorted((one for one in told if not one.obstacle), key=lambda one: (one.at, not one.is_passed))
    if not said:
        return Summed(_of_no_account(told[0], origin)) if told else None
    last = {one.verifier: one for one in said}
    worst = min(last.values(), key=lambda one: one.is_passed)
    summary, digest = f"{worst.verifier} verified it by this policy", (worst.statement.digest,)
    if worst.is_passed:
        check = Check(
            "summary.accepted", Status.PASSED, summary, origin=origin, found=(worst.verifier,), evidence=digest
        )
        return Summed(check, _level(worst.statement.statement.predicate))
    summary += ", and it failed"
    return Summed(Check("summary.accepted", Status.FAILED, summary, "summary-failed", origin=origin, evidence=digest))


@dataclass(frozen=True, slots=True)
class _Told:
    """One summary by a verifier that the policy names, and why it says nothing here, or ""."""

    at: datetime
    verifier: str
    statement: VerifiedStatement
    obstacle: str

    @property
    def is_passed(self) -> bool:
        return _is_passed(self.statement)


def _of_no_account(one: _Told, origin: str) -> Check:
    """Shown so that people see why a summary that is there did not help; it is not needed."""
    summary = f"a summary by {one.verifier} is of no account: {one.obstacle}"
    return Check(
        "summary.accepted",
        Status.UNKNOWN,
        summary,
        "summary-unfit",
        required=False,
        origin=origin,
        evidence=(one.statement.digest,),
    )


def _obstacle(
    one: VerifiedStatement,
    verifier: Verifier,
    image: Image,
    selected: Sequence[PlatformImage],
    expected: Expectations,
    now: datetime,
) -> str:
    """Why a summary says nothing here (VSA v1, "How to verify"), or ""."""
    predicate, policy = one.statement.predicate, expected.policy
    assert policy is not None  # noqa: S101 - asked of policies only
    level, at = policy.build.level, _verified_at(one)
    limit = verifier.rules.max_age
    named = text(child(predicate, "verifier"), "id")
    judged_by = strings(child(predicate, "policy"), "digest").get("sha256")
    obstacles = {
        "what is asked on the command line needs the evidence itself": expected.is_explicit and _is_passed(one),
        f"it names another verifier, {named[:200] or 'none'}": named != verifier.rules.verifier,
        "it was judged by another policy, or another version of this one": judged_by != policy.digest.hex,
        "it is for another name or tag": not _is_resource(text(predicate, "resourceUri"), image, policy),
        "it is for other platforms": not _is_about(one, selected),
        "it was verified at a time to come": at > now + _SKEW,
        "it is too old": limit is not None and now - at > limit,
        "it verified a lower build level": _is_passed(one) and _level(predicate) < level,
    }
    return next((why for why, holds in obstacles.items() if holds), "")


def _is_about(one: VerifiedStatement, selected: Sequence[PlatformImage]) -> bool:
    """To pass, it must speak for every platform; one that failed fails the image."""
    spoken_for = [platform.digest in one.platforms for platform in selected]
    return all(spoken_for) if _is_passed(one) else any(spoken_for)


def _signs_images(one: VerifiedStatement, trust: Trust, policy: Policy) -> bool:
    """Whether who signed the summary is believed of images as well, whomever the flags have chosen of the policy's."""
    signer = one.signer
    if isinstance(signer, PublicKey):
        return any(key.fingerprint == signer.fingerprint for key in trust.keys)
    identities = (*trust.identities, *policy.trust.identities)
    return any(identity.accepts(signer.identity, signer.issuer) for identity in identities)


def _is_passed(one: VerifiedStatement) -> bool:
    return text(one.statement.predicate, "verificationResult") == "PASSED"


def _verified_at(one: VerifiedStatement) -> datetime:
    at = read_timestamp(text(one.statement.predicate, "timeVerified"))
    return at or datetime.max.replace(tzinfo=UTC)  # a time that cannot be read is never a time that has come


def _level(predicate: JsonObject) -> int:
    """The build level that was verified; a higher one includes the lower (SLSA v1.2, "Verified levels")."""
    return min(max(_levels(predicate), default=0), HIGHEST)


def _levels(predicate: JsonObject) -> Iterator[int]:
    levels = predicate.get("verifiedLevels")
    for name in levels if isinstance(levels, list) else ():
        number = name.removeprefix(_LEVEL) if isinstance(name, str) and name.startswith(_LEVEL) else ""
        if number.isascii() and number.isdigit():
            yield int(number[:2])


def _is_resource(uri: str, image: Image, policy: Policy) -> bool:
    """The same repository; and the same tag, where the policy ties the image's tag to anything."""
    reference = image.reference
    if policy.image_tag:
        return reference.tag is not None and uri == f"{reference.name}:{reference.tag}"
    return uri == reference.name or uri.startswith(f"{reference.name}:")


def _resource(reference: str) -> str:
    """Repository and tag: what the verdict is about besides the digest."""
    return reference.partition("@sha")[0]


def _name(reference: str) -> str:
    resource = _resource(reference)
    head, colon, tag = resource.rpartition(":")
    return head if colon and "/" not in tag else resource


def _digest(digest: Digest) -> dict[str, Json]:
    return {digest.algorithm: digest.hex}
