"""Every test starts on the same ground: no CI job around it, nobody's home directory, no limits on slow machines."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

# What attest and the programs that it calls read from their surroundings.
_SURROUNDINGS = (
    *("CI", "GITLAB_", "GITHUB_", "RUNNER_", "ATTEST_", "DOCKER_", "BUILDX_", "BUILDKIT_", "COSIGN_", "SIGSTORE_"),
    *("GIT_", "XDG_", "SOURCE_DATE_EPOCH", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLUMNS", "VAULT_"),
)

hypothesis.settings.register_profile("attest", deadline=None)
hypothesis.settings.load_profile("attest")


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _same_ground(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    for name in [name for name in os.environ if name.startswith(_SURROUNDINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(empty_home))
