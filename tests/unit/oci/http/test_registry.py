from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pytest_httpserver import HTTPServer
from urllib3 import Timeout
from werkzeug import Request, Response

from attest.errors import (
    ContentMismatch,
    NotFound,
    NotWritable,
    StoreError,
    Throttled,
    Unauthorised,
    Unreachable,
    Unreadable,
)
from attest.oci import limits
from attest.oci.descriptor import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    SIGSTORE_BUNDLE,
    Descriptor,
)
from attest.oci.http import transport
from attest.oci.http.answer import printable
from attest.oci.http.registry import Registry
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.http.registries import NAME, MemoryRegistry, error, host_of, listing, open_at, raw_server
from tests.unit.oci.samples import BUNDLE, image, index, referrer

ONE = image(1)
DIGEST = Digest.of(ONE)
TAGGED = f"/v2/{NAME}/manifests/1"
BUNDLE_AT = f"/v2/{NAME}/blobs/{Digest.of(BUNDLE)}"


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


def _bundle(store: Registry) -> bytes:
    return store.blob(Descriptor.of(BUNDLE, SIGSTORE_BUNDLE), limits.STATEMENT)


# Reading what is there


def test_a_tag_is_resolved_to_what_came(memory: MemoryRegistry, store: Registry) -> None:
    assert store.resolve() == Descriptor(OCI_MANIFEST, DIGEST, len(ONE))
    assert str(store.reference).endswith("/acme/app:1")


def test_a_digest_is_resolved_without_its_tag(memory: MemoryRegistry, server: HTTPServer) -> None:
    assert open_at(host_of(server), f":gone@{DIGEST}").resolve() == Descriptor(OCI_MANIFEST, DIGEST, len(ONE))


def test_a_digest_of_sha512_is_resolved(memory: MemoryRegistry, server: HTTPServer) -> None:
    digest = Digest.of(ONE, "sha512")
    memory.manifests[str(digest)] = (OCI_MANIFEST, ONE)
    assert open_at(host_of(server), f"@{digest}").resolve().digest == digest


def test_all_four_kinds_of_manifest_are_asked_for_and_no_encoding(memory: MemoryRegistry, store: Registry) -> None:
    asked: list[Request] = []
    memory.before = lambda request: asked.append(request)
    store.resolve()
    accepted = asked[0].headers["Accept"].split(", ")
    assert sorted(accepted) == sorted([OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST])
    assert asked[0].headers["Accept-Encoding"] == "identity"
    assert asked[0].headers["User-Agent"].startswith("attest/")
    assert "Authorization" not in asked[0].headers


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-8", ""])
def test_the_type_in_the_document_counts_where_the_header_says_nothing(
    server: HTTPServer, store: Registry, content_type: str
) -> None:
    server.expect_request(TAGGED).respond_with_data(ONE, content_type=content_type)
    assert store.resolve().media_type == OCI_MANIFEST


def test_the_type_in_the_header_counts_where_the_document_says_nothing(server: HTTPServer, store: Registry) -> None:
    server.expect_request(TAGGED).respond_with_data(b'{"manifests":[]}', content_type=f"{OCI_INDEX}; charset=utf-8")
    assert store.resolve().media_type == OCI_INDEX


def test_header_and_document_that_differ_are_unreadable(server: HTTPServer, store: Registry) -> None:
    server.expect_request(TAGGED).respond_with_data(ONE, content_type=OCI_INDEX)
    with pytest.raises(Unreadable, match="calls itself"):
        store.resolve()


def test_a_manifest_is_asked_for_once(memory: MemoryRegistry, store: Registry) -> None:
    root = store.resolve()
    other = memory.add(image(2))
    assert [store.manifest(root), store.manifest(other), store.manifest(other)] == [ONE, image(2), image(2)]
    assert memory.asked("GET") == ["manifests/1", f"manifests/{other.digest}"]


def test_what_is_kept_is_held_against_every_descriptor(memory: MemoryRegistry, store: Registry) -> None:
    root = store.resolve()
    with pytest.raises(Unreadable, match=f"expected 1 bytes, found {len(ONE)}"):
        store.manifest(Descriptor(OCI_MANIFEST, root.digest, 1))


def test_a_blob_is_read(memory: MemoryRegistry, store: Registry) -> None:
    assert _bundle(store) == BUNDLE


def test_an_empty_blob_is_read(memory: MemoryRegistry, store: Registry) -> None:
    memory.blobs[str(Digest.of(b""))] = b""
    assert store.blob(Descriptor.of(b"", ""), 0) == b""


def test_no_more_requests_are_in_flight_than_allowed(memory: MemoryRegistry, store: Registry) -> None:
    lock, now, most = threading.Lock(), [0], [0]

    def slowly(request: Request) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.02)
        with lock:
            now[0] -= 1

    memory.before = slowly
    with ThreadPoolExecutor(3 * limits.PARALLEL) as pool:
        read = list(pool.map(lambda _: _bundle(store), range(6 * limits.PARALLEL)))
    assert read == [BUNDLE] * len(read)
    assert 1 < most[0] <= limits.PARALLEL


# Lies about content


def test_another_body_under_a_digest_is_a_mismatch(memory: MemoryRegistry, server: HTTPServer) -> None:
    memory.manifests[str(DIGEST)] = (OCI_MANIFEST, image(2))
    with pytest.raises(ContentMismatch, match="the content was changed") as caught:
        open_at(host_of(server), f"@{DIGEST}").resolve()
    assert f"Expected {DIGEST}, found {Digest.of(image(2))}" in caught.value.detail
    with pytest.raises(ContentMismatch):
        open_at(host_of(server)).manifest(Descriptor(OCI_MANIFEST, DIGEST, len(ONE)))


def test_a_mismatch_is_not_kept(memory: MemoryRegistry, store: Registry) -> None:
    memory.manifests[str(DIGEST)] = (OCI_MANIFEST, image(2))
    for _ in range(2):
        with pytest.raises(ContentMismatch):
            store.manifest(Descriptor(OCI_MANIFEST, DIGEST, len(ONE)))


def test_a_tags_body_must_have_the_digest_that_the_registry_promises(server: HTTPServer, store: Registry) -> None:
    promised = {"Docker-Content-Digest": str(Digest.of(image(2)))}
    server.expect_request(TAGGED).respond_with_data(ONE, headers=promised, content_type=OCI_MANIFEST)
    with pytest.raises(ContentMismatch):
        store.resolve()


@pytest.mark.parametrize("promised", [str(DIGEST), "rubbish", "", str(Digest.of(ONE, "sha512"))])
def test_a_promise_that_holds_or_says_nothing_is_fine(server: HTTPServer, store: Registry, promised: str) -> None:
    headers = {"Docker-Content-Digest": promised}
    server.expect_request(TAGGED).respond_with_data(ONE, headers=headers, content_type=OCI_MANIFEST)
    assert store.resolve().digest == DIGEST


def test_a_full_length_body_with_a_wrong_digest_is_a_mismatch(server: HTTPServer, store: Registry) -> None:
    server.expect_request(BUNDLE_AT).respond_with_data(BUNDLE[::-1])
    with pytest.raises(ContentMismatch):
        _bundle(store)


def test_a_short_body_is_unreadable_not_failed(server: HTTPServer, store: Registry) -> None:
    server.expect_request(BUNDLE_AT).respond_with_data(BUNDLE[:-1])
    with pytest.raises(Unreadable, match=f"expected {len(BUNDLE)} bytes, found {len(BUNDLE) - 1}"):
        _bundle(store)


def test_a_long_body_is_unreadable_and_not_read_to_its_end(server: HTTPServer, store: Registry) -> None:
    def without_end(request: Request) -> Response:
        return Response(BUNDLE for _ in iter(int, 1))

    server.expect_request(BUNDLE_AT).respond_with_handler(without_end)
    with pytest.raises(Unreadable, match=f"more than the {len(BUNDLE)} bytes"):
        _bundle(store)


def test_answers_that_were_not_read_to_their_end_leave_connections_for_others(
    memory: MemoryRegistry, store: Registry
) -> None:
    memory.blobs[str(Digest.of(BUNDLE))] = BUNDLE * 1000
    for _ in range(3 * limits.PARALLEL):
        with pytest.raises(Unreadable):
            _bundle(store)
    assert store.resolve().digest == DIGEST


def test_a_body_that_breaks_off_is_unreachable_after_some_tries(waits: list[float]) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BUNDLE), BUNDLE[:-1])
    with raw_server(answer) as (host, calls), pytest.raises(Unreachable, match="the connection broke"):
        _bundle(open_at(host, wait=waits.append))
    assert len(calls) == limits.RETRIES + 1


def test_half_a_manifest_is_unreadable_where_its_length_is_not_known(server: HTTPServer) -> None:
    with raw_server(b"HTTP/1.0 200 OK\r\n\r\n" + ONE[:-10]) as (host, _), pytest.raises(Unreadable):
        open_at(host, f"@{DIGEST}").resolve()


@pytest.mark.parametrize("rest", [":1", f"@{DIGEST}"])
@pytest.mark.parametrize("body", ["<html>Please log in</html>", "", "[]", "null"])
def test_a_page_in_place_of_a_manifest_is_unreadable(server: HTTPServer, rest: str, body: str) -> None:
    path = TAGGED if rest == ":1" else f"/v2/{NAME}/manifests/{DIGEST}"
    server.expect_request(path).respond_with_data(body, content_type="text/html")
    with pytest.raises(Unreadable, match="expected a manifest, found 'text/html'") as caught:
        open_at(host_of(server), rest).resolve()
    assert "login page" in caught.value.remedy


def test_json_that_is_no_manifest_is_unreadable(server: HTTPServer, store: Registry) -> None:
    server.expect_request(TAGGED).respond_with_data(b'{"hello": "world"}', content_type="application/json")
    with pytest.raises(Unreadable, match="neither an image index nor a manifest"):
        store.resolve()


@pytest.mark.parametrize("status", [201, 202, 204, 206, 300, 304])
def test_a_body_under_another_status_than_200_is_no_answer(server: HTTPServer, store: Registry, status: int) -> None:
    server.expect_request(TAGGED).respond_with_data(ONE, status=status, content_type=OCI_MANIFEST)
    with pytest.raises(Unreadable):
        store.resolve()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_an_encoded_body_is_refused(server: HTTPServer, store: Registry, encoding: str) -> None:
    headers = {"Content-Encoding": encoding}
    server.expect_request(BUNDLE_AT).respond_with_data(gzip.compress(BUNDLE), headers=headers)
    with pytest.raises(Unreadable, match=f"Content-Encoding {encoding}"):
        _bundle(store)


def test_too_large_a_manifest_is_not_read(server: HTTPServer, store: Registry) -> None:
    body = ONE + b" " * (limits.MANIFEST - len(ONE))
    server.expect_oneshot_request(TAGGED).respond_with_data(body, content_type=OCI_MANIFEST)
    assert store.resolve().size == limits.MANIFEST
    server.expect_oneshot_request(TAGGED).respond_with_data(body + b" ", content_type=OCI_MANIFEST)
    with pytest.raises(Unreadable, match="more than the 4194304 bytes"):
        store.resolve()


def test_what_says_that_it_is_too_large_is_not_asked_for(memory: MemoryRegistry, store: Registry) -> None:
    with pytest.raises(Unreadable, match="that are read"):
        store.blob(Descriptor.of(BUNDLE, ""), len(BUNDLE) - 1)
    with pytest.raises(Unreadable, match="that are read"):
        store.manifest(Descriptor(OCI_MANIFEST, DIGEST, limits.MANIFEST + 1))
    assert memory.seen == []


# Refusals and failures


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
    for ask in (store.resolve, lambda: store.manifest(Descriptor(OCI_MANIFEST, DIGEST, 5)), lambda: _bundle(store)):
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


def _failing(times: int, answer: Callable[[], Response]) -> Callable[[Request], Response | None]:
    left = [times]

    def fail(request: Request) -> Response | None:
        left[0] -= 1
        return answer() if left[0] >= 0 else None

    return fail


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_failure_that_passes_is_waited_for(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float], status: int
) -> None:
    memory.before = _failing(limits.RETRIES, lambda: Response(status=status))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert len(waits) == limits.RETRIES
    assert all(0.1 <= wait <= 0.8 for wait in waits)
    assert waits == sorted(waits)


def test_a_failure_of_the_server_itself_is_not_tried_again(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float]
) -> None:
    memory.before = _failing(1, lambda: Response(status=500))
    with pytest.raises(Unreachable):
        open_at(host_of(server), wait=waits.append).resolve()
    assert waits == []


def test_retry_after_is_waited_for(memory: MemoryRegistry, server: HTTPServer, waits: list[float]) -> None:
    memory.before = _failing(1, lambda: error(429, "TOOMANYREQUESTS", "slow down", Retry_After="7"))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert 7 <= waits[0] <= 8


def test_retry_after_may_be_a_date(memory: MemoryRegistry, server: HTTPServer, waits: list[float]) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    memory.before = _failing(1, lambda: error(503, "X", "", Retry_After=later))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert 2 <= waits[0] <= 6


@pytest.mark.parametrize("later", ["soon", "-5", "Fri, 99 Foo 99999 99:99:99 GMT"])
def test_a_retry_after_that_says_nothing_is_no_obstacle(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float], later: str
) -> None:
    memory.before = _failing(1, lambda: error(429, "X", "", Retry_After=later))
    assert open_at(host_of(server), wait=waits.append).resolve().digest == DIGEST
    assert waits[0] < 1


@pytest.mark.parametrize("later", ["11", "3600", "9" * 400])
def test_a_registry_that_asks_for_more_patience_is_throttled_at_once(
    memory: MemoryRegistry, server: HTTPServer, waits: list[float], later: str
) -> None:
    memory.before = _failing(1, lambda: error(429, "TOOMANYREQUESTS", "slow down", Retry_After=later))
    with pytest.raises(Throttled) as caught:
        open_at(host_of(server), wait=waits.append).resolve()
    assert later[:200] in caught.value.remedy
    assert waits == []


def test_a_refused_connection_is_tried_again_and_then_unreachable(waits: list[float]) -> None:
    with raw_server() as (host, _):
        pass
    with pytest.raises(Unreachable, match=f"{host}: no connection"):
        open_at(host, wait=waits.append).resolve()
    assert len(waits) == limits.RETRIES


def test_a_silent_registry_is_unreachable_after_the_time_limit(
    monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(transport, "_TIMEOUT", Timeout(connect=1, read=0.05))
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


# Redirects


def test_a_blob_is_fetched_from_elsewhere_without_our_credentials(server: HTTPServer, elsewhere: HTTPServer) -> None:
    seen: list[http.client.HTTPMessage | object] = []

    def blob(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(BUNDLE)

    def redirect(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        if "Authorization" not in request.headers:
            return Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return Response(status=307, headers={"Location": f"http://{host_of(elsewhere)}/bucket?signature=a%2Fb"})

    server.expect_request(BUNDLE_AT).respond_with_handler(redirect)
    elsewhere.expect_request("/bucket", query_string="signature=a%2Fb").respond_with_handler(blob)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    assert _bundle(open_at(host_of(server), environ=environ)) == BUNDLE
    assert seen == [None, "Basic bWU6c2VjcmV0", None]


def test_credentials_stay_away_even_if_the_way_leads_back(server: HTTPServer, elsewhere: HTTPServer) -> None:
    seen: list[str | None] = []

    def last(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(BUNDLE)

    def first(request: Request) -> Response:
        if "Authorization" not in request.headers:
            return Response(status=401, headers={"WWW-Authenticate": "Basic"})
        return Response(status=302, headers={"Location": f"http://{host_of(elsewhere)}/there"})

    server.expect_request(BUNDLE_AT).respond_with_handler(first)
    back = {"Location": f"http://{host_of(server)}/back"}
    elsewhere.expect_request("/there").respond_with_data(status=302, headers=back)
    server.expect_request("/back").respond_with_handler(last)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    assert _bundle(open_at(host_of(server), environ=environ)) == BUNDLE
    assert seen == [None]


def test_a_demand_for_credentials_from_elsewhere_is_not_met(server: HTTPServer, elsewhere: HTTPServer) -> None:
    seen: list[str | None] = []

    def thief(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(status=401, headers={"WWW-Authenticate": 'Basic realm="give"'})

    away = {"Location": f"http://{host_of(elsewhere)}/"}
    server.expect_request(BUNDLE_AT).respond_with_data(status=302, headers=away)
    elsewhere.expect_request("/").respond_with_handler(thief)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    with pytest.raises(Unauthorised):
        _bundle(open_at(host_of(server), environ=environ))
    assert seen == [None]


def test_a_relative_redirect_on_the_same_host_is_followed(server: HTTPServer, store: Registry) -> None:
    server.expect_request(BUNDLE_AT).respond_with_data(status=308, headers={"Location": "../stored/x"})
    server.expect_request(f"/v2/{NAME}/stored/x").respond_with_data(BUNDLE)
    assert _bundle(store) == BUNDLE


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_without_end_is_unreadable(memory: MemoryRegistry, store: Registry, status: int) -> None:
    memory.before = lambda request: Response(status=status, headers={"Location": request.url})
    with pytest.raises(Unreadable, match="redirected more than 5 times"):
        _bundle(store)
    assert len(memory.seen) == limits.REDIRECTS + 1


def test_content_from_elsewhere_is_checked_like_any_other(server: HTTPServer, elsewhere: HTTPServer) -> None:
    away = {"Location": f"http://{host_of(elsewhere)}/"}
    server.expect_request(BUNDLE_AT).respond_with_data(status=302, headers=away)
    elsewhere.expect_request("/").respond_with_data(BUNDLE[::-1])
    with pytest.raises(ContentMismatch):
        _bundle(open_at(host_of(server)))


def test_a_redirect_to_a_strange_host_without_tls_is_refused(server: HTTPServer, store: Registry) -> None:
    away = {"Location": "http://storage.example.com/bucket?signature=secret"}
    server.expect_request(BUNDLE_AT).respond_with_data(status=302, headers=away)
    with pytest.raises(Unreadable, match=r"sends us to storage\.example\.com without TLS") as caught:
        _bundle(store)
    assert "secret" not in str(caught.value)


# Referrers


@pytest.fixture(params=["api", "fallback", "both"])
def with_referrers(request: pytest.FixtureRequest, memory: MemoryRegistry) -> MemoryRegistry:
    """A registry whose image has two referrers, in its list, under the fallback tag, or one in each and one in both."""
    first, second = referrer(ONE, 1), referrer(ONE, 2)
    memory.add(second)
    if request.param != "fallback":
        memory.referrers_api = True
        memory.add(first)
    if request.param != "api":
        listed = index(first, second)
        memory.add(listed, DIGEST.fallback_tag, media_type=OCI_INDEX)
    return memory


def test_referrers_are_found_wherever_they_are_listed_each_once(
    with_referrers: MemoryRegistry, store: Registry
) -> None:
    found = {entry.digest for entry in store.referrers(DIGEST)}
    assert found == {Digest.of(referrer(ONE, 1)), Digest.of(referrer(ONE, 2))}
    assert len(store.referrers(DIGEST)) == 2
    assert sorted(with_referrers.asked("GET"))[:1] == [f"manifests/{DIGEST.fallback_tag}"]


def test_an_image_without_referrers_has_none(memory: MemoryRegistry, store: Registry) -> None:
    assert store.referrers(DIGEST) == ()
    memory.referrers_api = True
    assert store.referrers(DIGEST) == ()


def _api(answer: Callable[[], Response]) -> Callable[[Request], Response | None]:
    return lambda request: answer() if "/referrers/" in request.path else None


@pytest.mark.parametrize(
    "answer",
    [
        lambda: error(400, "X", ""),
        lambda: error(404, "X", ""),
        lambda: error(405, "X", ""),
        lambda: error(501, "X", ""),
        lambda: Response("<html>", content_type="text/html"),
        lambda: Response("{}", content_type="application/json"),
        lambda: Response(ONE, content_type=OCI_MANIFEST),
    ],
)
def test_where_the_api_is_none_the_fallback_tag_counts(
    memory: MemoryRegistry, store: Registry, answer: Callable[[], Response]
) -> None:
    memory.add(index(referrer(ONE)), DIGEST.fallback_tag, media_type=OCI_INDEX)
    memory.before = _api(answer)
    assert [entry.digest for entry in store.referrers(DIGEST)] == [Digest.of(referrer(ONE))]


@pytest.mark.parametrize("part", ["/referrers/", f"/{DIGEST.fallback_tag}"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, Unauthorised), (403, Unauthorised), (429, Throttled), (500, Unreachable), (503, Unreachable)],
)
def test_a_list_that_cannot_be_read_is_not_an_empty_list(
    with_referrers: MemoryRegistry, store: Registry, part: str, status: int, kind: type[StoreError]
) -> None:
    with_referrers.before = lambda request: error(status, "X", "") if part in request.path else None
    with pytest.raises(kind):
        store.referrers(DIGEST)


@pytest.mark.parametrize("body", ["[]", "", '{"manifests": ['])
def test_half_a_list_is_not_the_answer_that_there_is_no_such_api(
    memory: MemoryRegistry, store: Registry, body: str
) -> None:
    memory.before = _api(lambda: Response(body, content_type=OCI_INDEX))
    with pytest.raises(Unreadable):
        store.referrers(DIGEST)


def test_a_broken_entry_in_either_list_is_not_passed_over(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _api(lambda: listing([{"mediaType": OCI_MANIFEST}]))
    with pytest.raises(Unreadable, match="without a size"):
        store.referrers(DIGEST)
    memory.before = lambda _: None
    memory.add(b'{"manifests":[{"size":1}]}', DIGEST.fallback_tag, media_type=OCI_INDEX)
    with pytest.raises(Unreadable, match="without a usable digest"):
        store.referrers(DIGEST)


@pytest.mark.parametrize(("content", "media_type"), [(ONE, OCI_MANIFEST), (b"<html>", "text/html")])
def test_a_fallback_tag_that_is_no_index_is_unreadable(
    memory: MemoryRegistry, store: Registry, content: bytes, media_type: str
) -> None:
    memory.add(content, DIGEST.fallback_tag, media_type=media_type)
    with pytest.raises(Unreadable):
        store.referrers(DIGEST)


def _paged(pages: int, link: Callable[[int], str]) -> Callable[[Request], Response | None]:
    def answer(request: Request) -> Response | None:
        if "/referrers/" not in request.path:
            return None
        page = int(request.args.get("page", 0))
        entry = Descriptor.of(referrer(ONE, page), OCI_MANIFEST).to_json()
        return listing([entry], link(page + 1) if page + 1 < pages else "")

    return answer


@pytest.mark.parametrize(
    "link",
    [
        lambda page: f'</v2/{NAME}/referrers/{DIGEST}?page={page}>; rel="next"',
        lambda page: f"<?page={page}>; rel=next",
        lambda page: f'<?page=0>; rel="first", <./{DIGEST}?page={page}>; title="x"; rel="next"',
    ],
)
def test_all_pages_of_the_list_are_read(memory: MemoryRegistry, store: Registry, link: Callable[[int], str]) -> None:
    memory.before = _paged(4, link)
    assert [entry.digest for entry in store.referrers(DIGEST)] == [
        Digest.of(referrer(ONE, number)) for number in range(4)
    ]


def test_pages_in_a_circle_end(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _paged(99, lambda page: f"<?page={page % 3}>; rel=next")
    with pytest.raises(Unreadable, match="a list without end"):
        store.referrers(DIGEST)
    assert len(memory.seen) < 8


def test_pages_without_end_end(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _paged(10**9, lambda page: f"<?page={page}>; rel=next")
    with pytest.raises(Unreadable, match=f"{limits.REFERRER_PAGES} pages were read"):
        store.referrers(DIGEST)
    assert len(memory.asked("GET")) == limits.REFERRER_PAGES + 1


def test_a_next_page_at_another_host_is_not_read(
    memory: MemoryRegistry, store: Registry, elsewhere: HTTPServer
) -> None:
    memory.before = _paged(9, lambda page: f"<http://{host_of(elsewhere)}/?page={page}>; rel=next")
    with pytest.raises(Unreadable, match="goes on at another host"):
        store.referrers(DIGEST)
    assert elsewhere.log == []


@pytest.mark.parametrize("answer", [lambda: error(404, "X", ""), lambda: Response("<html>"), lambda: Response("{}")])
def test_a_page_that_is_missing_is_not_the_end(
    memory: MemoryRegistry, store: Registry, answer: Callable[[], Response]
) -> None:
    pages = _paged(3, lambda page: f"<?page={page}>; rel=next")
    memory.before = lambda request: answer() if request.args.get("page") == "1" else pages(request)
    with pytest.raises(StoreError):
        store.referrers(DIGEST)


def test_more_referrers_than_are_looked_at_can_be_told_from_enough(
    memory: MemoryRegistry, store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REFERRERS", 3)
    memory.before = _paged(10**9, lambda page: f"<?page={page}>; rel=next")
    assert len(store.referrers(DIGEST)) == 4


# Writing


def test_a_pushed_blob_is_read_back(memory: MemoryRegistry, store: Registry) -> None:
    descriptor = store.push_blob(b"new", "text/plain")
    assert descriptor == Descriptor.of(b"new", "text/plain")
    assert store.blob(descriptor, 10) == b"new"
    assert [method for method, _ in memory.seen] == ["HEAD", "POST", "PUT", "GET"]


def test_pushing_what_is_there_uploads_nothing(memory: MemoryRegistry, store: Registry) -> None:
    store.push_blob(BUNDLE, SIGSTORE_BUNDLE)
    assert [method for method, _ in memory.seen] == ["HEAD"]


@pytest.mark.parametrize(
    "location",
    [
        lambda _: f"/v2/{NAME}/blobs/uploads/x",
        lambda request: f"{request.host_url}v2/{NAME}/blobs/uploads/x?_state=a",
        lambda _: "x",
    ],
)
def test_the_place_to_upload_to_may_be_told_in_many_ways(
    memory: MemoryRegistry, store: Registry, location: Callable[[Request], str]
) -> None:
    memory.location = location
    assert store.blob(store.push_blob(b"new", ""), 10) == b"new"


@pytest.mark.parametrize("location", ["", "http://storage.example.com/x", "ftp://127.0.0.1/x"])
def test_a_place_to_upload_to_that_is_none_is_not_writable(
    memory: MemoryRegistry, store: Registry, location: str
) -> None:
    memory.location = lambda _: location
    with pytest.raises(NotWritable, match="no way to upload"):
        store.push_blob(b"new", "")


def test_an_upload_to_elsewhere_goes_without_our_credentials(
    memory: MemoryRegistry, server: HTTPServer, elsewhere: HTTPServer
) -> None:
    seen: list[str | None] = []

    def take(request: Request) -> Response:
        seen.append(request.headers.get("Authorization"))
        return Response(status=201)

    def guard(request: Request) -> Response | None:
        known = "Authorization" in request.headers
        return None if known else Response(status=401, headers={"WWW-Authenticate": "Basic"})

    memory.before = guard
    memory.location = lambda _: f"http://{host_of(elsewhere)}/upload"
    elsewhere.expect_request("/upload", method="PUT").respond_with_handler(take)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    open_at(host_of(server), environ=environ).push_blob(b"new", "")
    assert seen == [None]


@pytest.mark.parametrize("api", [True, False])
def test_what_was_attached_is_listed_and_read_back_from_the_registry(
    memory: MemoryRegistry, store: Registry, api: bool
) -> None:
    memory.referrers_api = api
    (attached,) = store.attach([Artifact(referrer(ONE), DIGEST)])
    assert (attached.digest, attached.artifact_type) == (Digest.of(referrer(ONE)), SIGSTORE_BUNDLE)
    (found,) = store.referrers(DIGEST)
    assert found.digest == attached.digest
    memory.seen.clear()
    assert store.manifest(found) == referrer(ONE)
    assert memory.asked("GET") == [f"manifests/{attached.digest}"]
    assert (DIGEST.fallback_tag in memory.manifests) is not api


def test_the_fallback_entry_tells_type_and_annotations(memory: MemoryRegistry, store: Registry) -> None:
    (attached,) = store.attach([Artifact(referrer(ONE), DIGEST)])
    media_type, content = memory.manifests[DIGEST.fallback_tag]
    assert media_type == OCI_INDEX
    assert json.loads(content) == {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": str(attached.digest),
                "size": attached.size,
                "annotations": {"example.number": "1"},
                "artifactType": SIGSTORE_BUNDLE,
            }
        ],
    }


def test_the_fallback_entry_of_a_manifest_without_artifact_type_has_its_configs(
    memory: MemoryRegistry, store: Registry
) -> None:
    document = json.loads(referrer(ONE))
    del document["artifactType"]
    document["config"]["mediaType"] = "application/vnd.example.config"
    (attached,) = store.attach([Artifact(json.dumps(document).encode(), DIGEST)])
    assert attached.artifact_type == "application/vnd.example.config"


def test_what_others_wrote_under_the_fallback_tag_stays(memory: MemoryRegistry, store: Registry) -> None:
    strange = {"mediaType": "x", "digest": "blake3:12", "size": 1, "x-unknown": None}
    before = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [strange], "annotations": {"a": "ü"}, "x": [1.5]}
    memory.add(json.dumps(before).encode(), DIGEST.fallback_tag, media_type=OCI_INDEX)
    store.attach([Artifact(referrer(ONE), DIGEST)])
    after = json.loads(memory.manifests[DIGEST.fallback_tag][1])
    assert after["manifests"].pop()["digest"] == str(Digest.of(referrer(ONE)))
    assert after == before


def test_attaching_twice_lists_once_and_writes_the_list_once(memory: MemoryRegistry, store: Registry) -> None:
    for _ in range(2):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert len(store.referrers(DIGEST)) == 1
    assert memory.asked("PUT").count(f"manifests/{DIGEST.fallback_tag}") == 1


def test_an_entry_that_somebody_overwrites_is_written_again(memory: MemoryRegistry, server: HTTPServer) -> None:
    waits: list[float] = []

    def overwriting(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) < 3:
            memory.add(index(image(len(waits))), DIGEST.fallback_tag, media_type=OCI_INDEX)

    open_at(host_of(server), wait=overwriting).attach([Artifact(referrer(ONE), DIGEST)])
    found = {entry.digest for entry in open_at(host_of(server)).referrers(DIGEST)}
    assert found == {Digest.of(referrer(ONE)), Digest.of(image(2))}
    assert len(waits) == 3


def test_an_entry_that_never_stays_is_not_writable(memory: MemoryRegistry, server: HTTPServer) -> None:
    waits: list[float] = []

    def overwriting(seconds: float) -> None:
        waits.append(seconds)
        del memory.manifests[DIGEST.fallback_tag]

    with pytest.raises(NotWritable, match="does not stay"):
        open_at(host_of(server), wait=overwriting).attach([Artifact(referrer(ONE), DIGEST)])
    assert len(waits) == limits.FALLBACK_TRIES


def _attach_some(host: str, numbers: range) -> None:
    for number in numbers:
        open_at(host, wait=lambda _: None).attach([Artifact(referrer(ONE, number), DIGEST)])


def test_twenty_processes_that_attach_at_the_same_time_lose_nothing(
    memory: MemoryRegistry, server: HTTPServer, store: Registry
) -> None:
    # The registry is slow to write, so that without a lock most of what was read would be stale.
    memory.before = lambda request: time.sleep(0.005) if request.method == "PUT" else None
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_attach_some, args=(host_of(server), range(start, start + 2)))
        for start in range(0, 40, 2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 20
    assert len(store.referrers(DIGEST)) == 40


def test_where_no_lock_can_be_put_attaching_works_without(
    memory: MemoryRegistry, store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    store.attach([Artifact(referrer(ONE), DIGEST)])
    assert len(store.referrers(DIGEST)) == 1


@pytest.mark.parametrize("content", [ONE, referrer(image(2)), index(ONE)], ids=["image", "another's", "index"])
def test_only_a_manifest_that_refers_to_the_subject_is_attached_to_it(
    memory: MemoryRegistry, store: Registry, content: bytes
) -> None:
    with pytest.raises(NotWritable, match="does not refer to"):
        store.attach([Artifact(content, DIGEST)])
    assert memory.seen == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, NotWritable),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, NotFound),
        (405, NotWritable),
        (413, NotWritable),
        (500, Unreachable),
    ],
)
def test_a_registry_that_does_not_take_it_says_why_and_is_asked_once(
    memory: MemoryRegistry, store: Registry, status: int, kind: type[StoreError]
) -> None:
    memory.before = lambda request: None if request.method in ("GET", "HEAD") else error(status, "DENIED", "read-only")
    writes: list[Callable[[], object]] = [
        lambda: store.attach([Artifact(referrer(ONE), DIGEST)]),
        lambda: store.push_blob(b"new", ""),
    ]
    for write in writes:
        memory.seen.clear()
        with pytest.raises(StoreError) as caught:
            write()
        assert type(caught.value) is kind
        assert "read-only" in caught.value.detail
        assert len([method for method, _ in memory.seen if method in ("PUT", "POST")]) == 1


def test_what_the_registry_says_it_did_not_do_is_asked_again(memory: MemoryRegistry, store: Registry) -> None:
    refusals = iter([error(429, "TOOMANYREQUESTS", "slow down")] * 2)
    memory.before = lambda request: next(refusals, None) if request.method == "POST" else None

    store.push_blob(b"new", "")

    assert list(memory.blobs.values())[-1] == b"new"
    assert [method for method, _ in memory.seen] == ["HEAD", "POST", "POST", "POST", "PUT"]


def test_who_goes_on_refusing_is_throttling(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = lambda request: error(429, "TOOMANYREQUESTS", "slow down") if request.method == "PUT" else None
    with pytest.raises(Throttled, match="too many requests"):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert len(memory.asked("PUT")) == 1 + limits.RETRIES


@pytest.mark.parametrize(("name", "times"), [(str(Digest.of(referrer(ONE))), 2), (DIGEST.fallback_tag, 1)])
def test_only_what_its_own_digest_names_is_written_again_after_a_broken_connection(
    memory: MemoryRegistry, store: Registry, name: str, times: int
) -> None:
    """Another writer may have changed the fallback tag since: whether ours arrived is looked up, not guessed."""
    failures = iter([Response(status=503)])
    wanted = f"/manifests/{name}"
    memory.before = lambda request: (
        next(failures, None) if request.method == "PUT" and request.path.endswith(wanted) else None
    )
    with contextlib.suppress(Unreachable):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert memory.asked("PUT").count(f"manifests/{name}") == times


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


def test_a_registry_that_promises_to_list_and_does_not_gets_the_fallback_tag(
    memory: MemoryRegistry, store: Registry
) -> None:
    """ECR answers a push with OCI-Subject and has no referrers API (sigstore-js#1183)."""
    memory.says_subject = True
    store.attach([Artifact(referrer(ONE), DIGEST)])

    assert f"manifests/{DIGEST.fallback_tag}" in memory.asked("PUT")
    assert len(store.referrers(DIGEST)) == 1


def test_where_the_referrers_api_works_there_is_no_fallback_tag(memory: MemoryRegistry, store: Registry) -> None:
    memory.referrers_api = True
    store.attach([Artifact(referrer(ONE), DIGEST), Artifact(referrer(ONE, 2), DIGEST)])

    assert len(memory.asked("PUT")) == len(memory.blobs) + 2 - 1
    assert memory.asked("GET") == [f"referrers/{DIGEST}"]
    assert len(store.referrers(DIGEST)) == 2


def test_a_registry_that_lists_a_little_later_is_asked_again(memory: MemoryRegistry, store: Registry) -> None:
    memory.referrers_api = True
    late = iter([listing([])])
    memory.before = lambda request: next(late, None) if "/referrers/" in request.path else None
    store.attach([Artifact(referrer(ONE), DIGEST)])

    assert f"manifests/{DIGEST.fallback_tag}" not in memory.asked("PUT")


def test_a_blob_is_mounted_from_the_repository_that_has_it(memory: MemoryRegistry, server: HTTPServer) -> None:
    asked: list[dict[str, str]] = []

    def mounted(request: Request) -> Response | None:
        if request.method != "POST":
            return None
        asked.append(dict(request.args))
        return Response(status=201)

    memory.before = mounted
    descriptor = open_at(host_of(server), mount_from="acme/first").push_blob(b"new", "")

    assert asked == [{"mount": str(descriptor.digest), "from": "acme/first"}]
    assert memory.asked("PUT") == []


def test_a_registry_that_does_not_mount_gets_the_blob(memory: MemoryRegistry, server: HTTPServer) -> None:
    open_at(host_of(server), mount_from="acme/first").push_blob(b"new", "")
    assert list(memory.blobs.values())[-1] == b"new"


def test_a_body_is_held_once() -> None:
    size = 32 * limits.MiB
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    content = bytes(size)
    with raw_server(head, content) as (host, _):
        store = open_at(host)
        tracemalloc.start()
        try:
            read = store.blob(Descriptor.of(content, ""), size)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert read == content
    assert peak < 1.3 * size


def test_a_list_that_cannot_be_read_is_not_written_over(memory: MemoryRegistry, store: Registry) -> None:
    memory.add(ONE, DIGEST.fallback_tag)
    with pytest.raises(Unreadable, match="expected an image index"):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert memory.manifests[DIGEST.fallback_tag] == (OCI_MANIFEST, ONE)
    memory.before = lambda request: Response(status=500) if DIGEST.fallback_tag in request.path else None
    with pytest.raises(Unreachable):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert memory.manifests[DIGEST.fallback_tag] == (OCI_MANIFEST, ONE)
