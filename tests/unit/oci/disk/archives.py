"""Layouts packed into tar archives, honestly or not."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.unit.oci.disk.layouts import ASSETS

RECORDING: Final = ASSETS / "sbom-tiny" / "layout"


def members(folder: Path, prefix: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Each file of a folder, as a member and what it holds."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            member = tarfile.TarInfo(prefix + str(path.relative_to(folder)))
            member.size = len(content)
            yield member, content


def add(path: Path, name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> None:
    """Append a member to an archive that is there."""
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, len(content)
    with tarfile.open(path, "a") as archive:
        archive.addfile(member, io.BytesIO(content))


def pack(
    path: Path,
    prefix: str = "",
    change: Callable[[tarfile.TarInfo], None] = lambda _: None,
    form: int = tarfile.USTAR_FORMAT,
) -> Path:
    """Pack the recorded layout, each member after a change to it."""
    with tarfile.open(path, "w", format=form) as archive:
        for member, content in members(RECORDING, prefix):
            change(member)
            archive.addfile(member, io.BytesIO(content))
    return path
