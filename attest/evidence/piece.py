"""A blob that may be evidence: what it should be, told by where it lies and its media type; then what it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from attest.errors import MalformedStatement
from attest.evidence.attestation import Attestation, LooseSbom, Place, SimpleSignature
from attest.evidence.bundle import Bundle, parse_bundle, parse_envelope
from attest.evidence.simple_signing import SIMPLE_SIGNING, parse_simple_signing
from attest.evidence.statement import CYCLONEDX_BOM, PAYLOAD_TYPE, SPDX_DOCUMENT, parse_statement
from attest.oci import limits
from attest.oci.descriptor import Descriptor, Manifest
from attest.reference import Digest

Form = Literal["statement", "bundle", "envelope", "simple-signing", "sbom"]
Item = Attestation | SimpleSignature | LooseSbom

BUNDLE_PREFIX: Final = "application/vnd.dev.sigstore.bundle"
DSSE_ENVELOPE: Final = "application/vnd.dsse.envelope.v1+json"
_PREDICATE_TYPE: Final = "in-toto.io/predicate-type"
# What cosign's `attach sbom` writes, by media type.
_SBOMS: Final[Mapping[str, str]] = {
    "text/spdx": SPDX_DOCUMENT,
    "text/spdx+json": SPDX_DOCUMENT,
    "text/spdx+xml": SPDX_DOCUMENT,
    "application/spdx+json": SPDX_DOCUMENT,
    "application/vnd.cyclonedx": CYCLONEDX_BOM,
    "application/vnd.cyclonedx+json": CYCLONEDX_BOM,
    "application/vnd.cyclonedx+xml": CYCLONEDX_BOM,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A blob to be read, where it lies, and what it should be."""

    layer: Descriptor
    place: Place
    form: Form

    @property
    def limit(self) -> int:
        """The most bytes that are read of it."""
        is_sbom = self.layer.annotations.get(_PREDICATE_TYPE) == SPDX_DOCUMENT or self.form == "sbom"
        return limits.SBOM if is_sbom or self.form in ("bundle", "envelope") else limits.STATEMENT


def embedded_pieces(manifest: Manifest, place: Place) -> tuple[Piece, ...]:
    """BuildKit's statements: whatever an attestation manifest lists."""
    return tuple(Piece(layer, place, "statement") for layer in manifest.layers)


def pieces_of(layers: Iterable[Descriptor], place: Place) -> tuple[Piece, ...]:
    """What a referrer or a tagged manifest holds, as far as attest reads it."""
    found = ((layer, _form(layer.media_type, place)) for layer in layers)
    return tuple(Piece(layer, place, form) for layer, form in found if form is not None)


def parse_piece(piece: Piece, content: bytes, where: str) -> Item:
    """Take a blob apart. Raises MalformedStatement."""
    digest, layer, places = piece.layer.digest, piece.layer, (piece.place,)
    match piece.form:
        case "statement":
            return Attestation(digest, len(content), parse_statement(content, where), None, places)
        case "bundle":
            return signed_statement(parse_bundle(content, where), digest, piece.place, where)
        case "envelope":
            return signed_statement(parse_envelope(content, where, layer.annotations), digest, piece.place, where)
        case "simple-signing":
            return SimpleSignature(digest, parse_simple_signing(content, layer.annotations, where), places)
        case "sbom":
            return LooseSbom(digest, content, _SBOMS[_plain(layer.media_type)], places)


def signed_statement(bundle: Bundle, digest: Digest, place: Place, where: str) -> Attestation:
    """The statement in an envelope. Raises MalformedStatement where it holds something else.

    A statement that the envelope calls something else is one to look at: the trust room says that it is refused for it.
    """
    try:
        statement = parse_statement(bundle.envelope.payload, where)
    except MalformedStatement:
        if bundle.envelope.payload_type == PAYLOAD_TYPE:
            raise
        raise MalformedStatement(
            f"{where}: an envelope that holds no in-toto statement",
            f"Its type is {bundle.envelope.payload_type[:80]!r}.",
        ) from None
    return Attestation(digest, len(bundle.raw), statement, bundle, (place,))


def _form(media_type: str, place: Place) -> Form | None:
    plain = _plain(media_type)
    if plain.startswith(BUNDLE_PREFIX):
        return "bundle"
    forms: Mapping[str, Form] = {DSSE_ENVELOPE: "envelope", SIMPLE_SIGNING: "simple-signing"}
    return forms.get(plain, "sbom" if plain in _SBOMS and place.found == "cosign-tag" else None)


def _plain(media_type: str) -> str:
    """Without parameters; bundles of v0.1 and v0.2 have their version in one, which says nothing here."""
    return media_type.partition(";")[0].strip().lower()
