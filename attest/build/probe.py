"""Does a BuildKit answer, without starting one? For callers that can do something else where none does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Final

from attest.build.buildx import Buildx
from attest.build.interface import Builder
from attest.build.run import DAEMONLESS

_SECONDS: Final = 20.0  # buildx itself waits this long for a builder that does not answer
_DRIVER: Final = re.compile(r"^Driver:\s+(\S+)", re.MULTILINE)
_RUNNING: Final = re.compile(r"^Status:\s+running", re.MULTILINE)


def why_not_reachable(builder: Builder, environ: Mapping[str, str]) -> str:
    """Why no BuildKit that keeps attestations answers this builder; empty where one does."""
    if isinstance(builder, Buildx):
        return _buildx(_ask([*builder.program, "inspect"], environ))
    if builder.name == DAEMONLESS:
        return ""  # it brings its own
    return "" if _ask([builder.name, "debug", "workers"], environ) else "no BuildKit daemon answers buildctl"


def _buildx(answer: str) -> str:
    driver = _DRIVER.search(answer)
    if driver is None:
        return "buildx has no builder that answers"
    if driver[1] == "docker":
        return "Docker's own driver keeps no attestations (docker buildx create --driver docker-container --use)"
    return "" if _RUNNING.search(answer) else "buildx's builder is not running"


def _ask(command: Sequence[str], environ: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
