"""Before signing: does what the provenance claims agree with the job that is about to sign it?

The answer is "may be signed", which is no verdict: nothing here has been authenticated, it has only been held against
what this job knows of itself. Only publishing uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import InitVar, dataclass
from typing import Final

from attest.ci.interface import JobSource, Stated
from attest.errors import NoProvenance, SourceContradiction, SourceUnproven
from attest.evidence.attestation import Attestation, Evidence
from attest.evidence.provenance import FULL_COMMIT, HEADS, TAGS, Provenance, Source, read_provenance
from attest.evidence.repository import same_repository
from attest.evidence.tag_object import peel
from attest.oci.image import Image, PlatformImage

_SEAL: Final = object()

_DIRTY: Final = "commit: the working tree had uncommitted changes when it was built; commit or remove them"

RawTagObject = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True)
class PlatformEvidence:
    """What BuildKit embedded for one platform: its provenance, and its SBOM if there is one."""

    platform: PlatformImage
    provenance: tuple[Attestation, ...]
    sboms: tuple[Attestation, ...]


@dataclass(frozen=True, slots=True)
class MayBeSigned:
    """Evidence that nothing in this job contradicts, and the raw tag object that proves which commit the tag names."""

    image: Image
    platforms: tuple[PlatformEvidence, ...]
    tag_object: bytes | None
    notes: tuple[str, ...]
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only attest.holding.hold decides what may be signed")


def hold(
    image: Image, evidence: Evidence, job: JobSource, raw_tag_object: RawTagObject, *, dirty_is_noted: bool = False
) -> MayBeSigned:
    """Hold every platform's provenance against this job's own source.

    A dirty tree contradicts the job's commit; it is only noted where nobody wants to sign.

    Raises NoProvenance where a platform has none, SourceContradiction listing everything that disagrees, and
    SourceUnproven for a git object that may or may not be the job's commit.
    """
    platforms = tuple(embedded_for(image, evidence, platform) for platform in image.platforms)
    for found in platforms:
        if not found.provenance:
            raise no_provenance(image, found.platform)
        if len(found.provenance) > 1:
            raise _several(image, found)
    sources = [source for _, provenance in _provenance(platforms) for source in provenance.sources]
    tag_objects = {source.object: raw for source in sources if (raw := _tag_object(source, raw_tag_object))}
    dirty = [_DIRTY] if any(source.dirty for source in sources) and (job.commit or job.ref or job.tag) else []
    wrong = list(dict.fromkeys(line for source in sources for line in _disagreements(source, job, tag_objects)))
    wrong += [] if dirty_is_noted else dirty
    if wrong:
        raise SourceContradiction(
            f"{image.reference.name}@{image.digest}: the provenance contradicts this job; nothing was attached",
            "\n".join(wrong),
            "Build from the commit that this job is about, or say what is meant with --source-….",
        )
    unproven = [source.object for source in sources if _is_unproven(source, job, tag_objects)]
    if job.commit and unproven:
        raise _unproven(image, unproven[0], job.commit)
    notes = dict.fromkeys((*dirty, *_notes(platforms), *map(_may_be_a_tags, unproven)))
    return MayBeSigned(image, platforms, next(iter(tag_objects.values()), None), tuple(notes), _SEAL)


def embedded_for(image: Image, evidence: Evidence, platform: PlatformImage) -> PlatformEvidence:
    """The statements in this platform's attestation manifests that are about it, or about nothing (unnamed output)."""
    holders = {manifest.digest for manifest in image.attestation_manifests if manifest.about == platform.digest}
    found = [
        attestation
        for attestation in evidence.embedded
        if any(place.manifest in holders for place in attestation.places)
        and (not attestation.statement.subjects or platform.digest in attestation.statement.subject_digests)
    ]
    provenance = tuple(attestation for attestation in found if attestation.is_provenance)
    return PlatformEvidence(platform, provenance, tuple(one for one in found if one.is_spdx))


def no_provenance(image: Image, platform: PlatformImage) -> NoProvenance:
    """The error for a platform that was pushed without."""
    how = "" if image.indexes else "It was pushed without attestations (a single manifest, not an index)."
    remedy = "Build with attest build, or docker buildx build --provenance=mode=max."
    return NoProvenance(f"{image.reference.name}@{image.digest}: no provenance for {platform.platform}", how, remedy)


def _several(image: Image, found: PlatformEvidence) -> SourceContradiction:
    """A builder writes one; with a second one somebody tells another story about the same image."""
    return SourceContradiction(
        f"{image.reference.name}@{image.digest}: {len(found.provenance)} provenance statements for "
        f"{found.platform.platform}; nothing was attached",
        ", ".join(str(attestation.digest) for attestation in found.provenance),
        "Look at them with attest inspect, and build again.",
    )


def _provenance(platforms: tuple[PlatformEvidence, ...]) -> Iterator[tuple[PlatformImage, Provenance]]:
    for found in platforms:
        for attestation in found.provenance:
            provenance = read_provenance(attestation.statement)
            if provenance is not None:
                yield found.platform, provenance


def _tag_object(source: Source, raw_tag_object: RawTagObject) -> bytes | None:
    raw = raw_tag_object(source.object) if source.object else None
    return raw if raw is not None and peel(raw, source.object) else None


def _disagreements(source: Source, job: JobSource, tag_objects: dict[str, bytes]) -> Iterator[str]:
    """Each thing that the provenance says otherwise than the job, in words."""
    if job.repository and source.repository and not same_repository(source.repository, job.repository.value):
        yield _differ("repository", source.repository, job.repository.value, job.repository.origin)
    commit = _commit(source, tag_objects)
    if job.commit and commit and commit != job.commit.value:
        yield _differ("commit", commit, job.commit.value, job.commit.origin)
    yield from _ref_disagreements(source, job)


def _ref_disagreements(source: Source, job: JobSource) -> Iterator[str]:
    """A bare name may be a branch or a tag; one that is neither the job's tag nor its branch is another ref."""
    name = source.ref.removeprefix(TAGS).removeprefix(HEADS)
    if not source.ref or FULL_COMMIT.fullmatch(source.ref) or not (job.tag or job.branch):
        return
    kind = "tag" if source.ref.startswith(TAGS) else "branch" if source.ref.startswith(HEADS) else "ref"
    if job.tag and (kind == "branch" or name != job.tag.value):
        yield _differ(kind, name, f"the tag {job.tag.value}", job.tag.origin)
    elif not job.tag and job.ref and (kind == "tag" or name != job.branch):
        yield _differ(kind, name, f"the branch {job.branch}", job.ref.origin)


def _commit(source: Source, tag_objects: dict[str, bytes]) -> str:
    raw = tag_objects.get(source.object)
    peeled = peel(raw, source.object) if raw is not None else None
    return peeled[0] if peeled else source.commit


def _differ(what: str, found: str, expected: str, origin: str) -> str:
    return f"{what}: the provenance says {found}, this job says {expected} ({origin})"


def _is_unproven(source: Source, job: JobSource, tag_objects: dict[str, bytes]) -> bool:
    """Whether it names a git object that may be the job's commit, a tag's object, or anything else."""
    is_the_jobs = job.commit is not None and job.commit.value == source.object
    return bool(source.object) and source.object not in tag_objects and not is_the_jobs


def _unproven(image: Image, name: str, commit: Stated) -> SourceUnproven:
    return SourceUnproven(
        f"{image.reference.name}@{image.digest}: cannot tell whether this is the job's commit; nothing was attached",
        f"The provenance names the git object {name}; this job is about {commit}.",
        "If it is an annotated tag's object, fetch it first: git fetch --tags.",
    )


def _notes(platforms: tuple[PlatformEvidence, ...]) -> Iterator[str]:
    """What verifiers will stumble over although it may be signed."""
    for platform, provenance in _provenance(platforms):
        for replacement in provenance.replacements:
            yield f"{platform.platform}: {replacement} replaces part of the source; verifiers will answer unknown"


def _may_be_a_tags(name: str) -> str:
    return f"the git object {name} may be a tag's; verifiers who expect its commit will answer unknown"
