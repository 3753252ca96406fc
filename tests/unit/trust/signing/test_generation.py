from __future__ import annotations

import stat
from pathlib import Path

import pytest

from attest.errors import InvalidKey, NotWritable
from attest.trust.keys import load_public_key, load_signing_key
from attest.trust.signing.generation import ALGORITHMS, pair_of_files, write_key_pair

KINDS = {"ecdsa-p256": 256, "ecdsa-p384": 384, "ed25519": None, "rsa-3072": 3072}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_pair_signs_and_verifies(algorithm: str, tmp_path: Path) -> None:
    private, public = pair_of_files(str(tmp_path / "new"))
    write_key_pair(private, public, algorithm, b"secret")

    signature = load_signing_key(str(private), {"ATTEST_PASSWORD": "secret"}).sign(b"message")
    key = load_public_key(str(public), {})
    assert key.verifies(signature, b"message")
    assert getattr(key.key, "key_size", None) == KINDS[algorithm]
    assert {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (private, public)}["new.key"] == 0
    with pytest.raises(InvalidKey, match="does not open"):
        load_signing_key(str(private), {"ATTEST_PASSWORD": "another"})


@pytest.mark.parametrize("ending", [".key", ".pub"])
def test_a_file_that_is_there_stays_as_it_is(ending: str, tmp_path: Path) -> None:
    there = tmp_path / f"old{ending}"
    there.write_text("precious")
    with pytest.raises(InvalidKey, match="exists already"):
        pair_of_files(str(tmp_path / "old"))
    with pytest.raises(InvalidKey, match="exists already"):  # it came in the meantime
        write_key_pair(tmp_path / "old.key", tmp_path / "old.pub", "ed25519", b"")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {there.name: "precious"}


def test_a_link_to_nowhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "old.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidKey, match="exists already"):
        pair_of_files(str(tmp_path / "old"))
    with pytest.raises(InvalidKey, match="exists already"):
        write_key_pair(tmp_path / "old.key", tmp_path / "old.pub", "ed25519", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["old.key"]


def test_there_are_both_files_or_none(tmp_path: Path) -> None:
    with pytest.raises(NotWritable, match="cannot write"):
        write_key_pair(tmp_path / "new.key", tmp_path / "absent" / "new.pub", "ed25519", b"")
    assert not list(tmp_path.iterdir())


def test_an_unknown_algorithm_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidKey, match="no such algorithm"):
        write_key_pair(tmp_path / "new.key", tmp_path / "new.pub", "dsa", b"")
