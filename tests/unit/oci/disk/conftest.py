from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.oci.disk.layouts import ONE, TWO
from tests.unit.oci.samples import entry, write_layout


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Two images, named 1 and 2."""
    return write_layout(tmp_path / "layout", [ONE, TWO], [entry(ONE, "1"), entry(TWO, "2")])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an archive is to lie."""
    return tmp_path / "image.tar"
