"""What the commands are run on: a folder with keys and layouts, and a registry that answers in every wrong way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.answers import Answers, serve
from tests.cli.layouts import make_ground
from tests.cli.running import minimal


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys, and layouts in all conditions (layouts.make_ground); nobody changes anything here."""
    folder = tmp_path_factory.mktemp("ground")
    make_ground(folder, minimal(folder))
    return folder


@pytest.fixture(scope="session")
def answers(ground: Path) -> Iterator[Answers]:
    """A registry; what it answers depends on the repository that is asked for."""
    with serve(ground / "signed") as running:
        yield running
