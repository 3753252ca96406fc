"""Building into an OCI layout that may hold other images, their signatures and their attestations.

BuildKit writes into an existing layout, but it rewrites index.json in place (a reader can see half of it), without
waiting for other writers, and it replaces a tag only where `io.containerd.image.name` is the same as well, so that a
layout filled by another tool ends up with two images under one tag. So the build goes into a layout of its own first,
outside the build context, which may be around the layout, and is moved over when it is complete.
"""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path
from secrets import token_hex
from typing import Final

from attest.errors import BuildFailed, NotFound, NotWritable, Unreadable
from attest.oci import limits
from attest.oci.disk.files import read_inside, write_inside
from attest.oci.document import Json, JsonObject, children, encode, parse_object, strings, text
from attest.oci.locks import locked_directory
from attest.oci.referrer import REF_NAME
from attest.reference import Digest, LayoutReference

_INDEX: Final = "index.json"
_MARKER: Final = "oci-layout"
_EMPTY: Final[JsonObject] = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json"}


def image_name(layout: LayoutReference) -> str:
    """What BuildKit is told to call the image: `localhost/DIRECTORY:TAG`, as podman calls what has no registry."""
    directory = re.sub(r"[^a-z0-9]+", "-", layout.path.resolve().name.lower()).strip("-")
    return f"localhost/{directory or 'image'}:{layout.tag}"


def staged(target: LayoutReference, scratch: Path) -> LayoutReference:
    """Where to build first, below `scratch`. Raises Unreadable if there is something at `target`, and no layout."""
    _read_index(target)
    return LayoutReference(scratch / "layout" / (target.path.resolve().name or "image"), target.tag, None)


def adopt(built: LayoutReference, target: LayoutReference, digest: Digest) -> None:
    """Move the image with this digest over and give it the tag, which leaves whatever had it before.

    Raises BuildFailed if it was not built, NotWritable, and Unreadable if `target` is no layout.
    """
    entry = _entry(built, digest, target)
    try:
        target.path.mkdir(parents=True, exist_ok=True)
        with locked_directory(target.path, target.name):
            index = _read_index(target)
            _move_blobs(built.path, target.path)
            if not (target.path / _MARKER).exists():
                write_inside(target.path, _MARKER, encode({"imageLayoutVersion": "1.0.0"}), target.name)
            write_inside(target.path, _INDEX, encode(_with_entry(index, entry)), target.name)
    except OSError as error:
        raise NotWritable(f"{target.name}: cannot be written", f"{error.strerror or 'unknown error'}.") from None


def _entry(built: LayoutReference, digest: Digest, target: LayoutReference) -> dict[str, Json]:
    for entry in children(_read_index(built), "manifests"):
        if text(entry, "digest") == str(digest):
            return {**entry, "annotations": {**strings(entry, "annotations"), REF_NAME: target.tag}}
    raise BuildFailed(f"{target}: the build left no image {digest.short} in the layout")


def _with_entry(index: JsonObject, entry: JsonObject) -> JsonObject:
    # Entries without a ref.name are the referrers of images: they stay, whatever happens to the tags.
    tag = strings(entry, "annotations")[REF_NAME]
    kept = [other for other in children(index, "manifests") if strings(other, "annotations").get(REF_NAME) != tag]
    return {**index, "manifests": [*kept, entry]}


def _read_index(layout: LayoutReference) -> JsonObject:
    try:
        content = read_inside(layout.path, _INDEX, limits.MANIFEST, layout.name)
    except NotFound:
        return _EMPTY
    index = parse_object(content, f"{layout.name}/{_INDEX}")
    if not isinstance(index.get("manifests"), list | None):
        raise Unreadable(f"{layout.name}/{_INDEX}: not an image index", "", "Choose another directory.")
    return index


def _move_blobs(source: Path, destination: Path) -> None:
    for blob in (source / "blobs").glob("*/*"):
        place = destination / blob.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        _move(blob, place)  # over an equal one too: what stands there may have been damaged


def _move(blob: Path, place: Path) -> None:
    try:
        blob.replace(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: copied beside its place, so that nobody sees half of it.
        copy = place.with_name(f".{place.name[:16]}.{token_hex(8)}.tmp")
        try:
            shutil.copyfile(blob, copy)
            copy.replace(place)
        finally:
            copy.unlink(missing_ok=True)
