"""Add to a layout in one step: whoever reads meanwhile, or after the writer was killed, sees it as before or complete.

Blobs come first and the list last, both as whole files; what fails is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from attest.errors import NotFound, StoreError
from attest.oci import limits
from attest.oci.descriptor import Descriptor
from attest.oci.disk.files import read_inside, remove_inside, write_inside
from attest.oci.disk.interface import INDEX_FILE, blob_file
from attest.oci.locks import locked_directory
from attest.oci.referrer import with_entries
from attest.reference import Digest


def add(root: Path, contents: Iterable[bytes], entries: Sequence[Descriptor], name: str) -> None:
    """Write these blobs, then list these entries without names. Raises NotWritable, Unreadable."""
    written: list[Digest] = []
    with locked_directory(root, f"{name}: {INDEX_FILE}"):  # whoever finds a blob here may rely on it
        try:
            for content in contents:
                digest = Digest.of(content)
                if _store(root, digest, content, f"{name}@{digest}"):
                    written.append(digest)
            _list(root, entries, f"{name}: {INDEX_FILE}")
        except BaseException:
            for digest in written:
                remove_inside(root, blob_file(digest))
            raise


def _store(root: Path, digest: Digest, content: bytes, where: str) -> bool:
    """Write a blob unless it is there; True if nothing was in its place before."""
    was_absent = False
    try:
        if read_inside(root, blob_file(digest), len(content), where) == content:
            return False
    except NotFound:
        was_absent = True
    except StoreError:
        pass  # not what it should be: written below, or refused there with a better reason
    write_inside(root, blob_file(digest), content, where)
    return was_absent


def _list(root: Path, entries: Sequence[Descriptor], where: str) -> None:
    # Without annotations: a manifest's own ref.name would make an image of its entry.
    plain = [replace(entry, annotations={}) for entry in entries]
    changed = with_entries(read_inside(root, INDEX_FILE, limits.MANIFEST, where), plain, where)
    if changed is not None:
        write_inside(root, INDEX_FILE, changed, where)
