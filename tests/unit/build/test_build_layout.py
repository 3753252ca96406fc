from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from attest.build.layout import adopt, image_name, staged
from attest.errors import BuildFailed, NotWritable, StoreError, Unreadable
from attest.reference import Digest, LayoutReference

REF_NAME = "org.opencontainers.image.ref.name"
CONTAINERD = "io.containerd.image.name"


def write_layout(path: Path, *entries: Mapping[str, Any], blobs: tuple[bytes, ...] = ()) -> None:
    (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    for blob in blobs:
        (path / "blobs" / "sha256" / Digest.of(blob).hex).write_bytes(blob)
    (path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": list(entries)}))
    (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def entry(content: bytes, **annotations: str) -> dict[str, Any]:
    document = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": str(Digest.of(content)), "size": 3}
    return document | ({"annotations": annotations} if annotations else {})


def entries(path: Path) -> list[dict[str, Any]]:
    found = json.loads((path / "index.json").read_text())["manifests"]
    assert isinstance(found, list)
    return found


def built(scratch: Path, target: LayoutReference, content: bytes = b"new") -> LayoutReference:
    """As BuildKit leaves it."""
    layout = staged(target, scratch)
    write_layout(layout.path, entry(content, **{REF_NAME: "v1", CONTAINERD: "localhost/out:v1"}), blobs=(content,))
    return layout


@pytest.fixture
def target(tmp_path: Path) -> LayoutReference:
    return LayoutReference(tmp_path / "some" / "out", "v1", None)


def test_a_new_layout_is_complete(tmp_path: Path, target: LayoutReference) -> None:
    adopt(built(tmp_path / "scratch", target), target, Digest.of(b"new"))
    assert entries(target.path) == [entry(b"new", **{REF_NAME: "v1", CONTAINERD: "localhost/out:v1"})]
    assert (target.path / "oci-layout").read_text() == '{"imageLayoutVersion":"1.0.0"}'
    assert (target.path / "blobs" / "sha256" / Digest.of(b"new").hex).read_bytes() == b"new"
    assert sorted(path.name for path in target.path.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_other_images_and_all_referrers_stay(tmp_path: Path, target: LayoutReference) -> None:
    others = (
        entry(b"old", **{REF_NAME: "v0"}),
        {**entry(b"signature"), "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json"},
        entry(b"fallback", **{REF_NAME: Digest.of(b"old").fallback_tag}),
    )
    write_layout(target.path, *others, blobs=(b"old", b"signature"))
    adopt(built(tmp_path / "scratch", target), target, Digest.of(b"new"))
    assert entries(target.path)[:3] == list(others)
    assert (target.path / "blobs" / "sha256" / Digest.of(b"signature").hex).read_bytes() == b"signature"


def test_a_tag_moves_whatever_tool_wrote_it(tmp_path: Path, target: LayoutReference) -> None:
    # BuildKit alone would leave both: it compares io.containerd.image.name as well.
    write_layout(
        target.path, entry(b"old", **{REF_NAME: "v1"}), entry(b"older", **{REF_NAME: "v1", CONTAINERD: "x/y:v1"})
    )
    adopt(built(tmp_path / "scratch", target), target, Digest.of(b"new"))
    assert [found["digest"] for found in entries(target.path)] == [str(Digest.of(b"new"))]


def test_what_an_index_says_besides_stays(tmp_path: Path, target: LayoutReference) -> None:
    write_layout(target.path)
    index = {"schemaVersion": 2, "annotations": {"a": "b"}, "manifests": None}
    (target.path / "index.json").write_text(json.dumps(index))
    adopt(built(tmp_path / "scratch", target), target, Digest.of(b"new"))
    assert json.loads((target.path / "index.json").read_text())["annotations"] == {"a": "b"}


def test_a_damaged_blob_is_replaced(tmp_path: Path, target: LayoutReference) -> None:
    write_layout(target.path, blobs=(b"new",))
    place = target.path / "blobs" / "sha256" / Digest.of(b"new").hex
    place.write_bytes(b"bad")
    adopt(built(tmp_path / "scratch", target), target, Digest.of(b"new"))
    assert place.read_bytes() == b"new"


def test_blobs_cross_from_one_file_system_to_another(
    tmp_path: Path, target: LayoutReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace
    scratch = tmp_path / "scratch"

    def refusing(path: Path, place: Path) -> Path:
        if path.is_relative_to(scratch):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(path, place)

    monkeypatch.setattr(Path, "replace", refusing)
    adopt(built(scratch, target), target, Digest.of(b"new"))
    blobs = list((target.path / "blobs" / "sha256").iterdir())
    assert [blob.read_bytes() for blob in blobs] == [b"new"]


@pytest.mark.parametrize("content", ["x", "[]", '{"manifests": {}}'])
def test_what_is_no_layout_is_refused_before_anything_is_built(target: LayoutReference, content: str) -> None:
    target.path.mkdir(parents=True)
    (target.path / "index.json").write_text(content)
    with pytest.raises(Unreadable, match=r"index\.json"):
        staged(target, target.path)
    assert (target.path / "index.json").read_text() == content


def test_another_digest_than_the_built_one_is_not_taken_over(tmp_path: Path, target: LayoutReference) -> None:
    with pytest.raises(BuildFailed, match="left no image"):
        adopt(built(tmp_path / "scratch", target), target, Digest.of(b"other"))
    assert not target.path.exists()


def test_a_file_where_the_layout_should_be_is_not_writable(tmp_path: Path, target: LayoutReference) -> None:
    layout = built(tmp_path / "scratch", target)
    target.path.parent.mkdir(parents=True)
    target.path.write_text("a file")
    with pytest.raises((NotWritable, StoreError)):
        adopt(layout, target, Digest.of(b"new"))
    assert target.path.read_text() == "a file"


@pytest.mark.parametrize(
    ("directory", "name"),
    [
        ("out", "localhost/out:v1"),
        ("My App_2", "localhost/my-app-2:v1"),
        ("…", "localhost/image:v1"),
        ("/", "localhost/image:v1"),
    ],
)
def test_the_image_is_named_after_its_directory(directory: str, name: str) -> None:
    assert image_name(LayoutReference(Path(directory), "v1", None)) == name


def test_the_name_is_the_same_where_it_is_staged(tmp_path: Path, target: LayoutReference) -> None:
    # The name ends in the provenance.
    assert image_name(staged(target, tmp_path)) == image_name(target)
