"""A raw statement must not reach a check: the type checker stops it, and so does the constructor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attest.evidence.statement import parse_statement
from attest.reference import Digest
from attest.trust.authentication import ImageSignature, VerifiedStatement
from tests import images

CORROBORATE = """
from attest.evidence.statement import Statement
from attest.oci.image import PlatformImage
from attest.policy.corroboration import corroborate
from attest.policy.expectations import Expectations
from attest.trust.authentication import VerifiedStatement

def check(platform: PlatformImage, statement: {type}) -> None:
    corroborate(platform, [statement], Expectations())
"""


def _mypy(tmp_path: Path, source: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "attempt.py"
    file.write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={tmp_path}", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_type_checker_stops_a_raw_statement(tmp_path: Path) -> None:
    assert _mypy(tmp_path, CORROBORATE.format(type="VerifiedStatement")).returncode == 0
    refused = _mypy(tmp_path, CORROBORATE.format(type="Statement"))
    assert refused.returncode == 1
    assert "[list-item]" in refused.stdout


def test_nobody_else_makes_a_verified_statement() -> None:
    statement = parse_statement(images.embedded(images.local_build(), Digest.of(b"")), "test")
    signer = images.new_key().public
    with pytest.raises(TypeError, match="only attest"):
        VerifiedStatement(statement, signer, (), (), seal=object())
    with pytest.raises(TypeError, match="only attest"):
        ImageSignature(Digest.of(b""), signer, Digest.of(b""))
