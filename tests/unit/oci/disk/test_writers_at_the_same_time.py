"""Several processes write to one layout."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from attest.errors import NotWritable
from attest.oci import limits
from attest.oci.interface import Artifact
from tests.unit.oci.disk.layouts import ONE, ONE_DIGEST, opened
from tests.unit.oci.samples import referrer


def _attach_some(root: Path, numbers: range, start: Barrier) -> None:
    start.wait(60)
    for number in numbers:
        opened(root).attach([Artifact(referrer(ONE, number), ONE_DIGEST)])


def test_twenty_writers_at_the_same_time_lose_nothing_and_leave_no_other_file(layout: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(20)
    shares = [range(first, first + 2) for first in range(0, 40, 2)]
    writers = [context.Process(target=_attach_some, args=(layout, share, start)) for share in shares]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 20
    assert len(opened(layout).referrers(ONE_DIGEST)) == 40
    assert {path.name for path in layout.iterdir()} == {"oci-layout", "index.json", "blobs"}


def test_a_file_system_without_locks_is_written_to_without(layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert len(opened(layout).referrers(ONE_DIGEST)) == 1


def test_a_writer_that_does_not_end_is_not_waited_for_without_end(
    layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOCK_SECONDS", 0.05)
    holder = "import fcntl,os,sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, layout], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(NotWritable, match="another process"):
            opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
        other.communicate("\n")
    opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
