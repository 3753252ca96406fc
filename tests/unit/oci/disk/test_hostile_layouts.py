"""Layouts of strangers: bytes, links, pipes and documents that are not what they should be."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attest.errors import ContentMismatch, NotFound, NotWritable, StoreError, Unreadable, UsageError
from attest.oci import limits
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor, parse_manifest
from attest.reference import Digest
from tests.unit.oci.disk.layouts import ONE, ONE_DIGEST, contents, opened, push_blob
from tests.unit.oci.samples import BUNDLE, blob_path, entry, write_layout


def test_what_is_resolved_has_been_checked(layout: Path) -> None:
    blob_path(layout, ONE).write_bytes(ONE.replace(b"linux", b"Linux").replace(b'"1"', b'"9"'))
    with pytest.raises(ContentMismatch):
        opened(layout, ":1").resolve()


def test_a_blob_of_full_length_with_another_digest_is_a_mismatch(layout: Path) -> None:
    blob_path(layout, BUNDLE).write_bytes(BUNDLE[::-1])
    with pytest.raises(ContentMismatch, match="the content was changed") as caught:
        opened(layout).blob(Descriptor.of(BUNDLE, ""), 100)
    assert str(Digest.of(BUNDLE)) in caught.value.detail
    assert str(Digest.of(BUNDLE[::-1])) in caught.value.detail


@pytest.mark.parametrize("content", [BUNDLE[:-1], BUNDLE + b" ", b""])
def test_a_blob_of_another_length_is_unreadable_not_a_mismatch(layout: Path, content: bytes) -> None:
    blob_path(layout, BUNDLE).write_bytes(content)
    with pytest.raises(Unreadable):
        opened(layout).blob(Descriptor.of(BUNDLE, ""), 100)


def test_a_missing_blob_is_absent_and_the_error_names_blob_and_layout(layout: Path) -> None:
    blob_path(layout, BUNDLE).unlink()
    with pytest.raises(NotFound, match=f"oci-layout:{layout}@{Digest.of(BUNDLE)}"):
        opened(layout).blob(Descriptor.of(BUNDLE, ""), 100)


def test_caps_are_respected_before_anything_is_read(layout: Path) -> None:
    with pytest.raises(Unreadable, match=f"{len(BUNDLE)} bytes, more than the {len(BUNDLE) - 1} that are read"):
        opened(layout).blob(Descriptor.of(BUNDLE, ""), len(BUNDLE) - 1)
    with pytest.raises(Unreadable, match="that are read"):
        opened(layout).manifest(Descriptor(OCI_INDEX, ONE_DIGEST, limits.MANIFEST + 1))


def test_a_sparse_file_of_terabytes_is_not_read(layout: Path) -> None:
    os.truncate(blob_path(layout, ONE), 1 << 40)
    os.truncate(layout / "oci-layout", 1 << 40)
    with pytest.raises(Unreadable, match="1099511627776 bytes"):
        opened(layout).manifest(Descriptor.of(ONE, OCI_MANIFEST))
    with pytest.raises(Unreadable, match="1099511627776 bytes"):
        opened(layout, ":1").resolve()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"manifests": [], "x": "' + b"x" * 10_000_000 + b'"}', "10000026 bytes"),
        (b'{"manifests": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "nested too deeply"),
        (b'{"manifests": [' + b"{}," * 1_000_000 + b"{}]}", "values"),
        (b'{"manifests": [], "manifests": []}', "occurs twice"),
        (b'{"manifests": [], "Manifests": []}', "Manifests"),
    ],
    ids=["10 MB", "deep", "many", "twice", "other spelling"],
)
def test_an_index_made_to_hurt_is_refused(layout: Path, content: bytes, why: str) -> None:
    (layout / "index.json").write_bytes(content)
    with pytest.raises(Unreadable, match=why):
        opened(layout, ":1").resolve()


def _as_pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def _as_directory(path: Path, outside: Path) -> None:
    path.mkdir()


def _as_link_out(path: Path, outside: Path) -> None:
    path.symlink_to(outside)


def _as_link_to_itself(path: Path, outside: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("become", "why"),
    [
        (_as_pipe, "not a regular file"),
        (_as_directory, "not a regular file"),
        (_as_link_out, "leads out of the layout"),
        (_as_link_to_itself, "cannot be read"),
    ],
)
@pytest.mark.parametrize("which", ["blob", "index.json", "oci-layout"])
def test_only_regular_files_inside_the_layout_are_opened(
    layout: Path, tmp_path: Path, become: Callable[[Path, Path], None], why: str, which: str
) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(ONE)  # the right content does not help: nothing outside is looked at
    path = blob_path(layout, ONE) if which == "blob" else layout / which
    path.unlink()
    become(path, outside)
    with pytest.raises(Unreadable, match=why):
        opened(layout, ":1").resolve()


def test_a_blob_folder_that_is_a_link_out_is_not_entered(layout: Path, tmp_path: Path) -> None:
    (layout / "blobs").rename(tmp_path / "elsewhere")
    (layout / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unreadable, match="leads out of the layout"):
        opened(layout, ":1").resolve()
    with pytest.raises(Unreadable, match="leads out of the layout"):
        push_blob(opened(layout, ":1"), b"new")
    assert not (tmp_path / "elsewhere" / "sha256" / Digest.of(b"new").hex).exists()


@contextmanager
def nobody() -> Iterator[None]:
    """Root may read and write everything, so as root this is tried as somebody else."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.fixture
def public() -> Iterator[Path]:
    """A layout that others can reach: what pytest makes is closed to them."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield write_layout(Path(folder) / "layout", [ONE], [entry(ONE, "1")])


@pytest.mark.parametrize("which", ["blob", "index.json", "oci-layout"])
def test_a_file_that_may_not_be_read_says_so(public: Path, which: str) -> None:
    with nobody():
        assert opened(public).resolve().digest == ONE_DIGEST
    (blob_path(public, ONE) if which == "blob" else public / which).chmod(0)
    with nobody(), pytest.raises(Unreadable, match="cannot be read") as caught:
        opened(public).resolve()
    assert "Permission denied" in caught.value.detail


def test_a_layout_that_may_not_be_written_to_says_so(public: Path) -> None:
    public.chmod(0o555)
    (public / "blobs" / "sha256").chmod(0o555)
    before = contents(public)
    with nobody():
        assert opened(public).resolve().digest == ONE_DIGEST
        with pytest.raises(NotWritable, match="cannot be written") as caught:
            push_blob(opened(public), b"new")
    assert "Permission denied" in caught.value.detail
    assert contents(public) == before


def test_links_inside_the_layout_are_followed(layout: Path, tmp_path: Path) -> None:
    path = blob_path(layout, ONE)
    path.rename(layout / "stored")
    path.symlink_to("../../stored")
    (tmp_path / "link").symlink_to(layout)
    assert opened(tmp_path / "link", ":1").resolve().digest == ONE_DIGEST


def test_every_error_is_one_a_store_may_raise(layout: Path) -> None:
    """A layout with each of its bytes flipped reads as before, or says what is wrong in one of our own errors."""
    path = layout / "index.json"
    content = path.read_bytes()
    for position in range(0, len(content), 3):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x20]) + content[position + 1 :])
        try:
            found = opened(layout, ":1").resolve()
            parse_manifest(found, opened(layout).manifest(found), "")
            opened(layout).referrers(ONE_DIGEST)
        except (StoreError, UsageError):
            continue
