"""What a layout consists of: files under these names, in a directory or an archive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from attest.reference import Digest

INDEX_FILE: Final = "index.json"
MARKER_FILE: Final = "oci-layout"


def blob_folder(algorithm: str) -> str:
    """Where the blobs with digests of this kind lie."""
    return f"blobs/{algorithm}"


def blob_file(digest: Digest) -> str:
    """Where a blob lies."""
    return f"{blob_folder(digest.algorithm)}/{digest.hex}"


class Files(Protocol):
    """Regular files; whatever else lies there is not looked at. May be asked from several threads."""

    def read(self, name: str, limit: int, where: str) -> bytes:
        """The bytes of a file of at most `limit`; `where` is what an error begins with. Raises NotFound, Unreadable."""

    def sizes(self, folder: str) -> Mapping[str, int]:
        """The files that lie in a folder; there are none where there is no such folder. Raises Unreadable."""
