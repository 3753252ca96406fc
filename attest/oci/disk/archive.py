"""A layout in a tar archive, as `docker buildx build --output type=oci,dest=FILE` and skopeo write it: read in place.

Nothing is unpacked. The archive may come from a stranger: only regular members count, and an archive that others might
read as another layout, since a name stands there twice or leads through a link, is refused.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from attest.errors import NotFound, Unreadable
from attest.oci import limits

_COMPRESSED: Final = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz"}
_MAGIC: Final = 5
_LONGEST: Final = 255  # characters in a name, since all are kept: the longest in a layout has 141


@dataclass(frozen=True, slots=True)
class _Member:
    offset: int
    size: int


class Archive:
    """The files of one archive; it is gone through once, by its headers. May be used by several threads."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name  # as it is called in errors
        self._members: dict[str, _Member] | None = None
        self._lock = threading.Lock()

    def read(self, name: str, limit: int, where: str) -> bytes:
        """See Files."""
        with self._indexed() as (file, members):
            return _content(file, members, name, limit, where)

    def sizes(self, folder: str) -> Mapping[str, int]:
        """See Files."""
        with self._indexed() as (_, members):
            split = {posixpath.split(name): member for name, member in members.items()}
            return {name: member.size for (place, name), member in split.items() if place == folder}

    @contextmanager
    def _indexed(self) -> Iterator[tuple[BinaryIO, Mapping[str, _Member]]]:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would block
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unreadable(f"{self._name}: neither a directory nor a file")
                with self._lock:
                    if self._members is None:
                        self._members = _regular(_members(file, self._name))
                yield file, self._members
        except OSError as error:
            raise Unreadable(f"{self._name}: cannot be read", f"{error.strerror}.") from None


def _content(file: BinaryIO, members: Mapping[str, _Member], name: str, limit: int, where: str) -> bytes:
    member = members.get(name)
    if member is None:
        raise NotFound(f"{where}: not there", f"There is no regular file {name} in the archive.")
    if member.size > limit:
        raise Unreadable(f"{where}: {member.size} bytes, more than the {limit} expected or allowed")
    return os.pread(file.fileno(), member.size, member.offset)


def _regular(members: Mapping[str, _Member | None]) -> dict[str, _Member]:
    return {name: member for name, member in members.items() if member is not None}


def _members(file: BinaryIO, where: str) -> dict[str, _Member | None]:
    """Each name but those of directories; None for what is not a regular file."""
    start = os.pread(file.fileno(), _MAGIC, 0)
    for magic, program in _COMPRESSED.items():
        if start.startswith(magic):
            raise Unreadable(f"{where}: a compressed archive", "", f"Unpack it first: {program} FILE.")
    found: dict[str, _Member | None] = {}
    try:
        with _Tar.open(fileobj=cast(BinaryIO, _Headers(file)), mode="r:") as archive:
            for member in _headers(archive, where):
                _add(found, member, where)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise Unreadable(f"{where}: neither a directory nor a tar archive", f"{str(error)[:200]}.") from None
    _refuse_detours(found, where)
    return found


def _headers(archive: _Tar, where: str) -> Iterator[tarfile.TarInfo]:
    """One after the other, none kept: each carries a copy of the records that hold for the whole archive."""
    count = 0
    while (member := archive.next()) is not None:
        count += 1
        if count > limits.TAR_MEMBERS:
            raise Unreadable(f"{where}: an archive of more than {limits.TAR_MEMBERS} files")
        if len(archive.pax_headers) > limits.TAR_GLOBALS:
            raise Unreadable(f"{where}: {len(archive.pax_headers)} pax records for the whole archive")
        archive.members.clear()
        yield member


def _add(found: dict[str, _Member | None], member: tarfile.TarInfo, where: str) -> None:
    name = posixpath.normpath(member.name)
    if len(name) > _LONGEST or name.startswith("/") or ".." in member.name.split("/"):
        raise Unreadable(f"{where}: the archive holds {name[:_LONGEST]!r}", "That is no name of a file in a layout.")
    if member.isdir():
        return
    if name in found:
        raise Unreadable(f"{where}: the archive holds {name!r} twice", "Programs disagree which of them counts.")
    is_plain = member.isreg() and not member.issparse()
    found[name] = _Member(member.offset_data, member.size) if is_plain else None


def _refuse_detours(found: Mapping[str, _Member | None], where: str) -> None:
    """What lies below a link may land anywhere once unpacked: on index.json, say."""
    for name in found:
        above = posixpath.dirname(name)
        while above:
            if above in found:
                raise Unreadable(f"{where}: the archive holds {name!r}, but {above!r} is no directory")
            above = posixpath.dirname(above)


class _Tar(tarfile.TarFile):
    members: list[tarfile.TarInfo]  # all that were seen, unless somebody forgets them


class _Headers:
    """The archive as tarfile sees it: headers are small, and one that says otherwise would fill the memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = limits.TAR_HEADERS

    def read(self, size: int) -> bytes:
        if not 0 <= size <= limits.ANSWER:  # less than nothing would be everything
            raise tarfile.ReadError(f"a header of {size} bytes")
        self._left -= size
        if self._left < 0:
            raise tarfile.ReadError(f"headers of more than {limits.TAR_HEADERS} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
