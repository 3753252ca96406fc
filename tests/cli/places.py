"""Places where a layout cannot be written: `here/layout` below the ground, and what is in it can be read."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attest.cli.demo import RECORDING
from tests.cli.layouts import Layout
from tests.e2e import stand

_BLOCK: Final = 4096


@contextmanager
def read_only(ground: Path) -> Iterator[None]:
    """A layout that nobody may write to. Root may write everywhere but on a mount that says no."""
    here = ground / "here"
    Layout.copy(RECORDING, here / "layout")
    everything = [here, *here.rglob("*")]
    try:
        if os.geteuid() == 0:
            with _mounted(here, "--bind", here, options="bind,ro"):
                yield
            return
        for path in everything:
            path.chmod(path.stat().st_mode & ~0o222)
        yield
        for path in everything:
            path.chmod(path.stat().st_mode | 0o200)
    finally:
        shutil.rmtree(here)


@contextmanager
def full(ground: Path) -> Iterator[None]:
    """A layout on a file system without any room."""
    with small_disk(ground) as disk:
        leave(disk, 0)
        yield


@contextmanager
def small_disk(ground: Path) -> Iterator[Path]:
    """A layout on a file system of one MiB."""
    here = ground / "here"
    here.mkdir()
    try:
        with _mounted(here, "-t", "tmpfs", "none", options="size=1m"):
            Layout.copy(RECORDING, here / "layout")
            yield here
    finally:
        here.rmdir()


def leave(disk: Path, room: int) -> None:
    """Fill the disk until there is room for so many bytes."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    status = os.statvfs(disk)
    filler.write_bytes(bytes(status.f_bavail * status.f_frsize - room))


def rooms() -> Iterator[int]:
    """From nothing upwards: on the way, every write of a signature is the first that fails."""
    yield from range(0, 1 << 20, _BLOCK)


@contextmanager
def _mounted(place: Path, *what: str | Path, options: str) -> Iterator[None]:
    if os.geteuid() != 0:
        stand.missing("mounting needs root", "run the tests as root")
    mount, umount = (stand.program(name, "mount") for name in ("mount", "umount"))
    mounted = subprocess.run([mount, *what, "-o", options, place], capture_output=True, text=True)
    if mounted.returncode != 0:
        stand.missing(f"root may not mount here ({mounted.stderr.strip()})", "run the tests in a privileged container")
    try:
        if "ro" in options.split(","):  # older mount programs bind first and then change the flags
            subprocess.run([mount, "-o", f"remount,{options}", place], check=True)
        yield
    finally:
        subprocess.run([umount, place], check=True)
