"""A writer that is killed at any moment leaves a layout that reads as before, or as after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from attest.reference import Digest
from tests.unit.oci.disk.layouts import ONE, ONE_DIGEST, opened
from tests.unit.oci.samples import entry, referrer, write_layout

ROOT: Final = Path(__file__).parents[4]

# Dies before the call with this number that the interpreter tells of, or as soon as a file has this many bytes.
WRITER: Final = """
import os, resource, signal, sys
from attest.oci.disk.layout import Layout
from attest.oci.interface import Artifact
from attest.reference import Digest, parse_reference
from tests.unit.oci.samples import BUNDLE, image, referrer

store = Layout(parse_reference("oci-layout:" + sys.argv[1]))
left, size = int(sys.argv[2]), int(sys.argv[3])

def count(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove", "os.mkdir", "os.chmod", "fcntl.flock"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

artifact = Artifact(referrer(image(1)), Digest.of(image(1)), (BUNDLE + b" ",))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
sys.addaudithook(count)
store.attach([artifact])
left = 1000
"""
NEVER: Final = 1_000_000


def was_killed(root: Path, after_calls: int = NEVER, at_bytes: int = NEVER) -> bool:
    """Attach a referrer to the image in this layout; whether the writer was killed before it had done its work."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", WRITER, str(root), str(after_calls), str(at_bytes)]
    done = subprocess.run(command, env=env, timeout=60, capture_output=True)
    assert done.returncode in (0, -signal.SIGKILL, -signal.SIGXFSZ), done.stderr
    return done.returncode != 0


def referrers_of_a_sound_layout(root: Path) -> int:
    """How many there are; every blob that has a name of one is whole."""
    assert opened(root).resolve().digest == ONE_DIGEST
    for blob in (root / "blobs" / "sha256").iterdir():
        assert blob.name.startswith(".") or Digest.of(blob.read_bytes()).hex == blob.name
    found = opened(root).referrers(ONE_DIGEST)
    assert [referring.digest for referring in found] in ([], [Digest.of(referrer(ONE))])
    return len(found)


def test_a_writer_killed_before_any_of_its_calls_leaves_a_sound_layout(tmp_path: Path) -> None:
    seen: list[int] = []
    for calls in range(1000):
        root = write_layout(tmp_path / str(calls), [ONE], [entry(ONE, "1")])
        killed = was_killed(root, after_calls=calls)
        seen.append(referrers_of_a_sound_layout(root))
        if not killed:
            break
        assert not was_killed(root)
        assert referrers_of_a_sound_layout(root) == 1

    assert len(seen) > 8
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)


@pytest.mark.parametrize("size", [0, 5, 100, len(referrer(ONE)) - 1, len(referrer(ONE))])
def test_a_writer_killed_within_a_file_leaves_a_sound_layout(tmp_path: Path, size: int) -> None:
    root = write_layout(tmp_path / "layout", [ONE], [entry(ONE, "1")], annotations={"x": "x" * 1000})
    assert was_killed(root, at_bytes=size)
    assert list(root.rglob(".*.tmp"))
    assert referrers_of_a_sound_layout(root) == 0

    assert not was_killed(root)
    assert referrers_of_a_sound_layout(root) == 1
