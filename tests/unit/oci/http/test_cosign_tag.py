from __future__ import annotations

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from attest.errors import ContentMismatch, StoreError, Throttled, Unauthorised, Unreachable, Unreadable
from attest.oci.descriptor import OCI_MANIFEST, Descriptor
from attest.oci.http.registry import Registry
from attest.oci.interface import COSIGN_SUFFIXES, CosignSuffix
from attest.reference import Digest
from tests.unit.oci.http.registries import DIGEST, NAME, ONE, MemoryRegistry, error
from tests.unit.oci.samples import image

SAID = image(2)
TAG = f"sha256-{DIGEST.hex}.sig"


@pytest.mark.parametrize("suffix", COSIGN_SUFFIXES)
def test_what_cosign_says_of_an_image_is_found_under_its_tag(
    memory: MemoryRegistry, store: Registry, suffix: CosignSuffix
) -> None:
    memory.add(SAID, f"sha256-{DIGEST.hex}.{suffix}")
    assert store.cosign_tag(DIGEST, suffix) == Descriptor.of(SAID, OCI_MANIFEST)


def test_where_cosign_said_nothing_there_is_no_tag(memory: MemoryRegistry, store: Registry) -> None:
    memory.add(SAID, TAG)
    assert store.cosign_tag(DIGEST, "att") is None
    assert store.cosign_tag(Digest.of(SAID), "sig") is None


def test_its_manifest_is_not_asked_for_again(memory: MemoryRegistry, store: Registry) -> None:
    memory.add(SAID, TAG)
    found = store.cosign_tag(DIGEST, "sig")
    assert found is not None
    assert store.manifest(found) == SAID
    assert memory.asked("GET") == [f"manifests/{TAG}"]


def test_no_tag_is_long_enough_for_a_digest_of_sha512(memory: MemoryRegistry, store: Registry) -> None:
    memory.before = lambda _: error(400, "TAG_INVALID", "manifest tag did not match URI")
    assert store.cosign_tag(Digest.of(ONE, "sha512"), "sig") is None
    assert memory.seen == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Unreadable), (401, Unauthorised), (403, Unauthorised), (429, Throttled), (500, Unreachable)],
)
def test_a_tag_that_cannot_be_read_is_not_an_absent_one(
    memory: MemoryRegistry, store: Registry, status: int, kind: type[StoreError]
) -> None:
    memory.before = lambda _: error(status, "X", "")
    with pytest.raises(kind):
        store.cosign_tag(DIGEST, "sig")


def test_another_body_than_the_registry_promises_is_a_mismatch(server: HTTPServer, store: Registry) -> None:
    answer = Response(SAID, headers={"Docker-Content-Digest": str(DIGEST)}, content_type=OCI_MANIFEST)
    server.expect_request(f"/v2/{NAME}/manifests/{TAG}").respond_with_response(answer)
    with pytest.raises(ContentMismatch):
        store.cosign_tag(DIGEST, "sig")


def test_a_page_under_the_tag_is_unreadable(server: HTTPServer, store: Registry) -> None:
    server.expect_request(f"/v2/{NAME}/manifests/{TAG}").respond_with_data("<html>", content_type="text/html")
    with pytest.raises(Unreadable):
        store.cosign_tag(DIGEST, "sig")
