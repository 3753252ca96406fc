"""Everything found about an image as JSON, `schemas/inspect.v1.schema.json`. Nothing in it is verified."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from attest.evidence.attestation import Attestation, Evidence
from attest.evidence.provenance import Provenance, read_provenance
from attest.oci.document import Json
from attest.oci.image import Image, Problem
from attest.reference import Digest

_SOURCE_FACTS: Final = ("repository", "commit", "object", "ref", "directory", "dirty")
_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|\+00:00)")


def inspection(image: Image, evidence: Evidence) -> dict[str, Json]:
    """The `inspect.v1` object of one image."""
    by_platform = {platform.digest: _about(image, evidence, platform.digest) for platform in image.platforms}
    spoken_for = {attestation.digest for found in by_platform.values() for attestation in found}
    rest = [attestation for attestation in evidence.attestations if attestation.digest not in spoken_for]
    return {
        "schema": "inspect.v1",
        "reference": str(image.reference),
        "digest": str(image.digest),
        "mediaType": image.root.media_type,
        "platforms": [
            {"platform": str(platform.platform), "digest": str(platform.digest), **_group(by_platform[platform.digest])}
            for platform in image.platforms
        ],
        **_group(rest),
        "problems": [_problem(problem) for problem in (*image.problems, *evidence.problems)]
        + [_problem(Problem(f"unread-{error.reason}", str(error))) for error in evidence.unread],
    }


def _about(image: Image, evidence: Evidence, platform: Digest) -> list[Attestation]:
    """What names this platform, or was embedded for it and names nothing (BuildKit's unnamed OCI output)."""
    paired = {manifest.digest for manifest in image.attestation_manifests if manifest.about == platform}
    return [
        attestation
        for attestation in evidence.attestations
        if platform in attestation.statement.subject_digests
        or (not attestation.statement.subject_digests and attestation.places[0].manifest in paired)
    ]


def _group(attestations: Iterable[Attestation]) -> dict[str, Json]:
    found = list(attestations)
    provenance = [(attestation, read_provenance(attestation.statement)) for attestation in found]
    return {
        "attestations": [_attestation(attestation) for attestation in found if not attestation.is_image_signature],
        "provenance": [_provenance(attestation, read) for attestation, read in provenance if read is not None],
        "signatures": [_signature(attestation) for attestation in found if attestation.is_image_signature],
    }


def _attestation(attestation: Attestation) -> dict[str, Json]:
    return {
        "predicateType": attestation.statement.predicate_type,
        "digest": str(attestation.digest),
        "size": attestation.size,
        "signed": attestation.bundle is not None,
        "subjects": [str(digest) for digest in attestation.statement.subject_digests],
        "places": _places(attestation),
    }


def _places(attestation: Attestation) -> list[Json]:
    return [
        {"found": place.found, "manifest": str(place.manifest), "on": str(place.on)} for place in attestation.places
    ]


def _provenance(attestation: Attestation, provenance: Provenance) -> dict[str, Json]:
    source: dict[str, Json] = {}
    for name in _SOURCE_FACTS:
        fact = provenance.fact(name)
        if fact is not None:
            source[name] = {"value": True if name == "dirty" else fact.value, "vouchedBy": fact.written_by}
    return _known(
        {
            "attestation": str(attestation.digest),
            "predicateType": attestation.statement.predicate_type,
            "statementType": attestation.statement.type,
            "buildType": provenance.build_type,
            "builder": provenance.builder,
            "mode": provenance.mode,
            "invocation": provenance.invocation,
            "startedOn": _utc(provenance.started_on),
            "finishedOn": _utc(provenance.finished_on),
            "dependencies": len(provenance.dependencies),
            "dependenciesComplete": provenance.dependencies_complete,
            "source": source,
        }
    )


def _signature(attestation: Attestation) -> dict[str, Json]:
    assert attestation.bundle is not None  # noqa: S101 - an image signature has one
    return _known(
        {
            "digest": str(attestation.digest),
            "format": f"bundle-v{attestation.bundle.version}",
            "keyHint": attestation.bundle.key_hint,
            "places": _places(attestation),
        }
    )


def _problem(problem: Problem) -> dict[str, Json]:
    digest = str(problem.digest) if problem.digest else ""
    return _known({"id": problem.id, "message": problem.message, "digest": digest})


def _known(document: dict[str, Json]) -> dict[str, Json]:
    """Absent means not known, never an empty string."""
    return {key: value for key, value in document.items() if value != ""}


def _utc(time: str) -> str:
    """RFC 3339 in UTC, or nothing where the statement holds something else."""
    match = _RFC3339.fullmatch(time)
    return f"{match[1]}{match[2] or ''}Z" if match else ""
