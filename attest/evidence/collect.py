"""Collect everything that is attached to an image, in two rounds after the image itself.

1. referrers of the index, of each platform and of each attestation manifest; the embedded statements.
2. the referrers' manifests, then the bundles in them.
Nothing found is believed: a referrer must itself name what it hangs off, and every byte has been checked by the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from attest.errors import MalformedStatement, StoreError, Unreadable
from attest.evidence.attestation import Attestation, Evidence, Place
from attest.evidence.bundle import parse_bundle
from attest.evidence.statement import PAYLOAD_TYPE, SPDX_DOCUMENT, parse_statement
from attest.oci import limits
from attest.oci.descriptor import SIGSTORE_BUNDLE, Descriptor, Manifest, parse_manifest
from attest.oci.image import Image, Problem
from attest.oci.interface import Store
from attest.oci.rounds import ask_all
from attest.reference import Digest

R = TypeVar("R")
_BUNDLE_PREFIX = "application/vnd.dev.sigstore.bundle"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A blob to be read: where it lies and whether it should be a bundle."""

    layer: Descriptor
    place: Place

    @property
    def is_bundle(self) -> bool:
        return self.place.found == "referrer"


def collect(store: Store, image: Image) -> Evidence:
    """Read all evidence about an image. Raises nothing of a store: what could not be read is in `unread`."""
    hosts = dict.fromkeys(
        [image.digest, *(platform.digest for platform in image.platforms)]
        + [attestation.digest for attestation in image.attestation_manifests]
    )
    listed, failures = _sort(ask_all(lambda host: (host, store.referrers(host)), hosts))
    known = {attestation.digest for attestation in image.attestation_manifests}
    hints = {
        (host, referrer.digest): referrer for host, referrers in listed for referrer in referrers[: limits.REFERRERS]
    }
    manifests, unread = _sort(
        ask_all(lambda item: _referrer(store, *item), [item for item in hints.items() if item[0][1] not in known])
    )
    pieces = [*_embedded(image), *(piece for found in manifests for piece in found[0])]
    pieces, left_out = _within_limits(store, pieces)
    floods = list(_too_many(store, listed))
    problems = [*(problem for problem, _ in floods), *(problem for found in manifests for problem in found[1])]
    attestations, more, unreadable = _read_all(store, pieces)
    return Evidence(
        _merge(attestations),
        (*problems, *more, *_subject_problems(image, attestations)),
        (*failures, *unread, *unreadable, *(error for _, error in floods), *left_out),
    )


def _sort(answers: Iterable[R | StoreError]) -> tuple[list[R], list[StoreError]]:
    good: list[R] = []
    bad: list[StoreError] = []
    for answer in answers:
        if isinstance(answer, StoreError):
            bad.append(answer)
        else:
            good.append(answer)
    return good, bad


def _embedded(image: Image) -> Iterable[_Piece]:
    for attestation in image.attestation_manifests:
        place = Place("embedded", attestation.digest, image.digest)
        yield from (_Piece(layer, place) for layer in attestation.manifest.layers)


def _too_many(
    store: Store, listed: Iterable[tuple[Digest, Sequence[Descriptor]]]
) -> Iterable[tuple[Problem, Unreadable]]:
    """What was not looked at may contradict, so a flood makes nothing better."""
    for host, referrers in listed:
        if len(referrers) > limits.REFERRERS:
            message = f"more than {limits.REFERRERS} referrers; the others were not looked at"
            where = f"{store.reference.name}@{host}"
            yield Problem("referrers-too-many", message, host), Unreadable(f"{where}: {message}")


def _within_limits(store: Store, pieces: Sequence[_Piece]) -> tuple[list[_Piece], list[StoreError]]:
    """What would take all memory or time is not read, and that is said: what was not looked at may contradict."""
    kept: list[_Piece] = []
    seen: set[Digest] = set()
    in_manifest: Counter[Digest] = Counter()
    total = 0
    for piece in pieces:
        in_manifest[piece.place.manifest] += 1
        total += 0 if piece.layer.digest in seen else piece.layer.size
        if in_manifest[piece.place.manifest] > limits.STATEMENTS or total > limits.EVIDENCE:
            where = f"{store.reference.name}@{piece.place.manifest}"
            return kept, [Unreadable(f"{where}: more evidence than is looked at")]
        seen.add(piece.layer.digest)
        kept.append(piece)
    return kept, []


def _referrer(
    store: Store, key: tuple[Digest, Digest], hint: Descriptor
) -> tuple[tuple[_Piece, ...], tuple[Problem, ...]]:
    """Read a referrer's manifest. That it hangs off `host` is what the manifest says, not the list that led here."""
    host, digest = key
    raw = store.manifest(hint)
    try:
        manifest = parse_manifest(hint, raw, f"{store.reference.name}@{digest}")
    except Unreadable as error:  # the bytes are what was attached: rubbish that anybody may have attached
        return (), (Problem("artifact-unknown", error.summary, digest),)
    if not isinstance(manifest, Manifest) or manifest.subject is None or manifest.subject.digest != host:
        message = f"listed as a referrer of {host}, but it does not say so itself"
        return (), (Problem("referrer-elsewhere", message, digest),)
    layers = [layer for layer in manifest.layers if layer.media_type.startswith(_BUNDLE_PREFIX)]
    if not layers:
        kind = manifest.artifact_type or (manifest.config.media_type if manifest.config else "") or "unknown"
        return (), (Problem("artifact-unknown", f"a referrer of type {kind}, which attest does not read", digest),)
    return tuple(_Piece(layer, Place("referrer", digest, host)) for layer in layers), ()


def _read_all(store: Store, pieces: Sequence[_Piece]) -> tuple[list[Attestation], list[Problem], list[StoreError]]:
    """Read each blob once, however many places it hangs in."""
    blobs = {piece.layer.digest: piece.layer for piece in pieces}
    read = dict(zip(blobs, ask_all(lambda layer: store.blob(layer, _limit(layer)), blobs.values()), strict=True))
    attestations: list[Attestation] = []
    problems: list[Problem] = []
    for piece in pieces:
        content = read[piece.layer.digest]
        if isinstance(content, StoreError):
            continue
        try:
            attestations.append(_parse(piece, content, f"{store.reference.name}@{piece.layer.digest}"))
        except MalformedStatement as error:
            problems.append(Problem("statement-malformed", str(error), piece.layer.digest))
    return attestations, problems, [content for content in read.values() if isinstance(content, StoreError)]


def _limit(layer: Descriptor) -> int:
    is_sbom = layer.annotations.get("in-toto.io/predicate-type") == SPDX_DOCUMENT
    return limits.SBOM if is_sbom or layer.media_type == SIGSTORE_BUNDLE else limits.STATEMENT


def _parse(piece: _Piece, content: bytes, where: str) -> Attestation:
    if not piece.is_bundle:
        return Attestation(piece.layer.digest, len(content), parse_statement(content, where), None, (piece.place,))
    bundle = parse_bundle(content, where)
    if bundle.envelope.payload_type != PAYLOAD_TYPE:
        raise MalformedStatement(
            f"{where}: an envelope that holds no in-toto statement",
            f"Its type is {bundle.envelope.payload_type[:80]!r}.",
        )
    return Attestation(
        piece.layer.digest, len(content), parse_statement(bundle.envelope.payload, where), bundle, (piece.place,)
    )


def _merge(attestations: Iterable[Attestation]) -> tuple[Attestation, ...]:
    """The same bytes found twice are one attestation in two places."""
    merged: dict[tuple[Digest, bool], Attestation] = {}
    for attestation in attestations:
        key = (attestation.digest, attestation.bundle is not None)
        if key in merged:
            attestation = replace(merged[key], places=(*merged[key].places, *attestation.places))
        merged[key] = attestation
    return tuple(merged.values())


def _subject_problems(image: Image, attestations: Iterable[Attestation]) -> Iterable[Problem]:
    about = {attestation.digest: attestation.about for attestation in image.attestation_manifests}
    for attestation in attestations:
        digests = attestation.statement.subject_digests
        hint = about.get(attestation.places[0].manifest)
        if not digests:
            yield Problem("subject-missing", "a statement that names no subject by sha256", attestation.digest)
        elif hint is not None and hint not in digests:
            message = f"the index pairs it with {hint}, its subject is {digests[0]}"
            yield Problem("subject-elsewhere", message, attestation.digest)


def require_readable(evidence: Evidence) -> None:
    """For callers that must not go on with half of it. Raises the first StoreError of `unread`."""
    for error in evidence.unread:
        raise error
