"""An OCI image layout on disk (image-spec 1.1, "Image Layout"), a directory or a tar: the store that needs no server.

index.json is the list of what is in it: images under a name, or one without; and referrers, which are entries without
a name whose manifest has a subject, or stand in an index named as the fallback tag. A referrer is never an image.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
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
from attest.oci.disk.entries import cosign_entry, is_about_another, offer, saved_images, tags_of
from attest.oci.disk.files import Folder
from attest.oci.disk.interface import INDEX_FILE, MARKER_FILE, Files, blob_file, blob_folder
from attest.oci.disk.writing import add
from attest.oci.document import JsonObject, child, children, parse_object, strings, text
from attest.oci.interface import Artifact, CosignSuffix
from attest.oci.referrer import REF_NAME, describe, is_fallback_tag, unique
from attest.reference import Digest, LayoutReference

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_UNPACK: Final = "Unpack it first: mkdir DIR && tar -xf ARCHIVE -C DIR, then oci-layout:DIR."


class Layout:
    """One layout; it is read anew for every question. Raises StoreErrors, and UsageError where a name is ambiguous."""

    def __init__(self, reference: LayoutReference) -> None:
        self._reference = reference
        self._opened: Files | None = None
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
        plain = Descriptor(_media_type(found, parse_object(content, where)), found.digest, found.size)
        parse_manifest(plain, content, where)
        return plain

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The exact bytes of a manifest or index."""
        return self.blob(descriptor, limits.MANIFEST)

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """The exact bytes of a blob of at most `limit` bytes."""
        where = self._at(descriptor.digest)
        within(descriptor, limit, where)
        return checked(self._read(blob_file(descriptor.digest), descriptor.size, where), descriptor, where)

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Unnamed entries whose manifest refers to `subject`, and what the fallback tag's index lists."""
        found: list[Descriptor] = []
        entries = self._entries()
        for entry in entries:
            if subject.fallback_tag in tags_of(entry):
                found.extend(self._listed(entry))
            elif self._subject(entry) == subject:
                found.append(self._described(entry))
        if subject in saved_images(entries):
            found.extend(self._unlisted(subject))
        return unique(found)[: limits.REFERRERS + 1]

    def cosign_tag(self, subject: Digest, suffix: CosignSuffix) -> Descriptor | None:
        """The entry of cosign's tag for `subject`, or the one that `cosign save` put beside the layout's only image."""
        found = cosign_entry(self._entries(), subject, suffix, self._at(subject))
        return replace(found, media_type=_media_type(found, self._document(found))) if found is not None else None

    def attach(self, artifacts: Sequence[Artifact]) -> tuple[Descriptor, ...]:
        """Write the blobs and manifests, then all entries at once, without names; what fails leaves nothing."""
        entries = [describe(artifact.manifest, artifact.subject, self._reference.name) for artifact in artifacts]
        contents = dict.fromkeys(content for artifact in artifacts for content in (*artifact.blobs, artifact.manifest))
        self._entries()
        if isinstance(self._files(), Archive):
            raise NotWritable(f"{self._reference.name}: an archive, which is only read", "", _UNPACK)
        add(self._reference.path, contents, entries, self._reference.name)
        return tuple(entries)

    def _entries(self) -> tuple[Descriptor, ...]:
        """index.json, after a look at what kind of thing the path is: every question begins here."""
        self._require_layout()
        where = f"{self._reference.name}: {INDEX_FILE}"
        document = parse_object(self._read(INDEX_FILE, limits.MANIFEST, where), where)
        refuse_other_spellings(document, where)
        return tuple(Descriptor.parse(entry, where) for entry in children(document, "manifests"))

    def _require_layout(self) -> None:
        where = f"{self._reference.name}: not an OCI layout: {MARKER_FILE}"
        version = text(parse_object(self._read(MARKER_FILE, limits.ANSWER, where), where), "imageLayoutVersion")
        if not version.startswith("1."):
            raise Unreadable(f"{where}: version {version[:20]!r}, expected 1.0.0")

    def _asked_for(self) -> Sequence[Descriptor]:
        entries, tag = self._entries(), self._reference.tag
        if tag is None:
            return self._images(entries)
        found = [entry for entry in entries if tag in tags_of(entry) and not is_fallback_tag(tag)]
        if not found:
            there = offer(self._reference.name, self._images(entries))
            raise NotFound(f"{self._reference}: no image of this name", there)
        return found

    def _only(self, found: Sequence[Descriptor]) -> Descriptor:
        images = unique(found)
        if not images:
            raise NotFound(f"{self._reference}: no image in this layout")
        if len(images) > 1:
            there = offer(self._reference.name, images)
            raise UsageError(f"{self._reference}: {len(images)} images, expected one", there)
        return images[0]

    def _by_digest(self, digest: Digest) -> Descriptor:
        """From index.json, or any manifest that is stored: its type and size are then its own."""
        for entry in self._entries():
            if entry.digest == digest:
                return entry
        content = self._read(blob_file(digest), limits.MANIFEST, self._at(digest))
        found = Descriptor("", digest, len(content))
        return replace(found, media_type=_media_type(found, self._document(found)))

    def _images(self, entries: Sequence[Descriptor]) -> Sequence[Descriptor]:
        return unique(entry for entry in entries if self._is_image(entry))

    def _is_image(self, entry: Descriptor) -> bool:
        """Whether to offer it: what cannot be read may be an image, and is not passed over in silence."""
        if is_about_another(entry):
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
        media_type, annotations = _media_type(entry, document), strings(document, "annotations")
        return replace(entry, media_type=media_type, artifact_type=kind, annotations=annotations)

    def _listed(self, entry: Descriptor) -> tuple[Descriptor, ...]:
        where = self._at(entry.digest)
        return tuple(Descriptor.parse(listed, where) for listed in children(self._document(entry), "manifests"))

    def _document(self, entry: Descriptor) -> JsonObject:
        return parse_object(self.manifest(entry), self._at(entry.digest))

    def _unlisted(self, subject: Digest) -> Iterator[Descriptor]:
        """Bundles' manifests as cosign 3 saves them beside an image: nothing lists them, so every blob is looked at."""
        where, folder = self._reference.name, blob_folder("sha256")
        sizes = self._files().sizes(folder)
        small = {
            name: size for name, size in sizes.items() if size <= limits.SAVED_MANIFEST and _SHA256.fullmatch(name)
        }
        if sum(small.values()) > limits.MANIFESTS:
            raise Unreadable(f"{where}: {len(small)} small blobs, more than are looked through for saved bundles")
        for name, size in small.items():
            entry = Descriptor("", Digest("sha256", name), size)
            if str(subject).encode() in self._read(f"{folder}/{name}", size, where) and self._names(entry, subject):
                yield self._described(entry)

    def _names(self, blob: Descriptor, subject: Digest) -> bool:
        try:
            return self._subject(blob) == subject
        except Unreadable:  # no manifest, but a layer that mentions the image
            return False

    def _read(self, name: str, limit: int, where: str) -> bytes:
        return self._files().read(name, limit, where)

    def _files(self) -> Files:
        if self._opened is None:
            self._opened = _opened(self._reference.path, self._reference.name)
        return self._opened

    def _at(self, digest: Digest) -> str:
        return f"{self._reference.name}@{digest}"


def _opened(path: Path, name: str) -> Files:
    try:
        return Folder(path, name) if stat.S_ISDIR(path.stat().st_mode) else Archive(path, name)
    except (FileNotFoundError, NotADirectoryError):
        remedy = "Expected oci-layout:DIR[:TAG|@DIGEST], where DIR holds an OCI layout (or is a tar of one)."
        raise NotFound(f"{name}: no such directory or archive", "", remedy) from None
    except OSError as error:
        raise Unreadable(f"{name}: cannot be read", f"{error.strerror}.") from None


def _media_type(entry: Descriptor, document: JsonObject) -> str:
    """What the entry or the document calls it; before image-spec 1.1 tools left that out, and its shape must do."""
    shape = OCI_INDEX if "manifests" in document else OCI_MANIFEST if "layers" in document else ""
    return entry.media_type or text(document, "mediaType") or shape
