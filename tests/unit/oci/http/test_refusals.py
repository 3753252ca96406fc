from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer

from attest.errors import NotFound, StoreError, Throttled, Unauthorised, Unreachable, Unreadable
from attest.oci import limits
from attest.oci.descriptor import OCI_MANIFEST, Descriptor
from attest.oci.http.answer import printable
from attest.oci.http.registry import Registry
from tests.unit.oci.http.registries import DIGEST, TAGGED, MemoryRegistry, error, open_at, raw_server, read_bundle


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Unreadable),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, NotFound),
        (405, Unreadable),
        (418, Unreadable),
        (429, Throttled),
        (500, Unreachable),
        (502, Unreachable),
        (503, Unreachable),
        (504, Unreachable),
        (507, Unreachable),
    ],
)
def test_each_refusal_is_the_error_that_it_is(
    memory: MemoryRegistry, store: Registry, status: int, kind: type[StoreError]
) -> None:
    memory.before = lambda _: error(status, "DENIED", "no way")
    for ask in (store.resolve, lambda: store.manifest(Descriptor(OCI_MANIFEST, DIGEST, 5)), lambda: read_bundle(store)):
        with pytest.raises(StoreError) as caught:
            ask()
        assert type(caught.value) is kind
        assert f"HTTP {status}, 'DENIED: no way'" in caught.value.detail
    assert len(memory.seen) == 3 * (limits.RETRIES + 1 if status in (429, 502, 503, 504) else 1)


def test_a_server_that_is_no_http_server_is_unreachable() -> None:
    with raw_server(b"220 mail.example.com ESMTP\r\n") as (host, _), pytest.raises(Unreachable):
        open_at(host).resolve()


def test_the_registrys_words_are_cut_and_cannot_move_the_cursor(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = lambda _: error(404, "X", "\x1b[2Jcleared\r\n\u202e" + "long " * 100)
    with pytest.raises(NotFound) as caught:
        store.resolve()
    said = str(caught.value)
    assert "[2Jcleared" in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\r" not in said
    assert len(said) < 500


def test_what_is_printed_holds_no_control_characters() -> None:
    assert printable("a\x1b[2J\u202eb\r\n\x00\u200bc d") == "a[2Jbc d"
    assert len(printable("long " * 1000)) == 200


def test_a_refusal_that_is_no_json_is_still_a_refusal(server: HTTPServer, store: Registry) -> None:
    server.expect_request(TAGGED).respond_with_data("<html>", status=404)
    with pytest.raises(NotFound, match="HTTP 404"):
        store.resolve()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 999999999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://[::1/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: //\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:99999/\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.1 302 Found\r\n\r\n",
        b"\x00" * 1000,
        b"",
    ],
)
def test_rubbish_on_the_wire_is_one_of_our_errors(answer: bytes) -> None:
    with raw_server(answer) as (host, _), pytest.raises((Unreachable, Unreadable)):
        open_at(host).resolve()
