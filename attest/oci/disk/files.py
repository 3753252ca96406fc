"""Files of a layout: only regular files inside it are read; what is written appears whole or not at all.

A layout may come from a stranger, and its entries may be links, pipes or directories.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from attest.errors import NotFound, Unreadable
from attest.oci.locks import not_writable


@dataclass(frozen=True, slots=True)
class Folder:
    """A layout as a directory."""

    root: Path
    name: str  # as it is called in errors

    def read(self, name: str, limit: int, where: str) -> bytes:
        """See Files."""
        return read_inside(self.root, name, limit, where)

    def sizes(self, folder: str) -> Mapping[str, int]:
        """See Files."""
        try:
            with os.scandir(_inside(self.root, folder, self.name)) as entries:
                files = (entry for entry in entries if entry.is_file(follow_symlinks=False))
                return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in files}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise Unreadable(f"{self.name}: cannot be read", f"{folder}: {error.strerror}.") from None


def read_inside(root: Path, name: str, limit: int, where: str) -> bytes:
    """The bytes of a regular file below `root`, at most `limit`. Raises NotFound, Unreadable."""
    path = _inside(root, name, where)
    try:
        # A pipe without a writer would block; a link put there since the path was resolved is not followed.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            return _read_regular(descriptor, limit, where)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f"{where}: not there", f"There is no file {name}.") from None
    except OSError as error:
        raise Unreadable(f"{where}: cannot be read", f"{name}: {error.strerror}.") from None


def _read_regular(descriptor: int, limit: int, where: str) -> bytes:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable(f"{where}: not a regular file")
    if status.st_size > limit:
        raise Unreadable(f"{where}: {status.st_size} bytes, more than the {limit} expected or allowed")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read(limit + 1)


def write_inside(root: Path, name: str, content: bytes, where: str) -> None:
    """Write a file below `root` in one step; an existing one keeps its mode. Raises NotWritable, Unreadable."""
    place = root / name
    path = _inside(root, str(place.parent.relative_to(root)), where) / place.name
    temporary = path.with_name(f".{path.name[:16]}.{token_hex(8)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(temporary, content, _mode(path))
        temporary.replace(path)
    except OSError as error:
        raise not_writable(where, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_inside(root: Path, name: str) -> None:
    """Take back a file that was written. Raises nothing: it is called when something else has gone wrong."""
    with suppress(OSError):
        (root / name).unlink()


def _write_whole(path: Path, content: bytes, mode: int | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        if mode is not None:
            os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _mode(path: Path) -> int | None:
    try:
        status = path.lstat()
    except OSError:
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


def _inside(root: Path, name: str, where: str) -> Path:
    path = Path(os.path.realpath(root / name))
    if not path.is_relative_to(os.path.realpath(root)):
        raise Unreadable(f"{where}: {name} leads out of the layout", "Links are followed only inside it.")
    return path
