from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import Unauthorised
from attest.oci.interface import Artifact
from attest.oci.stores import open_store
from attest.reference import Digest, parse_reference
from tests.unit.oci.http.registries import DIGEST, NAME, ONE, MemoryRegistry, error, host_of, open_at
from tests.unit.oci.samples import referrer


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
    """It answers 202 with an upload, as if nobody had spoken of mounting (distribution-spec 1.1)."""
    open_at(host_of(server), mount_from="acme/first").push_blob(b"new", "")
    assert list(memory.blobs.values())[-1] == b"new"
    assert [method for method, _ in memory.seen] == ["HEAD", "POST", "PUT"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500])
def test_a_registry_that_refuses_to_mount_gets_the_blob(
    memory: MemoryRegistry, server: HTTPServer, status: int
) -> None:
    memory.before = lambda request: error(status, "UNSUPPORTED", "no mounts") if "mount" in request.args else None
    open_at(host_of(server), mount_from="acme/first").push_blob(b"new", "")
    assert list(memory.blobs.values())[-1] == b"new"


def test_who_may_not_write_here_is_told_so_in_spite_of_mounting(memory: MemoryRegistry, server: HTTPServer) -> None:
    memory.before = lambda request: error(403, "DENIED", "read-only") if request.method == "POST" else None
    with pytest.raises(Unauthorised, match="read-only"):
        open_at(host_of(server), mount_from="acme/first").push_blob(b"new", "")


@pytest.mark.parametrize(
    ("beside", "source"),
    [
        ("HOST/acme/first:1", "acme/first"),
        (f"HOST/{NAME}:2", None),
        ("registry.example.com/acme/first:1", None),
        ("oci-layout:first", None),
    ],
)
def test_only_another_repository_of_the_same_registry_is_mounted_from(
    memory: MemoryRegistry, server: HTTPServer, beside: str, source: str | None
) -> None:
    asked: list[str | None] = []
    memory.before = lambda request: asked.append(request.args.get("from")) if request.method == "POST" else None
    host = host_of(server)
    target, other = parse_reference(f"{host}/{NAME}:1"), parse_reference(beside.replace("HOST", host))
    open_store(target, environ={}, mount_from=other).attach([Artifact(referrer(ONE), DIGEST, (b"new",))])
    assert asked == [source]
    assert memory.blobs[str(Digest.of(b"new"))] == b"new"
