from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from attest.evidence.tag_object import peel


def git(folder: Path, *arguments: str) -> bytes:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.test", "-c", "tag.gpgSign=false"]
    return subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True).stdout


@pytest.fixture(params=["sha1", "sha256"])
def tagged(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    git(tmp_path, "init", "-q", f"--object-format={request.param}")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    git(tmp_path, "tag", "-a", "v1", "-m", "first")
    git(tmp_path, "tag", "-a", "nested", "-m", "a tag of a tag", "v1")
    return tmp_path


def test_a_real_tag_object_peels_to_its_commit(tagged: Path) -> None:
    raw = git(tagged, "cat-file", "tag", "v1")
    commit = git(tagged, "rev-parse", "HEAD").decode().strip()
    assert peel(raw, git(tagged, "rev-parse", "v1").decode().strip()) == (commit, "v1")


def test_another_object_is_not_peeled(tagged: Path) -> None:
    raw = git(tagged, "cat-file", "tag", "v1")
    assert peel(raw, git(tagged, "rev-parse", "HEAD").decode().strip()) is None
    assert peel(raw + b" ", git(tagged, "rev-parse", "v1").decode().strip()) is None
    assert peel(raw, "v1") is None


def test_a_tag_of_a_tag_is_not_taken_for_a_commit(tagged: Path) -> None:
    raw = git(tagged, "cat-file", "tag", "nested")
    assert peel(raw, git(tagged, "rev-parse", "nested").decode().strip()) is None
