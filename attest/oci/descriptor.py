"""Descriptors, manifests and indexes (OCI image-spec 1.1), and Docker's equivalents, read from exact bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import InvalidReference, Unreadable
from attest.oci import limits
from attest.oci.document import Json, JsonObject, child, children, encode, integer, parse_object, strings, text
from attest.reference import Digest, Platform

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
EMPTY_CONFIG: Final = "application/vnd.oci.empty.v1+json"
IN_TOTO: Final = "application/vnd.in-toto+json"
SIGSTORE_BUNDLE: Final = "application/vnd.dev.sigstore.bundle.v0.3+json"

INDEX_TYPES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFEST_TYPES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

# Every field of indexes, manifests, descriptors and platforms (image-spec 1.1), by its spelling without case.
_FIELDS: Final[Mapping[str, str]] = {
    name.casefold(): name
    for name in (
        *("schemaVersion", "mediaType", "artifactType", "manifests", "config", "layers", "subject", "annotations"),
        *("digest", "size", "urls", "data", "platform", "architecture", "os", "os.version", "os.features", "variant"),
    )
}
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a document says about another one: its type, digest and size (image-spec, "Descriptors")."""

    media_type: str
    digest: Digest
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)
    artifact_type: str = ""

    @classmethod
    def parse(cls, document: JsonObject, where: str) -> Descriptor:
        """Read one. Raises Unreadable."""
        size = integer(document, "size")
        if size is None or size < 0:
            raise Unreadable(f"{where}: a descriptor without a size")
        try:
            digest = Digest.parse(text(document, "digest"))
        except InvalidReference as error:
            raise Unreadable(f"{where}: a descriptor without a usable digest", error.summary) from None
        return cls(
            text(document, "mediaType"),
            digest,
            size,
            _platform(child(document, "platform")),
            strings(document, "annotations"),
            text(document, "artifactType"),
        )

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Descriptor:
        """The descriptor of these bytes."""
        return cls(media_type, Digest.of(content), len(content))

    @property
    def is_index(self) -> bool:
        """Whether it names an image index or Docker manifest list."""
        return self.media_type in INDEX_TYPES

    def to_json(self) -> dict[str, Json]:
        """As it stands in a manifest; empty fields are left out."""
        document: dict[str, Json] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.platform is not None:
            document["platform"] = _platform_json(self.platform)
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        return document


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image or artifact manifest and the exact bytes it was read from."""

    descriptor: Descriptor
    raw: bytes
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str
    annotations: Mapping[str, str] = field(hash=False)
    null_layers: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """An image index or Docker manifest list and the exact bytes it was read from."""

    descriptor: Descriptor
    raw: bytes
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(hash=False)


def parse_manifest(descriptor: Descriptor, raw: bytes, where: str) -> Manifest | Index:
    """Read what the descriptor names; `raw` has been checked against it. Raises Unreadable.

    A document that could be read as both an index and a manifest is refused (CVE-2021-41190).
    """
    document = parse_object(raw, where)
    refuse_other_spellings(document, where)
    media_type = text(document, "mediaType") or descriptor.media_type
    if descriptor.media_type and media_type != descriptor.media_type:
        raise Unreadable(f"{where}: expected {descriptor.media_type}, the document calls itself {media_type[:80]!r}")
    other = ("layers", "config") if media_type in INDEX_TYPES else ("manifests",)
    if any(document.get(key) is not None for key in other):
        raise Unreadable(f"{where}: both an index and a manifest (CVE-2021-41190)", f"It holds {other[0]} as well.")
    if media_type in INDEX_TYPES:
        return _index(descriptor, raw, document, where)
    if media_type in MANIFEST_TYPES:
        return _manifest(descriptor, raw, document, where)
    raise Unreadable(
        f"{where}: neither an image index nor a manifest", f"Its media type is {media_type[:80] or 'missing'!r}."
    )


def refuse_other_spellings(document: JsonObject, where: str) -> None:
    """Go's programs read `Manifests` as `manifests`, and the last one wins: what runs would not be what is checked.

    For indexes, manifests and image configs. Raises Unreadable.
    """
    parts = [document, child(document, "config"), child(document, "subject")]
    entries = (*children(document, "manifests"), *children(document, "layers"))
    parts += [*entries, *(child(entry, "platform") for entry in entries)]
    for part in parts:
        for key in part:
            known = _FIELDS.get(key.casefold())
            if known is not None and known != key:
                raise Unreadable(f"{where}: {key[:40]!r}, where the field is called {known!r}")


def _index(descriptor: Descriptor, raw: bytes, document: JsonObject, where: str) -> Index:
    entries = children(document, "manifests")
    if len(entries) > limits.CHILDREN:
        raise Unreadable(f"{where}: an index of {len(entries)} manifests, more than {limits.CHILDREN}")
    manifests = tuple(Descriptor.parse(entry, where) for entry in entries)
    return Index(descriptor, raw, manifests, strings(document, "annotations"))


def _manifest(descriptor: Descriptor, raw: bytes, document: JsonObject, where: str) -> Manifest:
    layers = children(document, "layers")
    listed = document.get("layers")
    config = child(document, "config")
    subject = child(document, "subject")
    return Manifest(
        descriptor,
        raw,
        Descriptor.parse(config, where) if config else None,
        tuple(Descriptor.parse(layer, where) for layer in layers),
        Descriptor.parse(subject, where) if subject else None,
        text(document, "artifactType"),
        strings(document, "annotations"),
        not isinstance(listed, list) or len(listed) != len(layers),
    )


def _platform(document: JsonObject) -> Platform | None:
    if not document:
        return None
    names = (text(document, "os"), text(document, "architecture"), text(document, "variant"))
    return Platform(*names, text(document, "os.version"))


def _platform_json(platform: Platform) -> JsonObject:
    known = {
        "architecture": platform.architecture,
        "os": platform.os,
        "variant": platform.variant,
        "os.version": platform.os_version,
    }
    return {name: value for name, value in known.items() if value}


def artifact_manifest(
    subject: Descriptor, artifact_type: str, layer: Descriptor, annotations: Mapping[str, str]
) -> bytes:
    """A manifest with one layer that refers to `subject` (image-spec 1.1, "Guidelines for Artifact Usage")."""
    plain = Descriptor(subject.media_type, subject.digest, subject.size)
    document: dict[str, Json] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {**Descriptor.of(b"{}", EMPTY_CONFIG).to_json(), "data": "e30="},
        "layers": [layer.to_json()],
        "subject": plain.to_json(),
        "annotations": dict(annotations),
    }
    return encode(document)
