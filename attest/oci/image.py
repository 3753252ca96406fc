"""An image: its root digest, its platforms, and the attestation manifests beside them, with the exact bytes read.

What is an attestation manifest and what an image that must pass is decided by content, never by an annotation alone:
a runnable image annotated as `attestation-manifest` is resolved and run by crane and BuildKit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from attest.errors import InvalidReference, NotFound, StoreError, Unreadable
from attest.oci import limits
from attest.oci.descriptor import IN_TOTO, Descriptor, Index, Manifest, parse_manifest, refuse_other_spellings
from attest.oci.document import parse_object, text
from attest.oci.interface import Store
from attest.oci.rounds import ask_all
from attest.reference import Digest, ImageReference, Platform

REFERENCE_DIGEST: Final = "vnd.docker.reference.digest"
_UNKNOWN: Final = Platform("unknown", "unknown")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about an image or its evidence that people should know; ids are listed in schemas/inspect.v1."""

    id: str
    message: str
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """One image that runs: its platform and its manifest."""

    platform: Platform
    manifest: Manifest

    @property
    def digest(self) -> Digest:
        """The digest of the platform's manifest."""
        return self.manifest.descriptor.digest


@dataclass(frozen=True, slots=True)
class AttestationManifest:
    """BuildKit's manifest of bare statements, and the image it says it is about (an unproven hint)."""

    manifest: Manifest
    about: Digest | None

    @property
    def digest(self) -> Digest:
        """The digest of the attestation manifest."""
        return self.manifest.descriptor.digest


@dataclass(frozen=True, slots=True)
class Image:
    """What a reference named, down to the manifests.

    `indexes` holds the root index and any nested ones, outermost first; it is empty for a single manifest.
    """

    reference: ImageReference
    root: Descriptor
    indexes: tuple[Index, ...]
    platforms: tuple[PlatformImage, ...]
    attestation_manifests: tuple[AttestationManifest, ...]
    problems: tuple[Problem, ...]

    @property
    def digest(self) -> Digest:
        """The root digest: the index's, or the single manifest's."""
        return self.root.digest

    @property
    def digests(self) -> frozenset[Digest]:
        """Everything of this image that a statement or signature may be about."""
        return frozenset(
            {
                self.digest,
                *(index.descriptor.digest for index in self.indexes),
                *(platform.digest for platform in self.platforms),
                *(manifest.digest for manifest in self.attestation_manifests),
            }
        )

    def below(self, digests: Iterable[Digest]) -> tuple[Digest, ...]:
        """The platforms' digests that are reached from any of these, by the indexes' own bytes."""
        known = {index.descriptor.digest: index for index in self.indexes}
        reached: set[Digest] = set()
        left = list(digests)
        while left:
            digest = left.pop()
            if digest not in reached:
                reached.add(digest)
                left += [entry.digest for entry in known[digest].manifests] if digest in known else []
        return tuple(platform.digest for platform in self.platforms if platform.digest in reached)

    def select(self, wanted: Sequence[Platform]) -> tuple[PlatformImage, ...]:
        """The platforms asked for, as far as the image has them; all if none is asked for."""
        return tuple(
            image for image in self.platforms if not wanted or any(one.covers(image.platform) for one in wanted)
        )

    def lacks(self, wanted: Sequence[Platform]) -> NotFound | None:
        """The error that names the platforms asked for that the image does not have, or None."""
        has = [image.platform for image in self.platforms]
        missing = ", ".join(str(one) for one in wanted if not any(one.covers(platform) for platform in has))
        if not missing:
            return None
        return NotFound(f"{self.reference}: no platform {missing}", f"The image has {', '.join(map(str, has))}.")


def load_image(store: Store, noticed: Callable[[Iterable[Descriptor]], None] = lambda _: None) -> Image:
    """Read the image that the store's reference names. Raises StoreError; nothing is half-read.

    `noticed` is told of manifests before they are read, so that others may ask about them meanwhile.
    """
    root = store.resolve()
    noticed([root])
    where = f"{store.reference.name}@{root.digest}"
    top = parse_manifest(root, store.manifest(root), where)
    if isinstance(top, Manifest):
        platform = PlatformImage(_platform_of(store, top), top)
        return Image(store.reference, root, (), (platform,), (), tuple(_null_layers([top])))
    indexes, manifests = _descend(store, top, noticed)
    attestations = [found for found in manifests if _is_attestation_manifest(*found)]
    images = [found for found in manifests if found not in attestations]
    platforms = tuple(PlatformImage(_platform_of(store, manifest, entry), manifest) for entry, manifest in images)
    paired = tuple(AttestationManifest(manifest, _about(entry, manifest)) for entry, manifest in attestations)
    problems = (*_pairing_problems(platforms, paired), *_null_layers(manifest for _, manifest in manifests))
    if not platforms:
        raise Unreadable(f"{where}: an index without an image", "Every manifest in it holds attestations.")
    return Image(store.reference, root, indexes, platforms, paired, problems)


Found = tuple[Descriptor, Manifest]


def _descend(
    store: Store, top: Index, noticed: Callable[[Iterable[Descriptor]], None]
) -> tuple[tuple[Index, ...], list[Found]]:
    """Read every manifest below an index, one round a level, each digest once."""
    indexes: dict[Digest, Index] = {top.descriptor.digest: top}
    manifests: list[Found] = []
    level = list(top.manifests)
    size = 0
    for _ in range(limits.DEPTH):
        distinct = {entry.digest: entry for entry in level}
        size += sum(entry.size for entry in distinct.values())
        if size > limits.MANIFESTS:
            raise Unreadable(
                f"{store.reference.name}@{top.descriptor.digest}: manifests of {size} bytes",
                f"At most {limits.MANIFESTS} bytes of manifests are read of one image.",
            )
        noticed(distinct.values())
        read = dict(zip(distinct, ask_all(lambda entry: _read(store, entry), distinct.values()), strict=True))
        below: list[Descriptor] = []
        for entry in level:
            answer = read[entry.digest]
            if isinstance(answer, StoreError):
                raise answer
            if isinstance(answer, Manifest):
                manifests.append((entry, answer))
            elif entry.digest not in indexes:
                indexes[entry.digest] = answer
                below.extend(answer.manifests)
        if not below:
            return tuple(indexes.values()), manifests
        if len(below) + len(manifests) > limits.CHILDREN:
            break
        level = below
    raise Unreadable(
        f"{store.reference.name}@{top.descriptor.digest}: indexes nested more than {limits.DEPTH} deep or too wide"
    )


def _read(store: Store, entry: Descriptor) -> Manifest | Index:
    return parse_manifest(entry, store.manifest(entry), f"{store.reference.name}@{entry.digest}")


def _is_attestation_manifest(entry: Descriptor, manifest: Manifest) -> bool:
    """Unknown platform and nothing but in-toto statements: such a manifest cannot run."""
    if entry.platform is None or not entry.platform.is_unknown or manifest.null_layers:
        return False
    return bool(manifest.layers) and all(layer.media_type == IN_TOTO for layer in manifest.layers)


def _about(entry: Descriptor, manifest: Manifest) -> Digest | None:
    try:
        return Digest.parse(entry.annotations[REFERENCE_DIGEST])
    except (KeyError, InvalidReference):
        return manifest.subject.digest if manifest.subject else None


def _platform_of(store: Store, manifest: Manifest, entry: Descriptor | None = None) -> Platform:
    """From the index entry, else from the image config (image-spec, "Image Configuration")."""
    if entry is not None and entry.platform is not None:
        return entry.platform
    if manifest.config is None or not manifest.config.size:
        return _UNKNOWN
    where = f"{store.reference.name}@{manifest.config.digest}"
    config = parse_object(store.blob(manifest.config, limits.CONFIG), where)
    refuse_other_spellings(config, where)
    named = Platform(*(text(config, key) for key in ("os", "architecture", "variant", "os.version")))
    return named if named.os and named.architecture else _UNKNOWN


def _pairing_problems(
    platforms: Sequence[PlatformImage], attestations: Sequence[AttestationManifest]
) -> Iterable[Problem]:
    images = {image.digest for image in platforms}
    names = [image.platform.normal for image in platforms]
    for platform in dict.fromkeys(names):
        if names.count(platform) > 1:
            yield Problem("platform-repeated", f"{names.count(platform)} manifests for {platform}; runtimes take one")
    for attestation in attestations:
        if attestation.about not in images:
            message = f"attestation manifest about {attestation.about or 'nothing'}, which is not in the index"
            yield Problem("attestation-unpaired", message, attestation.digest)
    about = [attestation.about for attestation in attestations]
    for image in platforms:
        if about.count(image.digest) > 1:
            yield Problem(
                "attestation-repeated", f"{about.count(image.digest)} attestation manifests for {image.platform}"
            )
        elif image.digest not in about:
            yield Problem("attestation-missing", f"no attestation manifest for {image.platform}", image.digest)


def _null_layers(manifests: Iterable[Manifest]) -> Iterable[Problem]:
    for manifest in manifests:
        if manifest.null_layers:
            yield Problem(
                "layers-null",
                "the manifest's layers are null or hold entries that are none",
                manifest.descriptor.digest,
            )
