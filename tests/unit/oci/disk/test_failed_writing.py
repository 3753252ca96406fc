"""Disks that refuse or are full: a layout reads as before."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attest.errors import NotWritable
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.disk.layouts import ONE, ONE_DIGEST, contents, opened, push_blob
from tests.unit.oci.samples import entry, referrer, write_layout


def _refuse_replacing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def refusing(path: Path, target: Path) -> Path:
        if target.name == name:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refusing)


@pytest.mark.parametrize("name", ["index.json", Digest.of(referrer(ONE)).hex])
def test_a_layout_that_refuses_a_file_reads_as_before(layout: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(layout)
    _refuse_replacing(name, monkeypatch)
    with pytest.raises(NotWritable, match="cannot be written") as caught:
        opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert "Read-only file system" in caught.value.detail
    assert contents(layout) == before
    assert opened(layout, ":1").resolve().digest == ONE_DIGEST


def test_a_file_that_stops_growing_leaves_nothing_behind(layout: Path) -> None:
    before = contents(layout)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(NotWritable, match="cannot be written"):
            opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(layout) == before


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A way to mount a tiny disk, which only root may."""
    mounts: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounts)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a disk here: {done.stderr.decode().strip()}")
        mounts.append(place)
        return place

    yield mount
    for place in mounts:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_not_writable_and_the_layout_reads_as_before(mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=64k")
    root = write_layout(disk / "layout", [ONE], [entry(ONE, "1")])
    before = contents(root)
    with pytest.raises(NotWritable, match="cannot be written") as caught:
        push_blob(opened(root), b"x" * 100_000)
    assert "No space left" in caught.value.detail
    assert contents(root) == before
    assert opened(root).resolve().digest == ONE_DIGEST


def test_a_read_only_disk_is_not_writable_and_can_be_read(mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=256k")
    root = write_layout(disk / "layout", [ONE], [entry(ONE, "1")])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    before = contents(root)
    with pytest.raises(NotWritable, match="cannot be written") as caught:
        opened(root).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert "Read-only file system" in caught.value.detail
    assert contents(root) == before
    assert opened(root).resolve().digest == ONE_DIGEST
