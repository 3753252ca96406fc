from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from pytest_httpserver import HTTPServer

from attest.errors import Unreachable
from attest.oci import limits
from attest.oci.http.answer import Request
from attest.oci.http.transport import Transport
from tests.unit.oci.http.registries import MemoryRegistry, host_of, open_at, raw_server


def test_a_silent_registry_is_unreachable_after_the_time_limit(
    monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(limits, "READ_SECONDS", 0.05)
    with (
        raw_server(b"", then=lambda: time.sleep(0.3)) as (host, _),
        pytest.raises(Unreachable, match="no answer for"),
    ):
        open_at(host, wait=waits.append).resolve()
    assert waits == []


def test_a_registry_that_drips_is_unreachable_after_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSFER_SECONDS", 0.1)
    drops = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b" "] * 1000]
    with (
        raw_server(*drops, then=lambda: time.sleep(0.01)) as (host, _),
        pytest.raises(Unreachable, match="took more than"),
    ):
        open_at(host).resolve()


def test_headers_that_drip_end_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte begins a socket's own limit anew."""
    monkeypatch.setattr(limits, "READ_SECONDS", 0.1)
    drops = [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 50]
    with (
        raw_server(*drops, then=lambda: time.sleep(0.01)) as (host, calls),
        pytest.raises(Unreachable, match="no answer"),
    ):
        open_at(host).resolve()
    assert len(calls) == 1


def test_a_chunk_size_that_drips_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TRANSFER_SECONDS", 0.1)
    drops = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"0"] * 200]
    with (
        raw_server(*drops, then=lambda: time.sleep(0.01)) as (host, _),
        pytest.raises(Unreachable, match="took more than"),
    ):
        open_at(host).resolve()


def test_all_questions_together_have_a_time_limit(
    memory: MemoryRegistry, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "COMMAND_SECONDS", 0.05)
    slow = open_at(host_of(server))
    time.sleep(0.06)
    with pytest.raises(Unreachable, match="for all that was asked"):
        slow.resolve()
    assert memory.seen == []


@pytest.mark.parametrize(
    "pieces",
    [
        [b""] * 90,
        [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 90],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *[b" "] * 90],
    ],
    ids=["silence", "headers", "body"],
)
def test_the_time_for_all_questions_ends_the_one_that_is_being_asked(
    monkeypatch: pytest.MonkeyPatch, pieces: list[bytes]
) -> None:
    monkeypatch.setattr(limits, "COMMAND_SECONDS", 0.15)
    sent, is_over = [0], threading.Event()

    def slowly() -> None:
        sent[0] += 1
        is_over.wait(0.03)

    with raw_server(*pieces, then=slowly) as (host, calls):
        with pytest.raises(Unreachable, match="for all that was asked"):
            open_at(host).resolve()
        assert sent[0] < len(pieces)
        is_over.set()
    assert len(calls) == 1


@contextmanager
def _slow_taker(seconds: float) -> Iterator[tuple[str, list[int]]]:
    """A server that waits so long after each 64 KiB that it takes, and answers 201 when it has got all.

    Yields its host and a list of the sizes that it took.
    """
    is_over = threading.Event()
    sizes: list[int] = []

    def take(connection: socket.socket) -> None:
        head, _, body = connection.recv(4096).partition(b"\r\n\r\n")
        missing = int(head.lower().partition(b"content-length: ")[2].split()[0]) - len(body)
        while missing > sum(sizes):
            sizes.append(len(connection.recv(65536)))
            if not sizes[-1] or is_over.wait(seconds):
                return
        connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):  # the client may have had enough
            take(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", sizes
        is_over.set()
    thread.join(5)


def _put(host: str, size: int) -> int:
    request = Request("PUT", f"http://{host}/", body=bytes(size))
    return Transport(frozenset(), None, {}, lambda _: None).send(request).status


def test_sending_may_take_longer_than_a_connection_as_long_as_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECT_SECONDS", 0.5)
    with _slow_taker(0.003) as (host, _):
        assert _put(host, 32 * limits.MiB) == 201


def test_a_registry_that_stops_taking_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CONNECT_SECONDS", 0.1)
    with _slow_taker(1) as (host, _), pytest.raises(Unreachable, match="the connection broke"):
        _put(host, 32 * limits.MiB)


def test_the_time_for_all_questions_ends_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COMMAND_SECONDS", 0.15)
    with _slow_taker(0.01) as (host, sizes):
        with pytest.raises(Unreachable, match="for all that was asked"):
            _put(host, 64 * limits.MiB)
        assert sum(sizes) < 32 * limits.MiB  # the rest did not even leave us
