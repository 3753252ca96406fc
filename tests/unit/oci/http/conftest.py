from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from attest.oci.http.registry import Registry
from attest.reference import Digest
from tests.unit.oci.http.registries import ONE, MemoryRegistry, host_of, open_at
from tests.unit.oci.samples import BUNDLE


@pytest.fixture
def memory(server: HTTPServer) -> MemoryRegistry:
    """A working registry with one image, tagged 1, and one blob."""
    registry = MemoryRegistry().serve(server)
    registry.add(ONE, "1")
    registry.blobs[str(Digest.of(BUNDLE))] = BUNDLE
    return registry


@pytest.fixture
def store(server: HTTPServer) -> Registry:
    return open_at(host_of(server))


@pytest.fixture
def waits() -> list[float]:
    return []
