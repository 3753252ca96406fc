"""attest as a process of its own, with a builder and a key pair, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import running


@dataclass(frozen=True, slots=True)
class Attest:
    """attest as a process of its own, with a builder and a key pair."""

    environment: Mapping[str, str]
    key: Path
    public_key: Path

    def run(self, *arguments: str | Path, cwd: Path | None = None, **variables: str) -> running.Done:
        """Run a command to its end, with these variables too."""
        return running.attest(*arguments, env={**self.environment, **variables}, cwd=cwd)

    def build(self, image: str, *arguments: str | Path, cwd: Path, **variables: str) -> str:
        """Build, sign and push; gives NAME@DIGEST. Raises AssertionError with all its words if that fails."""
        done = self.run("build", "--tag", image, "--key", self.key, *arguments, cwd=cwd, **variables)
        assert done.code == 0, done
        return done.out.splitlines()[0]

    def verify(self, image: str, *options: str | Path, key: Path | None = None, cwd: Path | None = None) -> Report:
        """What it reports as JSON, and its exit code."""
        done = self.run("verify", image, "--key", key or self.public_key, "--format", "json", *options, cwd=cwd)
        return Report(done.code, json.loads(done.out))


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of attest verify."""

    code: int
    document: dict[str, Any]

    def __post_init__(self) -> None:
        assert self.code == self.document["exit"]

    @property
    def checks(self) -> dict[str, str]:
        """Status by check, `source.commit linux/amd64` where the check is of one platform."""
        checks = self.document["checks"]
        return {f"{check['id']} {check.get('platform', '')}".strip(): check["status"] for check in checks}

    def those(self, status: str) -> set[str]:
        """The checks with this status, without their platforms."""
        return {name.partition(" ")[0] for name, found in self.checks.items() if found == status}

    def reasons(self) -> set[str]:
        """Why checks did not pass."""
        return {check["reason"] for check in self.document["checks"] if check["status"] != "passed"}
