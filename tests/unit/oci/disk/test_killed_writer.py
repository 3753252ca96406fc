"""A writer that is killed between any two system calls leaves a layout that reads as before, or as after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from attest.oci.disk.layout import Layout
from attest.reference import Digest, LayoutReference, parse_reference
from tests.unit.oci.samples import entry, image, referrer, write_layout

ONE = image(1)
SUBJECT = Digest.of(ONE)
ROOT: Final = Path(__file__).parents[4]

# Counts what the interpreter tells of opening, renaming, removing and making, and dies before the one with this number.
WRITER: Final = """
import os, signal, sys
from attest.oci.disk.layout import Layout
from attest.oci.interface import Artifact
from attest.reference import Digest, parse_reference
from tests.unit.oci.samples import BUNDLE, image, referrer

store = Layout(parse_reference("oci-layout:" + sys.argv[1]))
left = int(sys.argv[2])

def count(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.unlink", "fcntl.flock"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

artifact = Artifact(referrer(image(1)), Digest.of(image(1)), (BUNDLE + b" ",))
sys.addaudithook(count)
store.attach([artifact])
left = 1000
"""


def opened(root: Path) -> Layout:
    reference = parse_reference(f"oci-layout:{root}")
    assert isinstance(reference, LayoutReference)
    return Layout(reference)


def killed_after(calls: int, root: Path) -> bool:
    """Whether it was killed before it had done its work."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", WRITER, root, str(calls)], env=env, timeout=60, capture_output=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def test_a_killed_writer_leaves_a_layout_that_reads_as_before_and_can_be_written_to(tmp_path: Path) -> None:
    seen: list[int] = []
    for calls in range(1000):
        root = write_layout(tmp_path / str(calls), [ONE], [entry(ONE, "1")])
        was_killed = killed_after(calls, root)

        found = opened(root).referrers(SUBJECT)
        assert opened(root).resolve().digest == SUBJECT
        for one in found:
            assert Digest.of(opened(root).manifest(one)) == Digest.of(referrer(ONE))
        seen.append(len(found))
        if not was_killed:
            break
        assert not killed_after(999, root)
        assert len(opened(root).referrers(SUBJECT)) == 1

    assert len(seen) > 8
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)
