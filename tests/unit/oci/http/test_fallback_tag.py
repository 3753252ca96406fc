from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from attest.errors import NotWritable, Unreachable, Unreadable
from attest.oci import limits
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, SIGSTORE_BUNDLE, Descriptor
from attest.oci.http.registry import Registry
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.http.registries import DIGEST, ONE, MemoryRegistry, error, host_of, listing, open_at
from tests.unit.oci.samples import image, index, referrer


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


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (lambda: error(400, "X", ""), 1),
        (lambda: error(404, "X", ""), 1),
        (lambda: error(405, "X", ""), 1),
        (lambda: error(501, "X", ""), 1),
        (lambda: Response("<html>", content_type="text/html"), 1),
        (lambda: listing([]), 2),
        (lambda: listing([Descriptor.of(image(7), OCI_MANIFEST).to_json()]), 2),
    ],
)
def test_a_registry_that_promises_to_list_and_does_not_gets_the_fallback_tag(
    memory: MemoryRegistry, store: Registry, answer: Callable[[], Response], times: int
) -> None:
    """ECR answers a push with OCI-Subject and has no referrers API."""
    memory.says_subject = True
    memory.before = lambda request: answer() if "/referrers/" in request.path else None
    store.attach([Artifact(referrer(ONE), DIGEST), Artifact(referrer(ONE, 2), DIGEST)])

    assert memory.asked("GET").count(f"referrers/{DIGEST}") == times  # for both together
    listed = json.loads(memory.manifests[DIGEST.fallback_tag][1])["manifests"]
    assert [entry["digest"] for entry in listed] == [str(Digest.of(referrer(ONE, number))) for number in (1, 2)]


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


def test_a_list_that_cannot_be_read_is_not_written_over(memory: MemoryRegistry, store: Registry) -> None:
    memory.add(ONE, DIGEST.fallback_tag)
    with pytest.raises(Unreadable, match="expected an image index"):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert memory.manifests[DIGEST.fallback_tag] == (OCI_MANIFEST, ONE)
    memory.before = lambda request: Response(status=500) if DIGEST.fallback_tag in request.path else None
    with pytest.raises(Unreachable):
        store.attach([Artifact(referrer(ONE), DIGEST)])
    assert memory.manifests[DIGEST.fallback_tag] == (OCI_MANIFEST, ONE)
