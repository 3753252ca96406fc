"""One writer at a time, on this machine: of a directory, or of a name that lies elsewhere."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attest.errors import NotWritable
from attest.oci import limits

_POLL_SECONDS: Final = 0.02


@contextmanager
def locked_directory(path: Path, where: str) -> Iterator[None]:
    """Be the only writer of a directory; the lock leaves no file behind. Raises NotWritable."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise not_writable(where, error) from None
    try:
        _lock(descriptor, where)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def locked_name(name: str) -> Iterator[None]:
    """Be the only process of this user on this machine that holds `name`. Raises NotWritable.

    Where there is no temporary directory to put a lock into, there is no lock: a read-only container is alone in it.
    """
    descriptor = _lock_file(hashlib.sha256(name.encode()).hexdigest()[:32])
    if descriptor is None:
        yield
        return
    try:
        _lock(descriptor, name)
        yield
    finally:
        os.close(descriptor)


def _lock_file(key: str) -> int | None:
    try:
        path = Path(tempfile.gettempdir(), f"attest-{os.geteuid()}-{key}.lock")
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _lock(descriptor: int, where: str) -> None:
    import fcntl  # not on Windows, where reading still works

    deadline = time.monotonic() + limits.LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise NotWritable(
                    f"{where}: another process has been writing for {limits.LOCK_SECONDS:.0f} s"
                ) from None
            time.sleep(_POLL_SECONDS)
        except OSError:  # a file system without locks (some network mounts): nothing to hold
            return


def not_writable(where: str, error: OSError) -> NotWritable:
    """What to say of a file that cannot be written."""
    remedy = "It is as it was. Make it writable, make room, or write to a copy."
    return NotWritable(f"{where}: cannot be written", f"{error.strerror or 'unknown error'}.", remedy)
