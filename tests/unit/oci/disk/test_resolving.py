"""Which image of a layout is meant, and what is no layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attest.errors import NotFound, Unreadable, UsageError
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.oci.image import load_image
from attest.reference import Digest
from tests.unit.oci.disk.layouts import ASSETS, ONE, ONE_DIGEST, TWO, TWO_DIGEST, opened
from tests.unit.oci.samples import BUNDLE, blob_path, entry, index, write_layout


def test_a_tag_names_its_image(layout: Path) -> None:
    assert opened(layout, ":1").resolve() == Descriptor(OCI_MANIFEST, ONE_DIGEST, len(ONE))
    assert opened(layout, ":2").resolve().digest == TWO_DIGEST


@pytest.mark.parametrize("key", ["org.opencontainers.image.ref.name", "io.containerd.image.name"])
@pytest.mark.parametrize("name", ["registry.example.com:5000/acme/app:1", "registry.example.com/acme/app:1@sha256:ab"])
def test_a_tag_is_found_at_the_end_of_a_full_name(tmp_path: Path, key: str, name: str) -> None:
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(TWO, "11"), {**entry(ONE), "annotations": {key: name}}])
    assert opened(root, ":1").resolve().digest == ONE_DIGEST


def test_the_port_of_a_full_name_is_no_tag(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "registry.example.com:5000/app")])
    with pytest.raises(NotFound):
        opened(root, ":5000").resolve()


def test_an_unknown_tag_is_absent_and_the_error_names_what_is_there(layout: Path) -> None:
    with pytest.raises(NotFound, match="no image of this name") as caught:
        opened(layout, ":3").resolve()
    assert f"oci-layout:{layout}:1" in caught.value.detail
    assert f"oci-layout:{layout}:2" in caught.value.detail


def test_a_digest_names_an_entry(layout: Path) -> None:
    assert opened(layout, f"@{TWO_DIGEST}").resolve().digest == TWO_DIGEST


@pytest.mark.parametrize("content", [TWO, index(ONE)], ids=["manifest", "index"])
def test_a_digest_names_any_stored_manifest_by_the_type_in_it(tmp_path: Path, content: bytes) -> None:
    root = write_layout(tmp_path / "l", [ONE, content], [entry(ONE, "1")])
    media_type = json.loads(content)["mediaType"]
    assert opened(root, f"@{Digest.of(content)}").resolve() == Descriptor(media_type, Digest.of(content), len(content))


@pytest.mark.parametrize(
    ("content", "media_type"), [(b'{"manifests": []}', OCI_INDEX), (b'{"config": null, "layers": []}', OCI_MANIFEST)]
)
def test_a_document_from_before_media_types_is_known_by_its_shape(
    tmp_path: Path, content: bytes, media_type: str
) -> None:
    root = write_layout(tmp_path / "l", [ONE, content], [entry(ONE, "1")])
    assert opened(root, f"@{Digest.of(content)}").resolve().media_type == media_type


@pytest.mark.parametrize("content", [BUNDLE, b"layer"])
def test_a_digest_of_what_is_no_manifest_is_unreadable(layout: Path, content: bytes) -> None:
    blob_path(layout, content).write_bytes(content)
    with pytest.raises(Unreadable):
        opened(layout, f"@{Digest.of(content)}").resolve()


def test_a_digest_that_is_not_stored_is_absent(layout: Path) -> None:
    missing = Digest.of(b"missing")
    with pytest.raises(NotFound, match=f"oci-layout:{layout}@{missing}"):
        opened(layout, f"@{missing}").resolve()


@pytest.mark.parametrize("name", ["remote-v1-max-tag", "out-oci-dir"])
def test_the_only_image_of_a_real_layout_needs_no_name(name: str) -> None:
    loaded = load_image(opened(ASSETS / name / "layout"))
    assert [str(platform.platform) for platform in loaded.platforms] == ["linux/amd64"]
    assert len(loaded.attestation_manifests) == 1


def test_the_tag_of_a_real_layout_is_found() -> None:
    root = ASSETS / "out-oci-dir" / "layout"
    assert opened(root, ":1").resolve() == opened(root).resolve()


def test_one_of_several_images_must_be_named_and_the_error_says_how(layout: Path) -> None:
    with pytest.raises(UsageError, match="2 images, expected one") as caught:
        opened(layout).resolve()
    assert caught.value.exit_code == 2
    assert f"oci-layout:{layout}:1, oci-layout:{layout}:2" in caught.value.detail


def test_an_image_without_a_name_is_offered_by_its_digest(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(ONE, "1"), entry(TWO)])
    with pytest.raises(UsageError) as caught:
        opened(root).resolve()
    assert f"oci-layout:{root}@{TWO_DIGEST}" in caught.value.detail


def test_two_images_under_one_tag_are_offered_by_their_digests(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(ONE, "1"), entry(TWO, "1")])
    with pytest.raises(UsageError) as caught:
        opened(root, ":1").resolve()
    assert str(ONE_DIGEST) in caught.value.detail
    assert str(TWO_DIGEST) in caught.value.detail


def test_the_same_digest_twice_is_one_image(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "1"), entry(ONE, "latest"), entry(ONE)])
    assert opened(root).resolve().digest == ONE_DIGEST


def test_a_layout_without_an_image_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no image in this layout"):
        opened(write_layout(tmp_path / "l", [], [])).resolve()


def test_an_entry_that_does_not_lead_to_what_it_says_is_not_passed_over(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "1"), entry(TWO)])
    with pytest.raises(UsageError, match="2 images"):
        opened(root).resolve()


def test_a_path_that_does_not_exist_is_absent(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such directory"):
        opened(tmp_path / "missing").resolve()
    (tmp_path / "file").touch()
    with pytest.raises(NotFound, match="no such directory"):
        opened(tmp_path / "file" / "below").resolve()


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_directory_without_the_files_of_a_layout_is_none(layout: Path, name: str) -> None:
    (layout / name).unlink()
    with pytest.raises(NotFound, match=name):
        opened(layout, ":1").resolve()


@pytest.mark.parametrize("version", ["{}", '{"imageLayoutVersion":"2.0.0"}', "rubbish"])
def test_a_layout_of_an_unknown_version_is_unreadable(layout: Path, version: str) -> None:
    (layout / "oci-layout").write_text(version)
    with pytest.raises(Unreadable, match="not an OCI layout"):
        opened(layout, ":1").resolve()


@pytest.mark.parametrize("content", ["", "[]", '{"manifests":[{"mediaType":"x"}]}', '{"manifests":[],"manifests":[]}'])
def test_an_index_that_is_none_is_unreadable(layout: Path, content: str) -> None:
    (layout / "index.json").write_text(content)
    with pytest.raises(Unreadable, match=r"index\.json"):
        opened(layout, ":1").resolve()
