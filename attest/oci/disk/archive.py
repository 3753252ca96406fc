"""A layout in a tar archive, as `docker buildx build --output type=oci,dest=FILE` and skopeo write it: read in place.

Nothing is unpacked. The archive may come from a stranger: only regular members count, and a name that stands there
twice is refused, since programs disagree which one holds.
"""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from attest.errors import NotFound, Unreadable
from attest.oci import limits

_COMPRESSED: Final = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz"}
_MAGIC: Final = 5


@dataclass(frozen=True, slots=True)
class _Member:
    offset: int
    size: int


class Archive:
    """The files of one archive; it is gone through once, by its headers. May be used by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, _Member] | None = None
        self._lock = threading.Lock()

    def read(self, name: str, limit: int, where: str) -> bytes:
        """The bytes of a regular member, at most `limit`. Raises NotFound, Unreadable."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would block
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Unreadable(f"{where}: neither a directory nor a file")
                with self._lock:
                    if self._members is None:
                        self._members = _members(file, where)
                return _content(file, self._members, name, limit, where)
        except OSError as error:
            raise Unreadable(f"{where}: cannot be read", f"{error.strerror}.") from None


def _content(file: BinaryIO, members: dict[str, _Member], name: str, limit: int, where: str) -> bytes:
    member = members.get(name)
    if member is None:
        raise NotFound(f"{where}: not there", f"There is no regular file {name} in the archive.")
    if member.size > limit:
        raise Unreadable(f"{where}: {member.size} bytes, more than the {limit} expected or allowed")
    content = os.pread(file.fileno(), member.size, member.offset)
    if len(content) != member.size:
        raise Unreadable(f"{where}: the archive ends within {name}")
    return content


def _members(file: BinaryIO, where: str) -> dict[str, _Member]:
    """Name, offset and size of each regular member."""
    start = os.pread(file.fileno(), _MAGIC, 0)
    for magic, program in _COMPRESSED.items():
        if start.startswith(magic):
            raise Unreadable(f"{where}: a compressed archive", "", f"Unpack it first: {program} FILE.")
    found: dict[str, _Member] = {}
    try:
        with tarfile.open(fileobj=cast(BinaryIO, _Headers(file)), mode="r:") as archive:
            for count, member in enumerate(archive, 1):
                if count > limits.TAR_MEMBERS:
                    raise Unreadable(f"{where}: an archive of more than {limits.TAR_MEMBERS} files")
                if member.isreg() and not member.issparse():
                    _add(found, member, where)
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise Unreadable(f"{where}: neither a directory nor a tar archive", f"{str(error)[:200]}.") from None
    return found


def _add(found: dict[str, _Member], member: tarfile.TarInfo, where: str) -> None:
    name = posixpath.normpath(member.name)
    if name in found:
        raise Unreadable(f"{where}: the archive holds {name[:200]!r} twice", "Programs disagree which of them counts.")
    found[name] = _Member(member.offset_data, member.size)


class _Headers:
    """The archive as tarfile sees it: headers are small, and one that says otherwise would fill the memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        if size > limits.ANSWER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
