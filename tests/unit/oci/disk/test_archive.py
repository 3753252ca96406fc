"""Layouts in tar archives, as BuildKit and skopeo write them."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from pathlib import Path

import pytest

from attest.errors import NotFound, NotWritable, StoreError, Unreadable
from attest.evidence.collect import fetch
from attest.oci.descriptor import SIGSTORE_BUNDLE, Descriptor, artifact_manifest
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.disk.archives import RECORDING, add, pack
from tests.unit.oci.disk.layouts import ONE, opened
from tests.unit.oci.samples import blob_path, entry, image, referrer, write_layout


@pytest.mark.parametrize("prefix", ["", "./"])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_an_archive_reads_as_the_directory_that_it_holds(path: Path, prefix: str, form: int) -> None:
    image_there, evidence_there = fetch(opened(RECORDING))
    image_here, evidence_here = fetch(opened(pack(path, prefix, form=form)))

    assert evidence_there.attestations
    assert evidence_here == evidence_there
    assert image_here.root == image_there.root
    assert image_here.platforms == image_there.platforms


def test_a_real_archive_of_buildkits_is_read(tmp_path: Path) -> None:
    """Where this recording has been unpacked, as all are, it is packed again as BuildKit does: with directories."""
    with tarfile.open(tmp_path / "image.tar", "w") as archive:
        archive.add(RECORDING, ".")
    assert fetch(opened(tmp_path / "image.tar"))[1].attestations


def test_an_archive_is_only_read(path: Path) -> None:
    before = pack(path).read_bytes()
    store = opened(path)
    root = store.resolve()
    subject = store.manifest(root)
    artifact = artifact_manifest(root, SIGSTORE_BUNDLE, Descriptor.of(subject, SIGSTORE_BUNDLE), {})
    with pytest.raises(NotWritable, match="an archive") as caught:
        store.attach([Artifact(artifact, root.digest)])
    assert "tar -xf" in caught.value.remedy
    assert path.read_bytes() == before


def test_a_compressed_archive_says_how_to_unpack_it(path: Path) -> None:
    path.write_bytes(gzip.compress(pack(path).read_bytes()))
    with pytest.raises(Unreadable, match="compressed") as caught:
        opened(path).resolve()
    assert "gunzip" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"\0" * 10240, b"hello\n" * 1000, b'{"schemaVersion": 2}'])
def test_what_is_no_archive_of_a_layout_says_so(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"neither a directory nor a tar archive|not an OCI layout"):
        opened(path).resolve()


def test_a_layout_in_a_folder_of_the_archive_is_not_looked_for(path: Path) -> None:
    with pytest.raises(NotFound, match="oci-layout"):
        opened(pack(path, "layout/")).resolve()


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(Unreadable, match="neither a directory nor a file"):
        opened(path).resolve()


def test_a_blob_can_be_the_first_question_to_an_archive(path: Path) -> None:
    content = (RECORDING / "index.json").read_bytes()
    (listed,) = json.loads(content)["manifests"]
    digest = Digest.parse(listed["digest"])
    found = opened(pack(path)).blob(Descriptor(listed["mediaType"], digest, listed["size"]), listed["size"])
    assert Digest.of(found) == digest


def test_bundles_that_cosign_saved_are_found_in_an_archive_too(path: Path, tmp_path: Path) -> None:
    saved = {**entry(ONE), "annotations": {"kind": "dev.cosignproject.cosign/image"}}
    root = write_layout(tmp_path / "saved", [ONE, image(2), referrer(ONE)], [saved])
    with tarfile.open(path, "w") as archive:
        archive.add(root, ".")
    add(path, f"elsewhere/{'0' * 64}", referrer(ONE, 2))
    (found,) = opened(path).referrers(Digest.of(ONE))
    assert found == opened(root).referrers(Digest.of(ONE))[0]
    assert found.digest.hex == blob_path(root, referrer(ONE)).name
