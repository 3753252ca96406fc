from __future__ import annotations

import gzip

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import ContentMismatch, Unreachable, Unreadable
from attest.oci import limits
from attest.oci.descriptor import OCI_MANIFEST, Descriptor
from attest.oci.http.registry import Registry
from attest.reference import Digest
from tests.unit.oci.http.registries import (
    BUNDLE_AT,
    DIGEST,
    NAME,
    ONE,
    TAGGED,
    MemoryRegistry,
    host_of,
    open_at,
    raw_server,
    read_bundle,
)
from tests.unit.oci.samples import BUNDLE, image


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
        read_bundle(store)


def test_a_short_body_is_unreadable_not_failed(server: HTTPServer, store: Registry) -> None:
    server.expect_request(BUNDLE_AT).respond_with_data(BUNDLE[:-1])
    with pytest.raises(Unreadable, match=f"expected {len(BUNDLE)} bytes, found {len(BUNDLE) - 1}"):
        read_bundle(store)


def test_a_long_body_is_unreadable_and_not_read_to_its_end(server: HTTPServer, store: Registry) -> None:
    def without_end(request: Request) -> Response:
        return Response(BUNDLE for _ in iter(int, 1))

    server.expect_request(BUNDLE_AT).respond_with_handler(without_end)
    with pytest.raises(Unreadable, match=f"more than the {len(BUNDLE)} bytes"):
        read_bundle(store)


def test_answers_that_were_not_read_to_their_end_leave_connections_for_others(
    memory: MemoryRegistry, store: Registry
) -> None:
    memory.blobs[str(Digest.of(BUNDLE))] = BUNDLE * 1000
    for _ in range(3 * limits.PARALLEL):
        with pytest.raises(Unreadable):
            read_bundle(store)
    assert store.resolve().digest == DIGEST


def test_a_body_that_breaks_off_is_unreachable_after_some_tries(waits: list[float]) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BUNDLE), BUNDLE[:-1])
    with raw_server(answer) as (host, calls), pytest.raises(Unreachable, match="the connection broke"):
        read_bundle(open_at(host, wait=waits.append))
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
        read_bundle(store)


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
