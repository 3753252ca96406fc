"""Everything found about an image as JSON, `schemas/inspect.v1.schema.json`. Nothing in it is verified."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from attest.evidence.attestation import Attestation, Evidence, LooseSbom, Place, SimpleSignature
from attest.evidence.certificate import ClaimedIdentity, claimed_identity
from attest.evidence.provenance import Provenance, read_provenance
from attest.oci.document import Json
from attest.oci.image import Image, Problem
from attest.reference import Digest, Platform

Item = Attestation | SimpleSignature | LooseSbom

_SOURCE_FACTS: Final = ("repository", "commit", "object", "ref", "directory", "dirty")
_RFC3339: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(?:Z|\+00:00)")


def inspection(image: Image, evidence: Evidence, wanted: Sequence[Platform] = ()) -> dict[str, Json]:
    """The `inspect.v1` object of one image, of the platforms asked for or of all."""
    groups = {platform.digest: _about(image, evidence, platform.digest) for platform in image.platforms}
    spoken_for = {id(item) for group in groups.values() for item in group}
    rest = [item for item in _items(evidence) if id(item) not in spoken_for]
    return {
        "schema": "inspect.v1",
        "reference": str(image.reference),
        "digest": str(image.digest),
        "mediaType": image.root.media_type,
        "platforms": [
            {"platform": str(platform.platform), "digest": str(platform.digest), **_group(groups[platform.digest])}
            for platform in image.select(wanted)
        ],
        **_group(rest),
        "problems": [_problem(problem) for problem in (*image.problems, *evidence.problems)]
        + [_problem(Problem(f"unread-{error.reason}", str(error))) for error in evidence.unread],
    }


def _items(evidence: Evidence) -> Sequence[Item]:
    return (*evidence.attestations, *evidence.simple_signatures, *evidence.sboms)


def _about(image: Image, evidence: Evidence, platform: Digest) -> list[Item]:
    """What names this platform; what names nothing belongs to what it was embedded for or tagged with."""
    paired = {manifest.digest for manifest in image.attestation_manifests if manifest.about == platform}
    return [
        item
        for item in _items(evidence)
        if platform in item.about
        or (not item.about and any(place.manifest in paired or place.on == platform for place in item.places))
    ]


def _group(items: Sequence[Item]) -> dict[str, Json]:
    statements = [item for item in items if isinstance(item, Attestation)]
    return {
        "attestations": [
            *(_attestation(item) for item in statements if not item.is_image_signature),
            *(_loose_sbom(item) for item in items if isinstance(item, LooseSbom)),
        ],
        # One after the other: all of them at once may be ten times as large as what is shown of them.
        "provenance": [_provenance(item, read) for item in statements if (read := read_provenance(item.statement))],
        "signatures": [
            *(_bundled_signature(item) for item in statements if item.is_image_signature),
            *(_simple_signature(item) for item in items if isinstance(item, SimpleSignature)),
        ],
    }


def _attestation(attestation: Attestation) -> dict[str, Json]:
    return {
        "predicateType": attestation.statement.predicate_type,
        "digest": str(attestation.digest),
        "size": attestation.size,
        "signed": attestation.bundle is not None,
        "subjects": [str(digest) for digest in dict.fromkeys(attestation.about)],
        "places": _places(attestation.places),
    }


def _loose_sbom(sbom: LooseSbom) -> dict[str, Json]:
    return {
        "predicateType": sbom.predicate_type,
        "digest": str(sbom.digest),
        "size": len(sbom.content),
        "signed": False,
        "subjects": [],
        "places": _places(sbom.places),
    }


def _places(places: Sequence[Place]) -> list[Json]:
    """A file has no manifest and hangs off nothing."""
    return [
        _known({"found": place.found, "manifest": _text(place.manifest), "on": _text(place.on)}) for place in places
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


def _bundled_signature(attestation: Attestation) -> dict[str, Json]:
    assert attestation.bundle is not None  # noqa: S101 - an image signature has one
    bundle = attestation.bundle
    return _known(
        {
            "digest": str(attestation.digest),
            "format": bundle.format,
            "keyHint": bundle.key_hint,
            **_signer(bundle.certificate),
            "places": _places(attestation.places),
        }
    )


def _simple_signature(signature: SimpleSignature) -> dict[str, Json]:
    signer = _signer(signature.signing.certificate)
    return {
        "digest": str(signature.digest),
        "format": "cosign-simple",
        **signer,
        "places": _places(signature.places),
    }


def _signer(certificate: bytes | None) -> dict[str, Json]:
    claimed = claimed_identity(certificate) if certificate is not None else ClaimedIdentity()
    return _known({"identity": claimed.name, "issuer": claimed.issuer})


def _problem(problem: Problem) -> dict[str, Json]:
    return _known({"id": problem.id, "message": problem.message, "digest": _text(problem.digest)})


def _text(digest: Digest | None) -> str:
    return str(digest) if digest is not None else ""


def _known(document: dict[str, Json]) -> dict[str, Json]:
    """Absent means not known, never an empty string."""
    return {key: value for key, value in document.items() if value != ""}


def _utc(time: str) -> str:
    """RFC 3339 in UTC, or nothing where the statement holds something else."""
    match = _RFC3339.fullmatch(time)
    return f"{match[1]}{match[2] or ''}Z" if match else ""
