"""Running the client as the suite does: as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = Path(__file__).with_name("attest_client.py")


def run(*arguments: str | Path) -> tuple[int, str]:
    """Its exit code, and what it says on standard error."""
    command = [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)]
    environment = {"PYTHONPATH": str(ROOT), "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=PROGRAM.parent, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def verify(
    bundle: Path, artifact: str | Path, *who: str | Path, root: Path | None = None, digest: bool = False
) -> bool:
    """Whether it says that the bundle is good. It says something in one line either way, and never breaks."""
    options = [*who, *(("--trusted-root", root) if root else ()), *(("--verify-digest",) if digest else ())]
    code, said = run("verify-bundle", "--bundle", bundle, *options, artifact)
    assert code in (0, 1, 2), said
    assert said.endswith("\n")
    assert said.count("\n") == 1, said
    return code == 0


def identity(name: str, issuer: str) -> tuple[str, ...]:
    return ("--certificate-identity", name, "--certificate-oidc-issuer", issuer)
