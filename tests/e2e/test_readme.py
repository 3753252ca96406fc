"""The session in README.md, run again."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

from attest.cli import demo
from tests.e2e import stand

README = stand.ROOT / "README.md"
SESSION = re.compile(r"<!-- session -->\n```console\n(.*?)```", re.DOTALL)


def blurred(text: str) -> str:
    """Digests differ from run to run, since a build has a time; everything else must not."""
    return re.sub(r"[0-9a-f]{12}…|sha256:[0-9a-f]{64}", "DIGEST", text)


def test_the_session_in_the_readme_is_what_happens(buildx_builder: stand.Builder, tmp_path: Path) -> None:
    (session,) = SESSION.findall(README.read_text())
    environment = buildx_builder.environment
    assert demo.make_repository(tmp_path / "hello") == ""
    for made in (
        "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out attest.key",
        "openssl pkey -in attest.key -pubout -out attest.pub",
    ):
        assert made in README.read_text()
        subprocess.run(shlex.split(made), cwd=tmp_path, check=True, capture_output=True)

    seen = ""
    for line in session.splitlines():
        if line.startswith("$ attest "):
            command = [sys.executable, "-m", *shlex.split(line)[1:]]
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            seen += f"{line}\n{done.stdout}"

    assert blurred(seen) == blurred(session)
