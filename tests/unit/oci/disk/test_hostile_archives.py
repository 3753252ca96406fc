"""Archives as nobody should write them."""

from __future__ import annotations

import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from attest.errors import NotFound, StoreError, Unreadable
from attest.evidence.collect import fetch
from attest.oci import limits
from tests.unit.oci.disk.archives import RECORDING, add, members, pack
from tests.unit.oci.disk.layouts import opened

OTHER_INDEX = b'{"schemaVersion": 2, "manifests": []}'


@pytest.mark.parametrize("content", [OTHER_INDEX, (RECORDING / "index.json").read_bytes()], ids=["other", "same"])
def test_a_name_that_stands_there_twice_is_refused(path: Path, content: bytes) -> None:
    add(pack(path), "./index.json", content)
    with pytest.raises(Unreadable, match=r"'index\.json' twice"):
        opened(path).resolve()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_that_would_replace_a_file_is_refused(path: Path, kind: bytes) -> None:
    add(pack(path), "index.json", kind=kind, link="elsewhere")
    with pytest.raises(Unreadable, match=r"'index\.json' twice"):
        opened(path).resolve()


def test_a_file_that_would_replace_a_link_is_refused(path: Path) -> None:
    add(pack(path), "notes", kind=tarfile.SYMTYPE, link="index.json")
    assert fetch(opened(path))[1].attestations
    add(path, "notes", OTHER_INDEX)
    with pytest.raises(Unreadable, match="'notes' twice"):
        opened(path).resolve()


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("name", ["here/index.json", "here/blobs/sha256/x"])
def test_what_would_be_unpacked_through_a_link_is_refused(path: Path, name: str, is_first: bool) -> None:
    """`here/index.json` replaces index.json where `here` is a link to the folder that it lies in."""
    pack(path)
    if is_first:
        add(path, "here", kind=tarfile.SYMTYPE, link=".")
    add(path, name, OTHER_INDEX)
    if not is_first:
        add(path, "here", kind=tarfile.SYMTYPE, link=".")
    with pytest.raises(Unreadable, match="'here' is no directory"):
        opened(path).resolve()


def test_a_link_that_leads_nowhere_hurts_nobody(path: Path) -> None:
    """docker wrote links to layers that several images share."""
    add(pack(path), "0123/layer.tar", kind=tarfile.SYMTYPE, link="../4567/layer.tar")
    assert fetch(opened(path))[1].attestations


@pytest.mark.parametrize(
    "kind",
    [
        tarfile.SYMTYPE,
        tarfile.LNKTYPE,
        tarfile.FIFOTYPE,
        tarfile.CHRTYPE,
        tarfile.DIRTYPE,
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_only_regular_members_count(path: Path, kind: bytes) -> None:
    def change(member: tarfile.TarInfo) -> None:
        if member.name == "index.json":
            member.type, member.linkname, member.size = kind, "/etc/passwd", 0

    with pytest.raises(NotFound, match=r"index\.json"):
        opened(pack(path, change=change)).resolve()


@pytest.mark.parametrize("name", ["/index.json", "../index.json", "blobs/../index.json", "a/" * 200 + "x"])
def test_a_name_that_is_none_of_a_layout_is_refused(path: Path, name: str) -> None:
    """Programs that unpack take `/index.json` for `index.json`."""
    add(pack(path), name, OTHER_INDEX)
    with pytest.raises(Unreadable, match="no name of a file in a layout"):
        opened(path).resolve()


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


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_less_than_nothing_is_refused(path: Path, kind: bytes) -> None:
    """Asked for -512 bytes, a file gives all that it has."""
    header = tarfile.TarInfo("x")
    header.type, header.size = kind, -512
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + pack(path).read_bytes())
    with pytest.raises(Unreadable, match="a header of -512 bytes"):
        opened(path).resolve()


def test_records_for_the_whole_archive_are_few(path: Path) -> None:
    """Each file gets a copy of them; `git archive` writes one, its commit."""
    for count in (1, limits.TAR_GLOBALS + 1):
        records = {f"comment{number}": "x" for number in range(count)}
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers=records) as archive:
            for member, content in members(RECORDING, ""):
                archive.addfile(member, io.BytesIO(content))
        if count == 1:
            assert fetch(opened(path))[1].attestations
    with pytest.raises(Unreadable, match="pax records"):
        opened(path).resolve()


def test_many_files_do_not_each_keep_a_copy_of_those_records(path: Path) -> None:
    records = {f"comment{number}": "x" for number in range(limits.TAR_GLOBALS)}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers=records) as archive:
        for number in range(3000):
            archive.addfile(tarfile.TarInfo(str(number)))
    tracemalloc.start()
    try:
        with pytest.raises(NotFound):
            opened(path).resolve()
        assert tracemalloc.get_traced_memory()[1] < 3_000_000  # 100 records are 5 KiB
    finally:
        tracemalloc.stop()


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


def test_a_changed_blob_in_an_archive_is_seen(path: Path) -> None:
    content = pack(path).read_bytes()
    assert content.count(b'"predicateType"') >= 2
    path.write_bytes(content.replace(b'"predicateType"', b'"predicatetype"'))
    _, evidence = fetch(opened(path))
    assert {error.reason for error in evidence.unread} == {"changed"}
