"""Registries for tests: one that works, with everything in memory, and one that sends whatever bytes it is given."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.oci import limits
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, SIGSTORE_BUNDLE, Descriptor
from attest.oci.http.registry import Registry
from attest.reference import Digest, RegistryReference, parse_reference
from tests.unit.oci.samples import BUNDLE, image

NAME = "acme/app"
ONE = image(1)
DIGEST = Digest.of(ONE)
TAGGED = f"/v2/{NAME}/manifests/1"
BUNDLE_AT = f"/v2/{NAME}/blobs/{Digest.of(BUNDLE)}"
NOTHING: Mapping[str, str] = {}


def host_of(server: HTTPServer) -> str:
    return f"127.0.0.1:{server.port}"


def open_at(
    host: str,
    rest: str = ":1",
    environ: Mapping[str, str] = NOTHING,
    wait: Callable[[float], None] = lambda _: None,
    mount_from: str = "",
) -> Registry:
    """A registry store for a test repository, which waits for nothing unless told to."""
    reference = parse_reference(f"{host}/{NAME}{rest}")
    assert isinstance(reference, RegistryReference)
    return Registry(reference, environ=environ, wait=wait, mount_from=mount_from)


def read_bundle(store: Registry) -> bytes:
    """The one blob of the fixture `memory`."""
    return store.blob(Descriptor.of(BUNDLE, SIGSTORE_BUNDLE), limits.STATEMENT)


@dataclass
class MemoryRegistry:
    """A registry of one repository; `seen` are the questions it got, `before` may answer in its place."""

    manifests: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    referrers_api: bool = False
    says_subject: bool = False
    location: Callable[[Request], str] = lambda _: f"/v2/{NAME}/blobs/uploads/session?state=a%2Fb"
    before: Callable[[Request], Response | None] = lambda _: None

    def serve(self, server: HTTPServer) -> MemoryRegistry:
        server.expect_request(re.compile("^/v2/.*")).respond_with_handler(self.answer)
        return self

    def add(self, content: bytes, *tags: str, media_type: str = OCI_MANIFEST) -> Descriptor:
        descriptor = Descriptor.of(content, media_type)
        for name in (str(descriptor.digest), *tags):
            self.manifests[name] = (media_type, content)
        return descriptor

    def asked(self, method: str) -> list[str]:
        return [path for seen, path in self.seen if seen == method]

    def answer(self, request: Request) -> Response:
        path = request.path.removeprefix(f"/v2/{NAME}/")
        self.seen.append((request.method, path))
        early = self.before(request)
        if early is not None:
            return early
        kind, _, name = path.partition("/")
        return {"manifests": self._manifest, "blobs": self._blob, "referrers": self._referrers}[kind](request, name)

    def _manifest(self, request: Request, name: str) -> Response:
        if request.method == "PUT":
            content = request.get_data()
            self.manifests[name] = (request.headers["Content-Type"], content)
            subject = json.loads(content).get("subject")
            said = {"OCI-Subject": subject["digest"]} if subject and (self.referrers_api or self.says_subject) else {}
            return Response(status=201, headers=said)
        if name not in self.manifests:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, content = self.manifests[name]
        return Response(content, content_type=media_type)

    def _blob(self, request: Request, name: str) -> Response:
        if request.method == "POST":
            return Response(status=202, headers={"Location": self.location(request)})
        if request.method == "PUT":
            content, digest = request.get_data(), request.args["digest"]
            assert str(Digest.of(content)) == digest
            self.blobs[digest] = content
            return Response(status=201)
        if name not in self.blobs:
            return error(404, "BLOB_UNKNOWN", "blob unknown")
        return Response(self.blobs[name], content_type="application/octet-stream")

    def _referrers(self, _: Request, subject: str) -> Response:
        if not self.referrers_api:
            return error(404, "UNSUPPORTED", "no such endpoint")
        entries = [
            Descriptor.of(content, media_type).to_json()
            for name, (media_type, content) in self.manifests.items()
            if name.startswith("sha256:") and (json.loads(content).get("subject") or {}).get("digest") == subject
        ]
        return listing(entries)


def listing(entries: object, link: str = "", status: int = 200) -> Response:
    """A page of the referrers API."""
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    headers = {"Link": link} if link else {}
    return Response(json.dumps(document), status, headers, content_type=OCI_INDEX)


def error(status: int, code: str, message: str, **headers: str) -> Response:
    """A refusal in a registry's own form."""
    body = json.dumps({"errors": [{"code": code, "message": message}]})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, status, named, content_type="application/json")


@contextmanager
def raw_server(*pieces: bytes, then: Callable[[], None] = lambda: None) -> Iterator[tuple[str, list[int]]]:
    """A server that sends these bytes to whoever connects, whatever is asked; yields its host and a list of calls."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    calls.append(1)
                    _send(connection, pieces, then)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", calls
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _send(connection: socket.socket, pieces: tuple[bytes, ...], then: Callable[[], None]) -> None:
    try:
        connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
            then()
    except OSError:
        pass  # the client has had enough
