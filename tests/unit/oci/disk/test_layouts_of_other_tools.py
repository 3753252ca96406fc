"""The shapes in which other tools write layouts, by hand; tests/e2e looks at what the tools themselves write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from attest.errors import ContentMismatch, Unreadable, UsageError
from attest.evidence.collect import fetch
from attest.oci import limits
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.oci.document import Json
from attest.reference import Digest
from tests.unit.oci.disk.layouts import ONE, TWO, opened
from tests.unit.oci.samples import blob_path, entry, image, referrer, write_layout

SAVED = "dev.cosignproject.cosign/"


def saved(content: bytes, kind: str) -> dict[str, Json]:
    return {**entry(content), "annotations": {"kind": SAVED + kind}}


def tagged_entry(content: bytes, subject: bytes, suffix: str) -> dict[str, Json]:
    return entry(content, f"sha256-{Digest.of(subject).hex}.{suffix}")


@pytest.mark.parametrize("kind", ["image", "imageIndex"])
def test_cosign_save_writes_one_image_and_what_it_says_about_it(tmp_path: Path, kind: str) -> None:
    entries = [saved(ONE, kind), saved(TWO, "sigs"), saved(image(3), "atts")]
    store = opened(write_layout(tmp_path, [ONE, TWO, image(3)], entries))

    assert store.resolve().digest == Digest.of(ONE)
    found = [store.cosign_tag(Digest.of(ONE), suffix) for suffix in ("sig", "att", "sbom")]
    assert [one and one.digest for one in found] == [Digest.of(TWO), Digest.of(image(3)), None]


def test_what_cosign_saved_belongs_to_its_image_and_to_nothing_else(tmp_path: Path) -> None:
    store = opened(write_layout(tmp_path, [ONE, TWO], [saved(ONE, "image"), saved(TWO, "sigs")]))
    assert store.cosign_tag(Digest.of(image(9)), "sig") is None


@pytest.mark.parametrize(
    "kinds", [("image", "image", "sigs"), ("image", "imageIndex", "sigs"), ("image", "sigs", "sigs")]
)
def test_what_was_saved_several_times_is_not_paired_by_guessing(tmp_path: Path, kinds: Sequence[str]) -> None:
    blobs = [ONE, TWO, image(3)]
    entries = [saved(content, kind) for content, kind in zip(blobs, kinds, strict=True)]
    store = opened(write_layout(tmp_path, blobs, entries), f"@{Digest.of(ONE)}")

    assert store.resolve().digest == Digest.of(ONE)
    with pytest.raises(Unreadable, match="expected one of each"):
        store.cosign_tag(Digest.of(ONE), "sig")
    assert store.cosign_tag(Digest.of(ONE), "att") is None
    assert {error.reason for error in fetch(store)[1].unread} == {"unreadable"}


def test_one_of_two_saved_images_must_be_named(tmp_path: Path) -> None:
    store = opened(write_layout(tmp_path, [ONE, TWO], [saved(ONE, "image"), saved(TWO, "image")]))
    with pytest.raises(UsageError, match="2 images"):
        store.resolve()


def test_a_bundle_that_cosign_3_saved_is_found_although_nothing_lists_it(tmp_path: Path) -> None:
    """index.json is written anew for each image that is saved, the bundles' manifests among them."""
    root = write_layout(tmp_path, [ONE, TWO, referrer(ONE), referrer(TWO)], [saved(ONE, "image")])
    (found,) = opened(root).referrers(Digest.of(ONE))

    assert (found.digest, found.media_type) == (Digest.of(referrer(ONE)), OCI_MANIFEST)
    assert opened(root).resolve().digest == Digest.of(ONE)
    assert opened(root).referrers(Digest.of(TWO)) == ()


def test_blobs_that_nothing_lists_count_only_beside_what_cosign_saved(tmp_path: Path) -> None:
    root = write_layout(tmp_path, [ONE, referrer(ONE)], [entry(ONE, "1")])
    assert opened(root).referrers(Digest.of(ONE)) == ()


def test_other_blobs_beside_what_cosign_saved_are_passed_over(tmp_path: Path) -> None:
    mention = f'no manifest, but a text with "subject" and {Digest.of(ONE)} in it'.encode()
    root = write_layout(tmp_path, [ONE, mention, referrer(ONE)], [saved(ONE, "image")])
    blobs = blob_path(root, ONE).parent
    (blobs / ".0123456789abcdef.tmp").write_bytes(referrer(ONE, 2))
    (blobs / ("0" * 64)).symlink_to(blob_path(root, referrer(ONE)))
    (blobs / ("1" * 64)).mkdir()
    (blobs / ("2" * 64)).write_bytes(referrer(ONE, 2).ljust(limits.SAVED_MANIFEST + 1))

    assert [found.digest for found in opened(root).referrers(Digest.of(ONE))] == [Digest.of(referrer(ONE))]


def test_a_bundle_that_was_changed_after_cosign_saved_it_is_seen(tmp_path: Path) -> None:
    root = write_layout(tmp_path, [ONE, referrer(ONE)], [saved(ONE, "image")])
    blob_path(root, referrer(ONE)).write_bytes(referrer(ONE, 2))
    with pytest.raises(ContentMismatch):
        opened(root).referrers(Digest.of(ONE))


def test_more_small_blobs_than_are_looked_through_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_layout(tmp_path, [ONE, referrer(ONE)], [saved(ONE, "image")])
    monkeypatch.setattr(limits, "MANIFESTS", len(ONE))
    with pytest.raises(Unreadable, match="small blobs"):
        opened(root).referrers(Digest.of(ONE))


def test_a_tag_of_cosigns_in_a_layout_is_found_by_what_it_is_about(tmp_path: Path) -> None:
    entries = [entry(ONE, "1"), tagged_entry(TWO, ONE, "sig"), tagged_entry(image(3), image(4), "att")]
    store = opened(write_layout(tmp_path, [ONE, TWO, image(3)], entries))

    found = store.cosign_tag(Digest.of(ONE), "sig")
    assert found is not None
    assert found.digest == Digest.of(TWO)
    assert store.cosign_tag(Digest.of(ONE), "att") is None


def test_skopeo_names_no_media_type_and_the_tag_alone(tmp_path: Path) -> None:
    write_layout(tmp_path, [ONE], [entry(ONE, "v1")])
    assert "mediaType" not in json.loads((tmp_path / "index.json").read_text())
    assert opened(tmp_path, ":v1").resolve().digest == Digest.of(ONE)
    assert opened(tmp_path).resolve().digest == Digest.of(ONE)


def test_crane_names_no_tag(tmp_path: Path) -> None:
    write_layout(tmp_path, [ONE], [entry(ONE)], mediaType=OCI_INDEX)
    assert opened(tmp_path).resolve().digest == Digest.of(ONE)


def test_oras_lists_referrers_without_a_name_beside_the_tagged_image(tmp_path: Path) -> None:
    listed: list[dict[str, Json]] = [entry(ONE, "v1"), {**entry(referrer(ONE)), "artifactType": "x"}]
    store = opened(write_layout(tmp_path, [ONE, referrer(ONE)], listed))

    assert opened(tmp_path, ":v1").resolve().digest == Digest.of(ONE)
    assert [one.digest for one in store.referrers(Digest.of(ONE))] == [Digest.of(referrer(ONE))]


@pytest.mark.parametrize(
    "annotations",
    [
        {"io.containerd.image.name": "docker.io/acme/app:v1", "org.opencontainers.image.ref.name": "v1"},
        {"io.containerd.image.name": "docker.io/acme/app:v1"},
    ],
    ids=["docker save", "ctr export"],
)
def test_docker_and_containerd_write_the_whole_name(tmp_path: Path, annotations: dict[str, str]) -> None:
    write_layout(tmp_path, [ONE, TWO], [{**entry(ONE), "annotations": annotations}, entry(TWO, "v2")])
    (tmp_path / "manifest.json").write_text("[]")  # docker's own list, which is not the layout's

    assert opened(tmp_path, ":v1").resolve().digest == Digest.of(ONE)


@pytest.mark.parametrize("layout_of", [[ONE, TWO], [ONE, TWO, image(3)]])
def test_which_of_several_is_asked_with_what_to_type(tmp_path: Path, layout_of: Sequence[bytes]) -> None:
    write_layout(tmp_path, layout_of, [entry(content, f"v{at}") for at, content in enumerate(layout_of)])
    with pytest.raises(UsageError) as caught:
        opened(tmp_path).resolve()
    for at in range(len(layout_of)):
        assert f"oci-layout:{tmp_path}:v{at}" in str(caught.value)


def test_what_was_saved_under_tags_is_part_of_the_evidence(tmp_path: Path) -> None:
    rubbish = image(5)
    store = opened(write_layout(tmp_path, [ONE, rubbish], [entry(ONE, "1"), tagged_entry(rubbish, ONE, "sig")]))
    (problem,) = fetch(store)[1].problems

    assert (problem.id, problem.digest) == ("artifact-unknown", Descriptor.of(rubbish, "").digest)
