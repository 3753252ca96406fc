from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer


@pytest.fixture(autouse=True)
def _locks_of_this_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def _serve() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        yield server


def _emptied(server: HTTPServer) -> Iterator[HTTPServer]:
    server.clear()
    yield server
    server.check_handler_errors()


@pytest.fixture(scope="session")
def running_server() -> Iterator[HTTPServer]:
    yield from _serve()


@pytest.fixture(scope="session")
def other_running_server() -> Iterator[HTTPServer]:
    yield from _serve()


@pytest.fixture
def server(running_server: HTTPServer) -> Iterator[HTTPServer]:
    """A server that has no answers yet."""
    yield from _emptied(running_server)


@pytest.fixture
def elsewhere(other_running_server: HTTPServer) -> Iterator[HTTPServer]:
    """Another server: another port is another origin."""
    yield from _emptied(other_running_server)
