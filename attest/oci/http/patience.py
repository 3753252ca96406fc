"""Time limits that hold for a whole answer: a socket's own limit begins anew with every byte that drips in.

When time is up the socket is shut down under whoever reads it; that is the one way to wake him.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from attest.oci import limits


@contextmanager
def time_limit(seconds: float, stop: Callable[[], object]) -> Iterator[threading.Event]:
    """Call `stop` when so much time has passed before the block ends; the event says that it was called."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        stop()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()


def _within_limit(connection: HTTPConnection, answer: Callable[[], HTTPResponse]) -> HTTPResponse:
    """The status line and headers, within the time that each byte may take. Raises TimeoutError, as a socket does."""
    reading = connection.sock
    seconds = connection.timeout if isinstance(connection.timeout, float) else limits.READ_SECONDS
    with time_limit(seconds, lambda: _shut(reading)) as is_over:
        try:
            return answer()
        finally:
            if is_over.is_set():
                raise TimeoutError


def _shut(reading: socket.socket | None) -> None:
    try:
        if reading is not None:
            reading.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it was closed in the meantime


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # so says urllib3 of its own
        return _within_limit(self, super().getresponse)


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # so says urllib3 of its own
        return _within_limit(self, super().getresponse)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}
