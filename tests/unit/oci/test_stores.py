from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attest.errors import UsageError
from attest.oci.disk.layout import Layout
from attest.oci.http.registry import Registry
from attest.oci.interface import Store
from attest.oci.stores import open_store
from attest.reference import parse_reference

LAYOUT = Path(__file__).parents[2] / "assets" / "buildkit" / "out-oci-dir" / "layout"


def test_a_reference_opens_its_kind_of_store_and_asks_nothing_yet() -> None:
    layout: Store = open_store(parse_reference("oci-layout:missing"), environ={})
    registry: Store = open_store(parse_reference("registry.example.com/app:1"), environ={})
    assert isinstance(layout, Layout)
    assert isinstance(registry, Registry)
    assert str(layout.reference) == "oci-layout:missing"
    assert str(registry.reference) == "registry.example.com/app:1"


def test_a_ca_file_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    reference = parse_reference("registry.example.com/app:1")
    with pytest.raises(UsageError, match="not a file of CA certificates"):
        open_store(reference, ca_file=tmp_path / "missing", environ={})
    (tmp_path / "rubbish").write_text("rubbish")
    with pytest.raises(UsageError, match="not a file of CA certificates"):
        open_store(reference, ca_file=tmp_path / "rubbish", environ={})


def test_reading_a_layout_does_not_load_the_http_client() -> None:
    script = """
import sys
from attest.oci.stores import open_store
from attest.oci.image import load_image
from attest.reference import parse_reference
load_image(open_store(parse_reference(sys.argv[1]), environ={}))
heavy = {"urllib3", "ssl", "subprocess", "http.client", "concurrent.futures.thread"} & set(sys.modules)
print(sorted(heavy - {"concurrent.futures.thread"}))
"""
    command = [sys.executable, "-c", script, f"oci-layout:{LAYOUT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
