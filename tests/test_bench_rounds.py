"""The benchmark that counts rounds counts them right."""

from __future__ import annotations

import http.client
from contextlib import closing

import pytest
from pytest_httpserver import HTTPServer

from bench.rounds import Request, proxy, rounds


def asked(*spans: tuple[float, float]) -> list[Request]:
    return [Request("/v2/app/manifests/1", start, end) for start, end in spans]


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        (asked(), 0),
        (asked((0, 1), (2, 3), (4, 5)), 3),
        (asked((4, 5), (0, 1), (2, 3)), 3),
        (asked((0, 2), (0, 2), (1, 3)), 1),
        (asked((0, 1), (1, 2)), 2),
        (asked((0, 10), (0, 1), (2, 3), (4, 5)), 3),
        (asked((0, 3), (2, 5), (4, 7), (6, 9)), 2),
    ],
    ids=[
        "none",
        "one after the other",
        "in any order",
        "at once",
        "at the answer",
        "beside a slow one",
        "each overlaps",
    ],
)
def test_a_round_is_a_request_that_waited_for_an_answer(requests: list[Request], expected: int) -> None:
    assert rounds(requests) == expected


def test_learning_how_to_log_in_is_no_round() -> None:
    assert rounds([Request("/v2/", 0, 1), *asked((2, 3))]) == 1


def test_the_proxy_passes_on_and_counts(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v2/app/blobs/1", headers={"Accept": "text/plain"}).respond_with_data("found")
    httpserver.expect_request("/v2/app/blobs/2").respond_with_data("gone", status=404)
    with proxy(f"{httpserver.host}:{httpserver.port}") as counted:
        for _ in range(3):
            with closing(http.client.HTTPConnection(counted.address, timeout=30)) as connection:
                assert ask(connection, "GET", "/v2/app/blobs/1") == (200, "5", b"found")
                assert ask(connection, "HEAD", "/v2/app/blobs/1") == (200, "5", b"")
                assert ask(connection, "GET", "/v2/app/blobs/2") == (404, "4", b"gone")

    blob, other = "/v2/app/blobs/1", "/v2/app/blobs/2"
    assert [request.path for request in counted.requests] == [blob, blob, other] * 3
    assert (counted.connections, rounds(counted.requests)) == (3, 9)


def ask(connection: http.client.HTTPConnection, method: str, path: str) -> tuple[int, str | None, bytes]:
    connection.request(method, path, headers={"Accept": "text/plain"})
    answer = connection.getresponse()
    return answer.status, answer.getheader("Content-Length"), answer.read()
