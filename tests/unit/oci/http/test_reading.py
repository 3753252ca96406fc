from __future__ import annotations

import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request

from attest.errors import Unreadable
from attest.oci import limits
from attest.oci.descriptor import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.oci.http.registry import Registry
from attest.reference import Digest
from tests.unit.oci.http.registries import (
    DIGEST,
    ONE,
    TAGGED,
    MemoryRegistry,
    host_of,
    open_at,
    raw_server,
    read_bundle,
)
from tests.unit.oci.samples import BUNDLE, image


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
    assert read_bundle(store) == BUNDLE


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
        read = list(pool.map(lambda _: read_bundle(store), range(6 * limits.PARALLEL)))
    assert read == [BUNDLE] * len(read)
    assert 1 < most[0] <= limits.PARALLEL


def test_a_body_is_held_once() -> None:
    size = 64 * limits.MiB
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
