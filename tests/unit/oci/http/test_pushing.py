from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import NotFound, NotWritable, StoreError, Unauthorised, Unreachable
from attest.oci.descriptor import SIGSTORE_BUNDLE, Descriptor
from attest.oci.http.registry import Registry
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.http.registries import DIGEST, NAME, ONE, MemoryRegistry, error, host_of, open_at
from tests.unit.oci.samples import BUNDLE, image, index, referrer


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
def test_a_registry_that_does_not_take_it_says_why_and_is_asked_once_unless_it_failed(
    memory: MemoryRegistry, store: Registry, status: int, kind: type[StoreError]
) -> None:
    memory.before = lambda request: None if request.method in ("GET", "HEAD") else error(status, "DENIED", "read-only")
    writes: dict[Callable[[], object], int] = {
        lambda: store.attach([Artifact(referrer(ONE), DIGEST)]): 1,
        lambda: store.push_blob(b"new", ""): 2 if kind is Unreachable else 1,
    }
    for write, times in writes.items():
        memory.seen.clear()
        with pytest.raises(StoreError) as caught:
            write()
        assert type(caught.value) is kind
        assert "read-only" in caught.value.detail
        assert len([method for method, _ in memory.seen if method in ("PUT", "POST")]) == times


def test_everything_is_there_before_it_is_listed(memory: MemoryRegistry, store: Registry) -> None:
    first, second = referrer(ONE, 1), referrer(ONE, 2)
    store.attach([Artifact(first, DIGEST, (b"a", b"b")), Artifact(second, DIGEST, (b"c",))])
    kinds = ["blobs/uploads/session"] * 3
    assert memory.asked("PUT") == [
        *kinds,
        f"manifests/{Digest.of(first)}",
        f"manifests/{Digest.of(second)}",
        f"manifests/{DIGEST.fallback_tag}",
    ]


def test_what_the_place_to_upload_to_says_of_itself_is_kept(memory: MemoryRegistry, store: Registry) -> None:
    asked: list[str] = []
    memory.before = lambda request: asked.append(request.query_string.decode()) if request.method == "PUT" else None
    digest = store.push_blob(b"new", "").digest
    assert asked == [f"state=a%2Fb&digest=sha256%3A{digest.hex}"]


@pytest.mark.parametrize("status", [307, 308])
def test_an_upload_may_be_begun_elsewhere_without_our_credentials(
    memory: MemoryRegistry, server: HTTPServer, elsewhere: HTTPServer, status: int
) -> None:
    seen: list[tuple[str, str | None]] = []

    def guard(request: Request) -> Response | None:
        if "Authorization" not in request.headers:
            return Response(status=401, headers={"WWW-Authenticate": "Basic"})
        away = {"Location": f"http://{host_of(elsewhere)}/there/begin"}
        return Response(status=status, headers=away) if request.method == "POST" else None

    def take(request: Request) -> Response:
        seen.append((f"{request.method} {request.path}", request.headers.get("Authorization")))
        return Response(status=202 if request.method == "POST" else 201, headers={"Location": "session"})

    memory.before = guard
    elsewhere.expect_request("/there/begin").respond_with_handler(take)
    elsewhere.expect_request("/there/session").respond_with_handler(take)
    environ = {"ATTEST_REGISTRY_USER": "me", "ATTEST_REGISTRY_PASSWORD": "secret"}
    open_at(host_of(server), environ=environ).push_blob(b"new", "")
    assert seen == [("POST /there/begin", None), ("PUT /there/session", None)]


@pytest.mark.parametrize(
    ("method", "status"), [("PUT", 307), ("PUT", 308), ("POST", 301), ("POST", 302), ("POST", 303)]
)
def test_a_redirect_that_would_take_the_content_along_or_forget_the_question_is_not_followed(
    memory: MemoryRegistry, server: HTTPServer, elsewhere: HTTPServer, method: str, status: int
) -> None:
    away = {"Location": f"http://{host_of(elsewhere)}/"}
    memory.before = lambda request: Response(status=status, headers=away) if request.method == method else None
    with pytest.raises(NotWritable, match="does not do what was asked"):
        open_at(host_of(server)).push_blob(b"new", "")
    assert elsewhere.log == []


# Connections that break while content is on its way


def _breaking(memory: MemoryRegistry, times: int, arrives: bool) -> Callable[[Request], Response | None]:
    """Cut the connection of so many uploads, with the content taken before that or not."""
    left = [times]

    def cut(request: Request) -> Response | None:
        if request.method != "PUT" or not left[0]:
            return None
        left[0] -= 1
        content = request.get_data()
        if arrives:
            memory.blobs[str(Digest.of(content))] = content
        request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response()

    return cut


@pytest.mark.parametrize(("arrives", "times"), [(True, 1), (False, 2)])
def test_after_a_broken_connection_it_is_looked_up_whether_the_blob_arrived(
    memory: MemoryRegistry, store: Registry, arrives: bool, times: int
) -> None:
    memory.before = _breaking(memory, 1, arrives)
    descriptor = store.push_blob(b"new", "")
    assert [len(memory.asked(method)) for method in ("HEAD", "POST", "PUT")] == [2, times, times]
    assert store.blob(descriptor, 10) == b"new"


def test_connections_that_go_on_breaking_are_unreachable(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = _breaking(memory, 99, arrives=False)
    with pytest.raises(Unreachable, match="the connection broke"):
        store.push_blob(b"new", "")
    assert len(memory.asked("PUT")) == 2
