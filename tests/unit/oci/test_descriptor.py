from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

import pytest

from attest.errors import Unreadable
from attest.oci import limits
from attest.oci.descriptor import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    EMPTY_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    SIGSTORE_BUNDLE,
    Descriptor,
    Index,
    Manifest,
    artifact_manifest,
    parse_manifest,
)
from attest.oci.document import Json
from attest.reference import Digest, Platform

LAYER: Final[Mapping[str, Json]] = {"mediaType": "text/plain", "digest": str(Digest.of(b"layer")), "size": 5}
IMAGE: Final[Mapping[str, Json]] = {"mediaType": OCI_MANIFEST, "config": LAYER, "layers": [LAYER]}


def _parse(document: Mapping[str, Json], media_type: str = "") -> Manifest | Index:
    raw = json.dumps(document).encode()
    return parse_manifest(Descriptor.of(raw, media_type), raw, "here")


def test_a_descriptor_is_read_with_what_belongs_to_it() -> None:
    platform = {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1"}
    read = Descriptor.parse({**LAYER, "platform": platform, "annotations": {"a": "b"}, "artifactType": "t"}, "here")
    expected = Platform("linux", "arm", "v7", "1")
    assert read == Descriptor("text/plain", Digest.of(b"layer"), 5, expected, {"a": "b"}, "t")


@pytest.mark.parametrize("size", [None, -1, True, "5", 5.0])
def test_a_descriptor_without_a_usable_size_is_unreadable(size: Json) -> None:
    with pytest.raises(Unreadable, match="without a size"):
        Descriptor.parse({**LAYER, "size": size}, "here")


@pytest.mark.parametrize("digest", [None, "", "sha256:12", "../../etc/passwd", "md5:" + "0" * 32])
def test_a_descriptor_without_a_usable_digest_is_unreadable(digest: Json) -> None:
    with pytest.raises(Unreadable, match="without a usable digest"):
        Descriptor.parse({**LAYER, "digest": digest}, "here")


def test_a_descriptor_reads_back_as_it_was_written() -> None:
    descriptor = Descriptor("t", Digest.of(b"x"), 1, Platform("linux", "amd64"), {"a": "b"}, "kind")
    assert Descriptor.parse(descriptor.to_json(), "here") == descriptor


def test_a_manifest_keeps_its_bytes_and_names_its_parts() -> None:
    manifest = _parse({**IMAGE, "subject": LAYER, "artifactType": "kind", "annotations": {"a": "b"}}, OCI_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert manifest.config == manifest.layers[0] == manifest.subject == Descriptor("text/plain", Digest.of(b"layer"), 5)
    assert (manifest.artifact_type, manifest.annotations, manifest.null_layers) == ("kind", {"a": "b"}, False)
    assert Digest.of(manifest.raw) == manifest.descriptor.digest


@pytest.mark.parametrize("layers", [None, [None], [LAYER, None], "x"])
def test_layers_that_are_null_are_noticed(layers: Json) -> None:
    manifest = _parse({**IMAGE, "layers": layers})
    assert isinstance(manifest, Manifest)
    assert manifest.null_layers


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_lists_its_manifests(media_type: str) -> None:
    index = _parse({"mediaType": media_type, "manifests": [LAYER, LAYER]})
    assert isinstance(index, Index)
    assert len(index.manifests) == 2


def test_the_type_of_a_document_that_names_none_is_the_descriptors() -> None:
    assert isinstance(_parse({"layers": []}, DOCKER_MANIFEST), Manifest)
    assert isinstance(_parse({"manifests": []}, OCI_INDEX), Index)


def test_a_document_of_another_type_than_said_is_unreadable() -> None:
    said = f"expected {OCI_INDEX}, the document calls itself {OCI_MANIFEST!r}"
    with pytest.raises(Unreadable, match=re.escape(said)):
        _parse(IMAGE, OCI_INDEX)


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST])
def test_a_document_that_is_both_index_and_manifest_is_unreadable(media_type: str) -> None:
    with pytest.raises(Unreadable, match="CVE-2021-41190"):
        _parse({**IMAGE, "mediaType": media_type, "manifests": [LAYER]})


@pytest.mark.parametrize("media_type", ["", "application/json"])
def test_a_document_of_no_known_type_is_unreadable(media_type: str) -> None:
    with pytest.raises(Unreadable, match="neither an image index nor a manifest"):
        _parse({"layers": []}, media_type)


def test_an_index_with_too_many_manifests_is_unreadable() -> None:
    assert isinstance(_parse({"mediaType": OCI_INDEX, "manifests": [LAYER] * limits.CHILDREN}), Index)
    with pytest.raises(Unreadable, match="more than 1000"):
        _parse({"mediaType": OCI_INDEX, "manifests": [LAYER] * (limits.CHILDREN + 1)})


def test_an_artifact_manifest_refers_to_its_subject_and_to_nothing_about_it() -> None:
    subject = Descriptor(OCI_INDEX, Digest.of(b"index"), 5, Platform("linux", "amd64"), {"a": "b"})
    raw = artifact_manifest(subject, SIGSTORE_BUNDLE, Descriptor.of(b"bundle", SIGSTORE_BUNDLE), {"c": "d"})
    manifest = parse_manifest(Descriptor.of(raw, OCI_MANIFEST), raw, "here")
    assert isinstance(manifest, Manifest)
    assert manifest.subject == Descriptor(OCI_INDEX, Digest.of(b"index"), 5)
    assert manifest.config == Descriptor.of(b"{}", EMPTY_CONFIG)
    assert (manifest.artifact_type, manifest.annotations) == (SIGSTORE_BUNDLE, {"c": "d"})
    assert json.loads(raw)["config"]["data"] == "e30="
