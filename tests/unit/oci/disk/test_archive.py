"""Layouts in tar archives, as BuildKit and skopeo write them, and as nobody should."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attest.errors import NotFound, NotWritable, StoreError, Unreadable
from attest.evidence.collect import fetch
from attest.oci import limits
from attest.oci.descriptor import SIGSTORE_BUNDLE, Descriptor, artifact_manifest
from attest.oci.disk.layout import Layout
from attest.oci.interface import Artifact
from attest.reference import LayoutReference, parse_reference

ASSETS = Path(__file__).parents[3] / "assets" / "buildkit"
RECORDING = ASSETS / "sbom-tiny" / "layout"


def opened(path: Path, rest: str = "") -> Layout:
    reference = parse_reference(f"oci-layout:{path}{rest}")
    assert isinstance(reference, LayoutReference)
    return Layout(reference)


def members(folder: Path, prefix: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            member = tarfile.TarInfo(prefix + str(path.relative_to(folder)))
            member.size = len(content)
            yield member, content


def pack(
    path: Path,
    prefix: str = "",
    change: Callable[[tarfile.TarInfo], None] = lambda _: None,
    form: int = tarfile.USTAR_FORMAT,
) -> Path:
    with tarfile.open(path, "w", format=form) as archive:
        for member, content in members(RECORDING, prefix):
            change(member)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


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


def test_a_name_that_stands_there_twice_is_refused(path: Path) -> None:
    pack(path)
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo("./index.json")
        content = b'{"schemaVersion": 2, "manifests": []}'
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(Unreadable, match="twice"):
        opened(path).resolve()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_only_regular_members_count(path: Path, kind: bytes) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "index.json":
            member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    with pytest.raises(NotFound, match=r"index\.json"):
        opened(pack(path, change=change)).resolve()


@pytest.mark.parametrize("name", ["/index.json", "../index.json", "layout/index.json"])
def test_a_member_is_what_its_name_says_and_nothing_else(path: Path, name: str) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "index.json":
            member.name = name

    with pytest.raises(NotFound, match=r"index\.json"):
        opened(pack(path, change=change)).resolve()


@pytest.mark.parametrize("size", [2**33, 2**62])
def test_a_member_larger_than_the_archive_is_unreadable(path: Path, size: int) -> None:
    pack(path)
    content = bytearray(path.read_bytes())
    member = tarfile.TarInfo("index.json")
    member.size = size
    content[:512] = member.tobuf(tarfile.GNU_FORMAT)[:512]
    path.write_bytes(content)
    with pytest.raises(StoreError):
        opened(path).resolve()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_header_that_would_fill_the_memory_is_refused(path: Path, form: int) -> None:
    kind = tarfile.XHDTYPE if form == tarfile.PAX_FORMAT else tarfile.GNUTYPE_LONGNAME
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, 1 << 30
    with path.open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(1 << 31)  # a hole: it costs no disk
    with pytest.raises(Unreadable, match="a header of"):
        opened(path).resolve()


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_archive_is_never_half_an_image(path: Path, keep: float) -> None:
    content = pack(path).read_bytes()
    path.write_bytes(content[: int(len(content.rstrip(b"\0")) * keep)])
    try:
        _, evidence = fetch(opened(path))
    except StoreError:
        return
    assert evidence.unread


def test_too_many_members_are_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TAR_MEMBERS", 3)
    with pytest.raises(Unreadable, match="more than 3 files"):
        opened(pack(path)).resolve()


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(Unreadable, match="neither a directory nor a file"):
        opened(path).resolve()


def test_a_changed_blob_in_an_archive_is_seen(path: Path) -> None:
    content = pack(path).read_bytes()
    assert content.count(b'"predicateType"') >= 2
    path.write_bytes(content.replace(b'"predicateType"', b'"predicatetype"'))
    _, evidence = fetch(opened(path))
    assert {error.reason for error in evidence.unread} == {"changed"}
