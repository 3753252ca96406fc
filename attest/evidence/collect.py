"""Collect everything that is attached to an image, in four rounds to the store.

1. what the reference names.
2. the manifests below it; meanwhile the referrers and cosign tags of each.
3. the embedded statements, and what cosign's tags hold; meanwhile the referrers' manifests.
4. the bundles in those.
Nothing found is believed: a referrer must itself name what it hangs off, and every byte has been checked by the store.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from attest.errors import MalformedStatement, StoreError, TooLarge, Unreadable
from attest.evidence.attestation import Attestation, Evidence, LooseSbom, Place, SimpleSignature
from attest.evidence.listing import Listed, Listings
from attest.evidence.piece import Item, Piece, embedded_pieces, parse_piece, pieces_of
from attest.oci import limits
from attest.oci.descriptor import Descriptor, Manifest, parse_manifest
from attest.oci.image import Image, Problem, load_image
from attest.oci.interface import Store
from attest.oci.rounds import ask_all
from attest.reference import Digest

_Hint = tuple[Place, Descriptor]


@dataclass(slots=True)
class _Harvest:
    """What has come in so far, and what stood in the way."""

    pieces: list[Piece] = field(default_factory=list)
    contents: dict[Digest, bytes] = field(default_factory=dict)
    size: int = 0
    problems: list[Problem] = field(default_factory=list)
    unread: list[StoreError] = field(default_factory=list)


def fetch(store: Store) -> tuple[Image, Evidence]:
    """Read the image that the store's reference names, and all evidence about it.

    Raises StoreError where the image itself cannot be read; what else could not be is in the evidence's `unread`.
    """
    with Listings(store) as listings:
        image = load_image(store, listings.ask)
        listings.ask_for_tags(platform.digest for platform in image.platforms)
        return image, _collect(store, image, list(listings.answers()))


def _collect(store: Store, image: Image, listed: Sequence[Listed]) -> Evidence:
    harvest = _Harvest()
    embedded = [
        piece
        for manifest in image.attestation_manifests
        for piece in embedded_pieces(manifest.manifest, Place("embedded", manifest.digest, image.digest))
    ]
    hints = _hints(store, image, listed, harvest)
    tagged = [hint for hint in hints if hint[0].found == "cosign-tag"]  # read already, so this asks nothing
    held = _round(store, (), tagged, harvest)
    referring = [hint for hint in hints if hint[0].found == "referrer"]
    in_bundles = _round(store, [*embedded, *held], referring, harvest)
    _round(store, in_bundles, (), harvest)
    items = _parse_all(store, harvest)
    attestations = _merge(item for item in items if isinstance(item, Attestation))
    return Evidence(
        attestations,
        (*harvest.problems, *_subject_problems(image, attestations)),
        tuple(harvest.unread),
        tuple(dict.fromkeys(item for item in items if isinstance(item, SimpleSignature))),
        tuple(item for item in items if isinstance(item, LooseSbom)),
    )


def _hints(store: Store, image: Image, listed: Iterable[Listed], harvest: _Harvest) -> list[_Hint]:
    """Which manifests to look into. What a flood hides may contradict, so a flood makes nothing better."""
    known = {manifest.digest for manifest in image.attestation_manifests}
    hints: list[_Hint] = []
    size = 0
    for one in listed:
        if isinstance(one.answer, StoreError):
            harvest.unread.append(one.answer)
            continue
        if len(one.answer) > limits.REFERRERS:
            message = f"more than {limits.REFERRERS} referrers; the others were not looked at"
            harvest.problems.append(Problem("referrers-too-many", message, one.on))
            harvest.unread.append(Unreadable(f"{store.reference.name}@{one.on}: {message}"))
        fresh = [entry for entry in one.answer[: limits.REFERRERS] if entry.digest not in known]
        size += sum(entry.size for entry in fresh)
        if size > limits.MANIFESTS:
            where = f"{store.reference.name}@{one.on}"
            harvest.unread.append(Unreadable(f"{where}: referrers of {size} bytes, more than are looked at"))
            break
        hints += [(Place(one.found, entry.digest, one.on), entry) for entry in fresh]
    return hints


def _round(store: Store, pieces: Sequence[Piece], hints: Sequence[_Hint], harvest: _Harvest) -> list[Piece]:
    """Read these blobs, each once, and look into these manifests, side by side; returns the pieces found in those."""
    wanted = _within_limits(store, pieces, harvest)
    fresh = {piece.layer.digest: piece for piece in wanted if piece.layer.digest not in harvest.contents}
    harvest.pieces += wanted
    questions: list[Callable[[], tuple[Piece, ...] | Problem]] = [
        *(partial(_keep, store, piece, harvest) for piece in fresh.values()),
        *(partial(_look_into, store, *hint) for hint in hints),
    ]
    found: list[Piece] = []
    for answer in ask_all(lambda ask: ask(), questions):
        if isinstance(answer, StoreError):
            harvest.unread.append(answer)
        elif isinstance(answer, Problem):
            harvest.problems.append(answer)
        else:
            found += answer
    return found


def _keep(store: Store, piece: Piece, harvest: _Harvest) -> tuple[()]:
    harvest.contents[piece.layer.digest] = store.blob(piece.layer, piece.limit)
    return ()


def _look_into(store: Store, place: Place, hint: Descriptor) -> tuple[Piece, ...] | Problem:
    """That a manifest hangs off a digest is what it says itself, not the list that led here; a tagged one cannot."""
    raw = store.manifest(hint)
    try:
        manifest = parse_manifest(hint, raw, f"{store.reference.name}@{hint.digest}")
    except TooLarge:
        raise
    except Unreadable as error:  # the bytes are what was attached: rubbish that anybody may have attached
        return Problem("artifact-unknown", error.summary, hint.digest)
    subject = manifest.subject.digest if isinstance(manifest, Manifest) and manifest.subject else None
    if place.found == "referrer" and subject != place.on:
        message = f"listed as a referrer of {place.on}, but it does not say so itself"
        return Problem("referrer-elsewhere", message, hint.digest)
    pieces = pieces_of(manifest.layers, place) if isinstance(manifest, Manifest) else ()
    return pieces or Problem("artifact-unknown", _unknown_kind(manifest, place), hint.digest)


def _unknown_kind(manifest: object, place: Place) -> str:
    what = "a referrer" if place.found == "referrer" else "a manifest under cosign's tag"
    if not isinstance(manifest, Manifest):
        return f"{what} that is an index, which attest does not read"
    held = manifest.layers[0].media_type if manifest.layers and place.found == "cosign-tag" else ""
    kind = manifest.artifact_type or held or (manifest.config.media_type if manifest.config else "")
    return f"{what} of type {kind or 'unknown'}, which attest does not read"


def _within_limits(store: Store, pieces: Sequence[Piece], harvest: _Harvest) -> list[Piece]:
    """What would take all memory or time is not read, and that is said: what was not looked at may contradict."""
    kept: list[Piece] = []
    counted = set(harvest.contents)
    in_manifest: Counter[Digest | None] = Counter()
    for piece in pieces:
        in_manifest[piece.place.manifest] += 1
        harvest.size += 0 if piece.layer.digest in counted else piece.layer.size
        counted.add(piece.layer.digest)
        if in_manifest[piece.place.manifest] > limits.STATEMENTS or harvest.size > limits.EVIDENCE:
            where = f"{store.reference.name}@{piece.place.manifest}"
            harvest.unread.append(Unreadable(f"{where}: more evidence than is looked at"))
            break
        kept.append(piece)
    return kept


def _parse_all(store: Store, harvest: _Harvest) -> list[Item]:
    items: list[Item] = []
    for piece in harvest.pieces:
        content = harvest.contents.get(piece.layer.digest)
        if content is None:  # it could not be read, and that is said
            continue
        try:
            items.append(parse_piece(piece, content, f"{store.reference.name}@{piece.layer.digest}"))
        except MalformedStatement as error:
            harvest.problems.append(Problem("statement-malformed", str(error), piece.layer.digest))
        except TooLarge as error:
            harvest.unread.append(error)
    return items


def _merge(attestations: Iterable[Attestation]) -> tuple[Attestation, ...]:
    """The same bytes found twice are one attestation in two places."""
    merged: dict[object, Attestation] = {}
    for attestation in attestations:
        bundle = attestation.bundle  # cosign keeps what signs an envelope beside it, so its digest is not the whole
        key = (attestation.digest, bundle and (bundle.format, *sorted(bundle.annotations.items())))
        if key in merged:
            attestation = replace(merged[key], places=(*merged[key].places, *attestation.places))
        merged[key] = attestation
    return tuple(merged.values())


def with_files(image: Image, evidence: Evidence, files: Iterable[Attestation]) -> Evidence:
    """The evidence and what the user's own files say."""
    attestations = _merge((*evidence.attestations, *files))
    added = attestations[len(evidence.attestations) :]
    problems = (*evidence.problems, *_subject_problems(image, added))
    return replace(evidence, attestations=attestations, problems=problems)


def _subject_problems(image: Image, attestations: Iterable[Attestation]) -> Iterable[Problem]:
    about = {attestation.digest: attestation.about for attestation in image.attestation_manifests}
    for attestation in attestations:
        digests = attestation.statement.subject_digests
        hint = about.get(attestation.places[0].manifest) if attestation.places[0].manifest else None
        if not digests:
            yield Problem("subject-missing", "a statement that names no subject by sha256", attestation.digest)
        elif hint is not None and hint not in digests:
            message = f"the index pairs it with {hint}, its subject is {digests[0]}"
            yield Problem("subject-elsewhere", message, attestation.digest)
        elif hint is not None and len(set(digests)) > 1:
            message = f"embedded for {hint}, but it is about {len(set(digests))} digests"
            yield Problem("subject-several", message, attestation.digest)
        elif hint is None and not image.digests.intersection(digests):
            message = f"it is about {digests[0]}, which is nothing of this image"
            yield Problem("subject-elsewhere", message, attestation.digest)


def require_readable(evidence: Evidence) -> None:
    """For callers that must not go on with half of it. Raises the first StoreError of `unread`."""
    for error in evidence.unread:
        raise error
