"""An OCI image layout on disk (image-spec 1.1, "Image Layout"), a directory or a tar: the store that needs no server.

index.json is the list of what is in it: images under a name, or one without; and referrers, which are entries without
a name whose manifest has a subject, or stand in an index named as the fallback tag. A referrer is never an image.
"""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from attest.errors import InvalidReference, NotFound, NotWritable, StoreError, Unreadable, UsageError
from attest.oci import limits
from attest.oci.content import checked, within
from attest.oci.descriptor import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    parse_manifest,
    refuse_other_spellings,
)
from attest.oci.disk.archive import Archive
from attest.oci.disk.files import read_inside, remove_inside, write_inside
from attest.oci.document import JsonObject, child, children, parse_object, strings, text
from attest.oci.interface import Artifact, CosignSuffix
from attest.oci.locks import locked_directory
from attest.oci.referrer import REF_NAME, describe, is_fallback_tag, unique, with_entries
from attest.reference import Digest, LayoutReference

INDEX_FILE: Final = "index.json"
MARKER_FILE: Final = "oci-layout"
CONTAINERD_NAME: Final = "io.containerd.image.name"

_COSIGN_TAG = re.compile(r"sha256-[0-9a-f]{64}\.(?:sig|att|sbom)")
# `cosign save` writes one image, and says what the other entries are (cosign's pkg/oci/layout).
_KIND: Final = "kind"
_SAVED_IMAGES: Final = ("dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex")
_SAVED_KINDS: Final[Mapping[CosignSuffix, str]] = {
    "sig": "dev.cosignproject.cosign/sigs",
    "att": "dev.cosignproject.cosign/atts",
}
_UNPACK: Final = "Unpack it first: mkdir DIR && tar -xf ARCHIVE -C DIR, then oci-layout:DIR."
_OFFERED: Final = 20  # names in one message


class Layout:
    """One layout; it is read anew for every question. Raises StoreErrors, and UsageError where a name is ambiguous."""

    def __init__(self, reference: LayoutReference) -> None:
        self._reference = reference
        self._archive: Archive | None = None
        self._subjects: dict[Digest, Digest | None] = {}  # what a manifest refers to does not change

    @property
    def reference(self) -> LayoutReference:
        """What the user typed."""
        return self._reference

    def resolve(self) -> Descriptor:
        """The tag's entry; the digest's; or the only image. Raises UsageError for one of several."""
        digest = self._reference.digest
        found = self._by_digest(digest) if digest is not None else self._only(self._asked_for())
        content = self.manifest(found)
        where = self._at(found.digest)
        plain = Descriptor(found.media_type or _media_type(content, where), found.digest, found.size)
        parse_manifest(plain, content, where)
        return plain

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The exact bytes of a manifest or index."""
        return self.blob(descriptor, limits.MANIFEST)

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """The exact bytes of a blob of at most `limit` bytes."""
        where = self._at(descriptor.digest)
        within(descriptor, limit, where)
        return checked(self._read(_path(descriptor.digest), descriptor.size, where), descriptor, where)

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Unnamed entries whose manifest refers to `subject`, then what the fallback tag's index lists."""
        found: list[Descriptor] = []
        for entry in self._entries():
            if subject.fallback_tag in _tags(entry):
                found.extend(self._listed(entry))
            elif self._subject(entry) == subject:
                found.append(self._described(entry))
        return unique(found)[: limits.REFERRERS + 1]

    def cosign_tag(self, subject: Digest, suffix: CosignSuffix) -> Descriptor | None:
        """The entry of cosign's tag for `subject`, or the one that `cosign save` put beside the layout's only image."""
        entries = self._entries()
        tag = f"{subject.fallback_tag}.{suffix}"
        found = [entry for entry in entries if tag in _tags(entry)] or _saved(entries, subject, suffix)
        if not found:
            return None
        content = self.manifest(found[0])
        media_type = found[0].media_type or _media_type(content, self._at(found[0].digest))
        return replace(found[0], media_type=media_type)

    def attach(self, artifacts: Sequence[Artifact]) -> tuple[Descriptor, ...]:
        """Write the blobs and manifests, then all entries at once, without names; what fails leaves nothing."""
        entries = [describe(artifact.manifest, artifact.subject, self._reference.name) for artifact in artifacts]
        contents = dict.fromkeys(content for artifact in artifacts for content in (*artifact.blobs, artifact.manifest))
        self._entries()
        where = f"{self._reference.name}: {INDEX_FILE}"
        if self._archive is not None:
            raise NotWritable(f"{self._reference.name}: an archive, which is only read", "", _UNPACK)
        written: list[Digest] = []
        with locked_directory(self._reference.path, where):  # whoever finds a blob here may rely on it
            try:
                for content in contents:
                    descriptor = Descriptor.of(content, "")
                    if self._store(descriptor, content):
                        written.append(descriptor.digest)
                self._list(entries, where)
            except BaseException:
                for digest in written:
                    remove_inside(self._reference.path, _path(digest))
                raise
        return tuple(entries)

    def _list(self, entries: Sequence[Descriptor], where: str) -> None:
        # Without annotations: a manifest's own ref.name would make an image of its entry.
        plain = [replace(entry, annotations={}) for entry in entries]
        changed = with_entries(self._read(INDEX_FILE, limits.MANIFEST, where), plain, where)
        if changed is not None:
            write_inside(self._reference.path, INDEX_FILE, changed, where)

    def _store(self, descriptor: Descriptor, content: bytes) -> bool:
        """Write a blob unless it is there; True if nothing was in its place before."""
        where = self._at(descriptor.digest)
        was_absent = False
        try:
            if self._read(_path(descriptor.digest), descriptor.size, where) == content:
                return False
        except NotFound:
            was_absent = True
        except StoreError:
            pass  # not what it should be: written below, or refused there with a better reason
        write_inside(self._reference.path, _path(descriptor.digest), content, where)
        return was_absent

    def _entries(self) -> tuple[Descriptor, ...]:
        """index.json, after a look at what kind of thing the path is: every question begins here."""
        self._require_layout()
        where = f"{self._reference.name}: {INDEX_FILE}"
        document = parse_object(self._read(INDEX_FILE, limits.MANIFEST, where), where)
        refuse_other_spellings(document, where)
        return tuple(Descriptor.parse(entry, where) for entry in children(document, "manifests"))

    def _require_layout(self) -> None:
        name = self._reference.name
        if self._archive is None and not _is_directory(self._reference.path, name):
            self._archive = Archive(self._reference.path)
        where = f"{name}: not an OCI layout: {MARKER_FILE}"
        version = text(parse_object(self._read(MARKER_FILE, limits.ANSWER, where), where), "imageLayoutVersion")
        if not version.startswith("1."):
            raise Unreadable(f"{where}: version {version[:20]!r}, expected 1.0.0")

    def _asked_for(self) -> list[Descriptor]:
        entries, tag = self._entries(), self._reference.tag
        if tag is None:
            return [entry for entry in entries if self._is_image(entry)]
        found = [entry for entry in entries if tag in _tags(entry) and not is_fallback_tag(tag)]
        if not found:
            raise NotFound(f"{self._reference}: no image of this name", self._offer(entries))
        return found

    def _only(self, found: Sequence[Descriptor]) -> Descriptor:
        images = unique(found)
        if not images:
            raise NotFound(f"{self._reference}: no image in this layout")
        if len(images) > 1:
            raise UsageError(f"{self._reference}: {len(images)} images, expected one", self._offer(found))
        return images[0]

    def _by_digest(self, digest: Digest) -> Descriptor:
        """From index.json, or any manifest that is stored: its type and size are then its own."""
        for entry in self._entries():
            if entry.digest == digest:
                return entry
        where = self._at(digest)
        content = self._read(_path(digest), limits.MANIFEST, where)
        found = Descriptor("", digest, len(content))
        return replace(found, media_type=_media_type(checked(content, found, where), where))

    def _is_image(self, entry: Descriptor) -> bool:
        """Whether to offer it: what cannot be read may be an image, and is not passed over in silence."""
        if entry.annotations.get(_KIND, "") in _SAVED_KINDS.values():
            return False
        if any(is_fallback_tag(tag) or _COSIGN_TAG.fullmatch(tag) for tag in _tags(entry)):
            return False
        try:
            return self._subject(entry) is None
        except StoreError:
            return True

    def _subject(self, entry: Descriptor) -> Digest | None:
        """What an entry without a name refers to."""
        if entry.annotations.get(REF_NAME) or entry.media_type not in ("", *INDEX_TYPES, *MANIFEST_TYPES):
            return None
        if entry.digest not in self._subjects:
            self._subjects[entry.digest] = self._read_subject(entry)
        return self._subjects[entry.digest]

    def _read_subject(self, entry: Descriptor) -> Digest | None:
        subject = text(child(self._document(entry), "subject"), "digest")
        try:
            return Digest.parse(subject) if subject else None
        except InvalidReference as error:
            raise Unreadable(f"{self._at(entry.digest)}: a subject without a digest", error.summary) from None

    def _described(self, entry: Descriptor) -> Descriptor:
        document = self._document(entry)
        kind = text(document, "artifactType") or text(child(document, "config"), "mediaType")
        return replace(entry, artifact_type=kind, annotations=strings(document, "annotations"))

    def _listed(self, entry: Descriptor) -> tuple[Descriptor, ...]:
        where = self._at(entry.digest)
        return tuple(Descriptor.parse(listed, where) for listed in children(self._document(entry), "manifests"))

    def _document(self, entry: Descriptor) -> JsonObject:
        return parse_object(self.manifest(entry), self._at(entry.digest))

    def _offer(self, entries: Sequence[Descriptor]) -> str:
        """What can be asked for instead, as people would type it; by digest where a tag would not do."""
        images = unique(entry for entry in entries if self._is_image(entry))
        tags = Counter(tag for image in images for tag in _tags(image)[:1])
        names = [
            f"{self._reference.name}:{tag}" if tags[tag] == 1 else f"{self._reference.name}@{image.digest}"
            for image in images
            for tag in (_tags(image) or ("",))[:1]
        ]
        more = f" and {len(names) - _OFFERED} more" if len(names) > _OFFERED else ""
        return f"There is: {', '.join(names[:_OFFERED])}{more}." if names else "There is no image in it."

    def _read(self, name: str, limit: int, where: str) -> bytes:
        if self._archive is not None:
            return self._archive.read(name, limit, where)
        return read_inside(self._reference.path, name, limit, where)

    def _at(self, digest: Digest) -> str:
        return f"{self._reference.name}@{digest}"


def _is_directory(path: Path, where: str) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        remedy = "Expected oci-layout:DIR[:TAG|@DIGEST], where DIR holds an OCI layout (or is a tar of one)."
        raise NotFound(f"{where}: no such directory or archive", "", remedy) from None
    except OSError as error:
        raise Unreadable(f"{where}: cannot be read", f"{error.strerror}.") from None


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def _tags(entry: Descriptor) -> tuple[str, ...]:
    """What an entry can be asked for by: `1`, or the tag of a full name as containerd and BuildKit write it."""
    names = (entry.annotations.get(REF_NAME, ""), entry.annotations.get(CONTAINERD_NAME, ""))
    tags = (name.partition("@")[0].rpartition(":")[2] for name in names if name)
    return tuple(dict.fromkeys(tag for tag in tags if tag and "/" not in tag))


def _saved(entries: Sequence[Descriptor], subject: Digest, suffix: CosignSuffix) -> list[Descriptor]:
    """What `cosign save` kept for its image; which of several it belongs to could only be guessed."""
    images = {entry.digest for entry in entries if entry.annotations.get(_KIND, "") in _SAVED_IMAGES}
    kept = [entry for entry in entries if entry.annotations.get(_KIND, "") == _SAVED_KINDS.get(suffix)]
    return kept if images == {subject} and len(kept) == 1 else []


def _media_type(content: bytes, where: str) -> str:
    """What a document calls itself; before image-spec 1.1 tools left that out, and its shape must do."""
    document = parse_object(content, where)
    shape = OCI_INDEX if "manifests" in document else OCI_MANIFEST if "layers" in document else ""
    return text(document, "mediaType") or shape
