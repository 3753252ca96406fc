"""The whole of verification, in the order in which it happens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from attest.errors import StoreError
from attest.evidence.attestation import Attestation, Evidence
from attest.evidence.collect import fetch, with_files
from attest.oci.image import Image
from attest.oci.interface import Store
from attest.policy import checks, source_checks
from attest.policy.corroboration import Corroborated, corroborate
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Level, Path, Report, Trusted
from attest.trust.authentication import authenticate
from attest.trust.keys import PublicKey
from attest.trust.signatures import Trust


def verify_reference(store: Store, trust: Trust, expected: Expectations, files: Sequence[Attestation] = ()) -> Report:
    """Fetch an image and its evidence, add what `files` hold, then verify; raises nothing of a store.

    What could not be read is part of the report: a registry that is down is an unknown, never a stack trace.
    """
    try:
        image, evidence = fetch(store)
        return verify(image, with_files(image, evidence, files), trust, expected)
    except StoreError as error:
        unreachable = checks.image_unreachable(error)
        return Report(str(store.reference), None, (), (unreachable,), trusted=_trusted(trust), time=_now())


def verify(image: Image, evidence: Evidence, trust: Trust, expected: Expectations) -> Report:
    """Answer whether `image` came from where `expected` says.

    Follows SLSA v1.2, "Verifying artifacts": 1 authenticity, 2 expectations. Nothing stops at the first mismatch.
    Nothing here does I/O.
    """
    # 1. Which manifests are in question? Every platform, unless the user narrows the question.
    selected = image.select(expected.platforms)

    # 2. Who signed what? Everything that cannot be authenticated stays a claim.
    found = authenticate(image, evidence, trust)

    # 3. What do the trusted statements say about each platform's source, and who vouches for it?
    sources = [corroborate(platform, found.statements) for platform in selected]

    # 4. Hold every fact against the expectation; wrong content fails whatever else is right.
    answers: list[Check | None] = [
        checks.image_digest(image),
        checks.image_platforms(image, expected.platforms),
        checks.evidence_complete(evidence),
        checks.trust_given(trust),
        checks.something_expected(expected),
    ]
    if expected.signature_only and not trust.is_empty:
        answers.append(checks.signature_valid(image, selected, found))
    for platform, source in zip(selected, sources, strict=True) if expected.of_source else ():
        if not trust.is_empty:
            answers.append(checks.provenance_signer(image, platform, evidence, source, found))
        answers.extend(check(source, expected) for check in source_checks.SOURCE_CHECKS)
        answers.extend(source_checks.contradictions(source, expected))

    # 5. The level is what the roots of trust allow, never what a statement says of itself.
    return Report(
        str(image.reference),
        image.digest,
        tuple(str(platform.platform) for platform in image.platforms),
        tuple(answer for answer in answers if answer is not None),
        tuple(str(platform) for platform in expected.platforms),
        tuple(claim for source in sources for claim in source.claims),
        _trusted(trust),
        _level(sources),
        tuple(_paths(sources)),
        _now(),
    )


def _level(sources: Sequence[Corroborated]) -> Level:
    """SLSA v1.2, "Build: track basics"; a signing key that the build job can reach supports no more than L1."""
    if sources and all(source.provenance for source in sources):
        keys = any(isinstance(statement.signer, PublicKey) for source in sources for statement in source.provenance)
        how = "reach the key that signed its provenance" if keys else "sign its provenance itself"
        return Level(1, f"the job that built the image can {how}")
    return Level(0, "there is no trusted provenance for every platform")


def _paths(sources: Iterable[Corroborated]) -> Iterable[Path]:
    for source in sources:
        for statement in source.provenance:
            yield Path(source.platform, statement.digest, statement.path)


def _trusted(trust: Trust) -> tuple[Trusted, ...]:
    keys = (Trusted("key", key.fingerprint) for key in trust.keys)
    return (*keys, *(Trusted("certificate", one.name, one.issuer) for one in trust.identities))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
