"""Lists of referrers: a fallback tag's index in a registry, index.json in a layout.

Both are written by many tools at once, so a list is changed by adding to what was just read. What we do not understand
in it stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from attest.errors import NotWritable, Unreadable
from attest.oci.descriptor import INDEX_TYPES, OCI_INDEX, Descriptor, Manifest, parse_manifest
from attest.oci.document import JsonObject, child, encode, parse_object, text
from attest.reference import Digest

REF_NAME: Final = "org.opencontainers.image.ref.name"

_FALLBACK_TAG = re.compile(r"sha(?:256|512)-[0-9a-f]{64}")
_EMPTY: Final[JsonObject] = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


def is_fallback_tag(name: str) -> bool:
    """Whether a tag is the name of a list of referrers (distribution-spec 1.1, "Referrers Tag Schema")."""
    return _FALLBACK_TAG.fullmatch(name) is not None


def describe(manifest: bytes, subject: Digest, where: str) -> Descriptor:
    """The entry of this manifest in a list: its artifact type, or its config's, and its annotations.

    Raises NotWritable for a manifest that does not refer to `subject`, Unreadable for one that is none.
    """
    plain = Descriptor.of(manifest, text(parse_object(manifest, where), "mediaType"))
    parsed = parse_manifest(plain, manifest, where)
    if not isinstance(parsed, Manifest) or parsed.subject is None or parsed.subject.digest != subject:
        raise NotWritable(f"{where}: the manifest {plain.digest} does not refer to {subject}")
    kind = parsed.artifact_type or (parsed.config.media_type if parsed.config else "")
    return Descriptor(plain.media_type, plain.digest, plain.size, None, parsed.annotations, kind)


def with_entries(listed: bytes | None, entries: Iterable[Descriptor], where: str) -> bytes | None:
    """The list with these entries at its end, or None if it has them already; no list is an empty one.

    A named entry does not count: in a layout it is an image. Raises Unreadable, NotWritable.
    """
    document = parse_object(listed, where) if listed is not None else _EMPTY
    known = document.get("manifests") or []
    if not isinstance(known, list) or text(document, "mediaType") not in ("", *INDEX_TYPES):
        raise Unreadable(f"{where}: not an image index")
    has = {text(entry, "digest") for entry in known if isinstance(entry, dict) and not _is_named(entry)}
    new = [entry.to_json() for entry in unique(entries) if str(entry.digest) not in has]
    return _rewritten({**document, "manifests": [*known, *new]}, where) if new else None


def unique(entries: Iterable[Descriptor]) -> tuple[Descriptor, ...]:
    """Each digest once, the first entry that names it."""
    found: dict[Digest, Descriptor] = {}
    for entry in entries:
        found.setdefault(entry.digest, entry)
    return tuple(found.values())


def _is_named(entry: JsonObject) -> bool:
    return bool(text(child(entry, "annotations"), REF_NAME))


def _rewritten(document: JsonObject, where: str) -> bytes:
    """As bytes that can be read again: 1e999, once parsed, could not be."""
    try:
        content = encode(document)
        parse_object(content, where)
    except (ValueError, Unreadable):
        raise NotWritable(f"{where}: holds values that cannot be written back unchanged") from None
    return content
