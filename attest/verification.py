"""The whole of verification, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from attest.errors import StoreError
from attest.evidence.attestation import Attestation, Evidence
from attest.evidence.collect import fetch, with_files
from attest.oci.image import Image, PlatformImage
from attest.oci.interface import Store
from attest.policy import levels
from attest.policy.checks import build as build_checks
from attest.policy.checks import image as image_checks
from attest.policy.checks import sbom as sbom_checks
from attest.policy.checks import signer as signer_checks
from attest.policy.checks import source as source_checks
from attest.policy.corroboration import Corroborated, corroborate, shown_claims
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Claim, Level, Path, Report, Status, Trusted, UsedPolicy
from attest.policy.summaries import Verifier, accepted_summary
from attest.policy.tag_objects import TagObjects, nowhere
from attest.trust.authentication import Authenticated, authenticate
from attest.trust.signatures import Trust


def verify_reference(
    store: Store,
    trust: Trust,
    expected: Expectations,
    files: Sequence[Attestation] = (),
    verifiers: Sequence[Verifier] = (),
    tag_objects: TagObjects = nowhere,
) -> Report:
    """Fetch an image and its evidence, add what `files` hold, then verify; raises nothing of a store.

    What could not be read is part of the report: a registry that is down is an unknown, never a stack trace.
    """
    try:
        image, evidence = fetch(store)
        return verify(image, with_files(image, evidence, files), trust, expected, verifiers, tag_objects)
    except StoreError as error:
        unreachable = image_checks.image_unreachable(error)
        return Report(
            str(store.reference),
            None,
            (),
            (unreachable,),
            trusted=_trusted(trust),
            time=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            policy=_used(expected),
        )


def verify(
    image: Image,
    evidence: Evidence,
    trust: Trust,
    expected: Expectations,
    verifiers: Sequence[Verifier] = (),
    tag_objects: TagObjects = nowhere,
) -> Report:
    """Answer whether `image` came from where `expected` says.

    Follows SLSA v1.2, "Verifying artifacts": 1 authenticity, 2 expectations. Nothing stops at the first mismatch.
    Nothing here does I/O, unless `tag_objects` does: it is asked for annotated tags that were not signed along.
    """
    now = datetime.now(UTC)
    # 1. Which manifests are in question? Every platform, unless the user narrows the question.
    selected = image.select(expected.platforms)

    # 2. Who signed what? Everything that cannot be authenticated stays a claim.
    found = authenticate(image, evidence, trust)

    # 3. What do the trusted statements say about each platform's source, and who vouches for it?
    sources = [corroborate(platform, found.statements, expected, tag_objects) for platform in selected]

    # 4. Which level do the roots of trust allow? Never what a statement says of itself.
    level = levels.reached(sources)

    # 5. Hold every fact against the expectation; wrong content fails whatever else is right.
    answers: list[Check | None] = [
        image_checks.image_digest(image),
        image_checks.image_platforms(image, expected.platforms),
        image_checks.evidence_complete(evidence),
        image_checks.image_denied(image, found.statements, expected),
        image_checks.image_covered(image, expected),
        signer_checks.trust_given(trust),
        image_checks.something_expected(expected),
        *levels.slsa_level(level, expected),
    ]
    if expected.signature_required and not trust.is_empty:
        answers.append(signer_checks.signature_valid(image, selected, found))
    for platform, source in zip(selected, sources, strict=True):
        if expected.of_provenance and not trust.is_empty:
            answers.append(signer_checks.provenance_signer(image, platform, evidence, source, found))
        if expected.of_source:
            answers += [answer for check in source_checks.SOURCE_CHECKS for answer in check(source, expected)]
        answers += [answer for check in build_checks.BUILD_CHECKS for answer in check(source, expected, now)]
        answers.append(image_checks.image_tag(image, source, expected))
        answers.append(sbom_checks.sbom_present(image, platform, found, expected))

    if expected.of_source:
        answers += source_checks.mixed(sources, expected)

    # 6. A verifier whom the policy names may have seen what cannot be seen here; what is seen to be wrong stays wrong.
    summed = accepted_summary(image, selected, evidence, verifiers, trust, expected, now)
    given = [answer for answer in answers if answer is not None]

    return Report(
        str(image.reference),
        image.digest,
        tuple(str(platform.platform) for platform in image.platforms),
        tuple(given if summed is None else (*_excused(given, summed.check), summed.check)),
        tuple(str(platform) for platform in expected.platforms),
        tuple(_claims(selected, sources, evidence, found)),
        _trusted(trust),
        Level(summed.level, "that is what was verified") if summed and summed.level and not level.reached else level,
        tuple(_paths(sources)),
        f"{now:%Y-%m-%dT%H:%M:%SZ}",
        _used(expected),
        tuple(platform.digest for platform in selected) if expected.platforms else (image.digest,),
        evidence.digests,
    )


def _excused(answers: Iterable[Check], summed: Check) -> Iterator[Check]:
    """With a summary, what is not known here is not needed, and what strangers signed is of no account; nor is an SBOM
    that is not the one, for none contradicts another.

    The image itself is looked at all the same, and so is what changes with time.
    """
    for answer in answers:
        is_open = answer.status is Status.UNKNOWN or answer.id in _OF_SIGNERS
        is_needed = answer.status is Status.PASSED or answer.id in _NOT_SUMMED
        if summed.status is Status.PASSED and is_open and not is_needed:
            yield replace(answer, status=Status.UNKNOWN, required=False)
        else:
            yield answer


_OF_SIGNERS: Final = frozenset({"signer.identity", "signature.valid", "subject.digest", "sbom.present"})
_NOT_SUMMED: Final = frozenset(
    {"image.digest", "image.platforms", "image.covered", "evidence.complete", "source.expected", "build.age"}
)


def _claims(
    selected: Sequence[PlatformImage], sources: Sequence[Corroborated], evidence: Evidence, found: Authenticated
) -> Iterator[Claim]:
    """What counts, what contradicts, and what nobody vouches for, in one table."""
    for source in sources:
        yield from source.claims
    yield from shown_claims(selected, evidence.attestations, found.statements)


def _used(expected: Expectations) -> UsedPolicy | None:
    return UsedPolicy(expected.policy.uri, expected.policy.digest) if expected.policy else None


def _paths(sources: Iterable[Corroborated]) -> Iterable[Path]:
    for source in sources:
        for statement in source.provenance:
            yield Path(source.platform, statement.digest, statement.path)


def _trusted(trust: Trust) -> tuple[Trusted, ...]:
    keys = (Trusted("key", key.fingerprint) for key in trust.keys)
    return (*keys, *(Trusted("certificate", one.name, one.issuer) for one in trust.identities))
