"""The one door: what was found becomes trusted here, or is refused with a reason.

A statement gets through in one of three ways, and never on the word of an annotation:
(a) it is embedded, and who is accepted made an image signature over the index that leads to it;
(b) it is embedded, and who is accepted made an image signature over the attestation manifest that lists it;
(c) it came in an envelope that an accepted one signed, and its subject is this image.
An image signature is cosign's sign/v1 statement in an envelope, or a simple-signing payload as cosign 1 and 2 write it.
Each link of the way is hashed again here, whoever hashed it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass
from typing import Final

from attest.evidence.attestation import Attestation, Evidence, SimpleSignature
from attest.evidence.statement import Statement
from attest.oci.image import AttestationManifest, Image
from attest.reference import Digest
from attest.trust.signatures import Refusal, Signer, Trust, strangers, who_signed, who_signed_payload

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class ImageSignature:
    """A signature by who is accepted over the image's root or one of its manifests. Only `authenticate` makes one."""

    over: Digest
    signer: Signer
    bundle: Digest
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        _only_here(seal)


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement that an accepted key or identity vouches for, and the platforms of this image that it speaks for.

    `path` leads from the bundle that was signed down to the statement, digest by digest. `of_this_index` says that it
    is bound to this very index; `of_other_build` that it names something outside this image too: the index of another
    build that came out at the same platform manifest. `strangers` counts the signatures beside the signer's in its
    envelope that nobody accepted made. Only `authenticate` makes one.
    """

    statement: Statement
    signer: Signer
    platforms: tuple[Digest, ...]
    path: tuple[Digest, ...]
    of_this_index: bool = False
    of_other_build: bool = False
    strangers: int = 0
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        _only_here(seal)

    @property
    def digest(self) -> Digest:
        """The digest under which the statement or its bundle is stored."""
        return self.path[-1]


@dataclass(frozen=True, slots=True)
class Authenticated:
    """What got through, and what did not."""

    statements: tuple[VerifiedStatement, ...]
    signatures: tuple[ImageSignature, ...]
    refusals: tuple[Refusal, ...]


def authenticate(image: Image, evidence: Evidence, trust: Trust) -> Authenticated:
    """Decide about each piece of evidence; raises nothing. With an empty trust nothing gets through."""
    signed: list[VerifiedStatement | tuple[ImageSignature, ...] | Refusal] = [
        *(_open(image, attestation, trust) for attestation in evidence.signed),
        *(_open_simple(image, signature, trust) for signature in evidence.simple_signatures),
    ]
    # The same signature in other bytes (spaces will do) opens nothing new, and would be followed again and again.
    signatures = _as_one([one for found in signed if isinstance(found, tuple) for one in found])
    embedded = [found for attestation in evidence.embedded for found in _follow(image, attestation, signatures)]
    return Authenticated(
        tuple(found for found in (*signed, *embedded) if isinstance(found, VerifiedStatement)),
        tuple(signatures),
        tuple(found for found in (*signed, *embedded) if isinstance(found, Refusal)),
    )


def _as_one(signatures: Sequence[ImageSignature]) -> list[ImageSignature]:
    """One who signed the same at several times is believed in all the ways in which he is believed at any of them.

    Else the order in which a registry lists signatures would decide. What he signed of another manifest says nothing:
    an old platform would lend its time to a new index that it was put into.
    """
    same: dict[tuple[Digest, str], list[ImageSignature]] = {}
    for one in sorted(signatures, key=lambda one: str(one.bundle)):
        same.setdefault((one.over, one.signer.fingerprint), []).append(one)
    return [ImageSignature(over, _as_any(found), found[0].bundle, _SEAL) for (over, _), found in same.items()]


def _as_any(signatures: Iterable[ImageSignature]) -> Signer:
    """The one signer of all these, in each way in which he is believed."""
    found = list(signatures)
    return found[0].signer.with_scopes(tuple(dict.fromkeys(scope for one in found for scope in one.signer.all_scopes)))


def _open(
    image: Image, attestation: Attestation, trust: Trust
) -> VerifiedStatement | tuple[ImageSignature, ...] | Refusal:
    """Way (c), and the image signatures that open (a) and (b)."""
    assert attestation.bundle is not None  # noqa: S101 - evidence.signed yields nothing else
    signer = who_signed(attestation, attestation.bundle, trust)
    if isinstance(signer, Refusal):
        return signer
    platforms = _platforms_of(image)
    known = image.digests
    named = [digest for digest in attestation.statement.subject_digests if digest in known]
    if not named:
        about = f"a statement by {signer.name} about {attestation.statement.about}, not about this image"
        return Refusal(attestation, "subject", about + _called(attestation.statement.names))
    if attestation.is_image_signature:
        return tuple(ImageSignature(digest, signer, attestation.digest, _SEAL) for digest in named)
    # Naming a platform is speaking for it alone, even beside the index; only naming the index alone is for all.
    spoken_for = tuple(digest for digest in named if digest in platforms) or image.below(named)
    return VerifiedStatement(
        attestation.statement,
        signer,
        spoken_for,
        (attestation.digest,),
        of_this_index=bool(image.indexes) and image.digest in named,
        of_other_build=len(named) < len(attestation.statement.subject_digests),
        strangers=strangers(attestation.bundle, trust),
        seal=_SEAL,
    )


def _open_simple(image: Image, signature: SimpleSignature, trust: Trust) -> tuple[ImageSignature, ...] | Refusal:
    """An image signature as cosign 1 and 2 wrote it, which names one manifest."""
    about = signature.signing.about
    signer = who_signed_payload(signature, trust)
    if isinstance(signer, Refusal):
        return signer
    if about not in image.digests:
        message = f"an image signature by {signer.name} about {about}, not about this image"
        return Refusal(signature, "subject", message + _called(signature.signing.reference[:160]))
    return (ImageSignature(about, signer, signature.digest, _SEAL),)


def _called(name: str) -> str:
    """A label may tell people which image it is; it binds nothing."""
    return f" (it says {name})" if name else ""


def _platforms_of(image: Image) -> tuple[Digest, ...]:
    return tuple(platform.digest for platform in image.platforms)


def _follow(
    image: Image, attestation: Attestation, signatures: Sequence[ImageSignature]
) -> Iterator[VerifiedStatement | Refusal]:
    """Ways (a) and (b): from each signature down to an embedded statement, once for each signer.

    All signers count: where two of them assert different things, the order in which a registry lists their signatures
    must not decide.

    Builders embed provenance and SBOMs. A job's claim comes in an envelope of its own or not at all: whoever makes the
    image could embed one, and the signature over the index would vouch for it unseen.
    """
    if not (attestation.is_provenance or attestation.is_sbom):
        return
    platforms = _platforms_of(image)
    spoken_for = tuple(digest for digest in platforms if digest in attestation.statement.subject_digests)
    places = {place.manifest for place in attestation.places}
    ways: dict[str, list[tuple[ImageSignature, tuple[Digest, ...]]]] = {}
    for manifest in (one for one in image.attestation_manifests if one.digest in places):
        paths = [(one, path) for one in signatures if (path := _path(image, manifest, attestation, one))]
        if paths and attestation.statement.subject_digests and manifest.about not in spoken_for:
            about = attestation.statement.about
            yield Refusal(attestation, "subject", f"embedded for {manifest.about}, but it is about {about}")
            return
        for signature, path in paths if manifest.about in spoken_for else ():
            ways.setdefault(signature.signer.fingerprint, []).append((signature, path))
    for found in ways.values():
        # Of several ways the one from the index: it binds the statement to this index, whatever else was signed.
        signature, path = min(found, key=lambda way: (way[0].over != image.digest, str(way[1])))
        bound = signature.over == image.digest
        yield VerifiedStatement(
            attestation.statement,
            _as_any(one for one, _ in found),
            spoken_for,
            path,
            of_this_index=bound,
            seal=_SEAL,
        )


def _path(
    image: Image, manifest: AttestationManifest, attestation: Attestation, signature: ImageSignature
) -> tuple[Digest, ...]:
    """The digests from the signature's bundle to the statement, each computed anew; empty where a link is missing."""
    statement = Digest.of(attestation.statement.raw)
    listed = {layer.digest for layer in manifest.manifest.layers}
    holder = Digest.of(manifest.manifest.raw)
    if statement not in listed or holder != manifest.digest:
        return ()
    way = [holder, statement]
    while way[0] != signature.over:
        above = _index_over(image, way[0])
        if above is None or above in way:
            return ()
        way.insert(0, above)
    return (signature.bundle, *way)


def _index_over(image: Image, digest: Digest) -> Digest | None:
    for index in image.indexes:
        if any(entry.digest == digest for entry in index.manifests):
            return Digest.of(index.raw)
    return None


def _only_here(seal: object) -> None:
    if seal is not _SEAL:
        raise TypeError("only attest.trust.authentication.authenticate makes trusted values")
