from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from attest.errors import ContentMismatch, NotFound, NotWritable, StoreError, Unreadable, UsageError
from attest.oci import limits
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, SIGSTORE_BUNDLE, Descriptor, parse_manifest
from attest.oci.disk.layout import Layout
from attest.oci.image import load_image
from attest.oci.interface import Artifact
from attest.reference import Digest, LayoutReference, parse_reference
from tests.unit.oci.samples import BUNDLE, blob_path, entry, image, index, referrer, write_layout

ASSETS = Path(__file__).parents[3] / "assets" / "buildkit"
ONE, TWO = image(1), image(2)
ONE_DIGEST, TWO_DIGEST = Digest.of(ONE), Digest.of(TWO)


def _open(root: Path, rest: str = "") -> Layout:
    reference = parse_reference(f"oci-layout:{root}{rest}")
    assert isinstance(reference, LayoutReference)
    return Layout(reference)


def _contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    """Two images, named 1 and 2."""
    return write_layout(tmp_path / "layout", [ONE, TWO], [entry(ONE, "1"), entry(TWO, "2")])


# Resolving


def test_a_tag_names_its_image(layout: Path) -> None:
    assert _open(layout, ":1").resolve() == Descriptor(OCI_MANIFEST, ONE_DIGEST, len(ONE))
    assert _open(layout, ":2").resolve().digest == TWO_DIGEST


@pytest.mark.parametrize("key", ["org.opencontainers.image.ref.name", "io.containerd.image.name"])
@pytest.mark.parametrize("name", ["registry.example.com:5000/acme/app:1", "registry.example.com/acme/app:1@sha256:ab"])
def test_a_tag_is_found_at_the_end_of_a_full_name(tmp_path: Path, key: str, name: str) -> None:
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(TWO, "11"), {**entry(ONE), "annotations": {key: name}}])
    assert _open(root, ":1").resolve().digest == ONE_DIGEST


def test_the_port_of_a_full_name_is_no_tag(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "registry.example.com:5000/app")])
    with pytest.raises(NotFound):
        _open(root, ":5000").resolve()


def test_an_unknown_tag_is_absent_and_the_error_names_what_is_there(layout: Path) -> None:
    with pytest.raises(NotFound, match="no image of this name") as caught:
        _open(layout, ":3").resolve()
    assert f"oci-layout:{layout}:1" in caught.value.detail
    assert f"oci-layout:{layout}:2" in caught.value.detail


def test_a_digest_names_an_entry(layout: Path) -> None:
    assert _open(layout, f"@{TWO_DIGEST}").resolve().digest == TWO_DIGEST


@pytest.mark.parametrize("content", [TWO, index(ONE)], ids=["manifest", "index"])
def test_a_digest_names_any_stored_manifest_by_the_type_in_it(tmp_path: Path, content: bytes) -> None:
    root = write_layout(tmp_path / "l", [ONE, content], [entry(ONE, "1")])
    media_type = json.loads(content)["mediaType"]
    assert _open(root, f"@{Digest.of(content)}").resolve() == Descriptor(media_type, Digest.of(content), len(content))


@pytest.mark.parametrize(
    ("content", "media_type"), [(b'{"manifests": []}', OCI_INDEX), (b'{"config": null, "layers": []}', OCI_MANIFEST)]
)
def test_a_document_from_before_media_types_is_known_by_its_shape(
    tmp_path: Path, content: bytes, media_type: str
) -> None:
    root = write_layout(tmp_path / "l", [ONE, content], [entry(ONE, "1")])
    assert _open(root, f"@{Digest.of(content)}").resolve().media_type == media_type


@pytest.mark.parametrize("content", [BUNDLE, b"layer"])
def test_a_digest_of_what_is_no_manifest_is_unreadable(layout: Path, content: bytes) -> None:
    blob_path(layout, content).write_bytes(content)
    with pytest.raises(Unreadable):
        _open(layout, f"@{Digest.of(content)}").resolve()


def test_a_digest_that_is_not_stored_is_absent(layout: Path) -> None:
    missing = Digest.of(b"missing")
    with pytest.raises(NotFound, match=f"oci-layout:{layout}@{missing}"):
        _open(layout, f"@{missing}").resolve()


@pytest.mark.parametrize("name", ["remote-v1-max-tag", "out-oci-dir"])
def test_the_only_image_of_a_real_layout_needs_no_name(name: str) -> None:
    loaded = load_image(_open(ASSETS / name / "layout"))
    assert [str(platform.platform) for platform in loaded.platforms] == ["linux/amd64"]
    assert len(loaded.attestation_manifests) == 1


def test_the_tag_of_a_real_layout_is_found() -> None:
    root = ASSETS / "out-oci-dir" / "layout"
    assert _open(root, ":1").resolve() == _open(root).resolve()


def test_one_of_several_images_must_be_named_and_the_error_says_how(layout: Path) -> None:
    with pytest.raises(UsageError, match="2 images, expected one") as caught:
        _open(layout).resolve()
    assert caught.value.exit_code == 2
    assert f"oci-layout:{layout}:1, oci-layout:{layout}:2" in caught.value.detail


def test_an_image_without_a_name_is_offered_by_its_digest(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(ONE, "1"), entry(TWO)])
    with pytest.raises(UsageError) as caught:
        _open(root).resolve()
    assert f"oci-layout:{root}@{TWO_DIGEST}" in caught.value.detail


def test_two_images_under_one_tag_are_offered_by_their_digests(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(ONE, "1"), entry(TWO, "1")])
    with pytest.raises(UsageError) as caught:
        _open(root, ":1").resolve()
    assert str(ONE_DIGEST) in caught.value.detail
    assert str(TWO_DIGEST) in caught.value.detail


def test_the_same_digest_twice_is_one_image(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "1"), entry(ONE, "latest"), entry(ONE)])
    assert _open(root).resolve().digest == ONE_DIGEST


def test_a_layout_without_an_image_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no image in this layout"):
        _open(write_layout(tmp_path / "l", [], [])).resolve()


def test_an_entry_that_does_not_lead_to_what_it_says_is_not_passed_over(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "1"), entry(TWO)])
    with pytest.raises(UsageError, match="2 images"):
        _open(root).resolve()


# Referrers


def test_a_referrer_is_never_an_image(tmp_path: Path) -> None:
    extra, listed = referrer(ONE, 1), index(referrer(ONE, 2))
    entries = [entry(ONE, "1"), entry(extra), entry(listed, ONE_DIGEST.fallback_tag)]
    root = write_layout(tmp_path / "l", [ONE, extra, listed, referrer(ONE, 2)], entries)
    assert _open(root).resolve().digest == ONE_DIGEST
    with pytest.raises(NotFound):
        _open(root, f":{ONE_DIGEST.fallback_tag}").resolve()


def test_a_layout_of_referrers_alone_holds_no_image(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [referrer(ONE)], [entry(referrer(ONE))])
    with pytest.raises(NotFound, match="no image in this layout"):
        _open(root).resolve()


@pytest.mark.parametrize("suffix", ["sig", "att", "sbom"])
def test_cosigns_old_tags_are_no_images_but_can_be_asked_for(tmp_path: Path, suffix: str) -> None:
    tag = f"{ONE_DIGEST.fallback_tag}.{suffix}"
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(ONE, "1"), entry(TWO, tag)])
    assert _open(root).resolve().digest == ONE_DIGEST
    assert _open(root, f":{tag}").resolve().digest == TWO_DIGEST


def test_a_named_entry_with_a_subject_is_an_image(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, referrer(ONE)], [entry(referrer(ONE), "signature")])
    assert _open(root).resolve().digest == Digest.of(referrer(ONE))
    assert _open(root).referrers(ONE_DIGEST) == ()


def test_referrers_are_found_by_subject_and_by_fallback_tag_each_once(tmp_path: Path) -> None:
    first, second, foreign = referrer(ONE, 1), referrer(ONE, 2), referrer(TWO)
    listed = index(second, first)
    entries = [entry(ONE, "1"), entry(first), entry(foreign), entry(listed, ONE_DIGEST.fallback_tag)]
    root = write_layout(tmp_path / "l", [ONE, TWO, first, second, foreign, listed], entries)
    found = _open(root).referrers(ONE_DIGEST)
    assert [referrer.digest for referrer in found] == [Digest.of(first), Digest.of(second)]
    assert (found[0].artifact_type, found[0].annotations) == (SIGSTORE_BUNDLE, {"example.number": "1"})
    assert [referrer.digest for referrer in _open(root).referrers(TWO_DIGEST)] == [Digest.of(foreign)]


def test_an_index_can_be_a_referrer(tmp_path: Path) -> None:
    document = {**json.loads(index(TWO)), "subject": Descriptor.of(ONE, OCI_MANIFEST).to_json(), "artifactType": "kind"}
    content = json.dumps(document).encode()
    root = write_layout(tmp_path / "l", [ONE, content], [entry(ONE, "1"), entry(content)])
    (found,) = _open(root).referrers(ONE_DIGEST)
    assert (found.digest, found.artifact_type) == (Digest.of(content), "kind")


def test_an_image_without_referrers_has_none(layout: Path) -> None:
    assert _open(layout).referrers(ONE_DIGEST) == ()


def test_an_entry_that_cannot_be_read_may_be_a_referrer_and_is_an_error(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "1"), entry(referrer(ONE))])
    with pytest.raises(NotFound):
        _open(root).referrers(ONE_DIGEST)


def test_more_referrers_than_are_looked_at_can_be_told_from_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REFERRERS", 3)
    extra = [referrer(ONE, number) for number in range(9)]
    root = write_layout(tmp_path / "l", [ONE, *extra], [entry(ONE, "1"), *(entry(content) for content in extra)])
    assert len(_open(root).referrers(ONE_DIGEST)) == 4


# Content that is not what it should be


def test_what_is_resolved_has_been_checked(layout: Path) -> None:
    blob_path(layout, ONE).write_bytes(ONE.replace(b"linux", b"Linux").replace(b'"1"', b'"9"'))
    with pytest.raises(ContentMismatch):
        _open(layout, ":1").resolve()


def test_a_blob_of_full_length_with_another_digest_is_a_mismatch(layout: Path) -> None:
    blob_path(layout, BUNDLE).write_bytes(BUNDLE[::-1])
    with pytest.raises(ContentMismatch, match="the content was changed") as caught:
        _open(layout).blob(Descriptor.of(BUNDLE, ""), 100)
    assert str(Digest.of(BUNDLE)) in caught.value.detail
    assert str(Digest.of(BUNDLE[::-1])) in caught.value.detail


@pytest.mark.parametrize("content", [BUNDLE[:-1], BUNDLE + b" ", b""])
def test_a_blob_of_another_length_is_unreadable_not_a_mismatch(layout: Path, content: bytes) -> None:
    blob_path(layout, BUNDLE).write_bytes(content)
    with pytest.raises(Unreadable):
        _open(layout).blob(Descriptor.of(BUNDLE, ""), 100)


def test_a_missing_blob_is_absent_and_the_error_names_blob_and_layout(layout: Path) -> None:
    blob_path(layout, BUNDLE).unlink()
    with pytest.raises(NotFound, match=f"oci-layout:{layout}@{Digest.of(BUNDLE)}"):
        _open(layout).blob(Descriptor.of(BUNDLE, ""), 100)


def test_caps_are_respected_before_anything_is_read(layout: Path) -> None:
    with pytest.raises(Unreadable, match=f"{len(BUNDLE)} bytes, more than the {len(BUNDLE) - 1} that are read"):
        _open(layout).blob(Descriptor.of(BUNDLE, ""), len(BUNDLE) - 1)
    with pytest.raises(Unreadable, match="that are read"):
        _open(layout).manifest(Descriptor(OCI_INDEX, ONE_DIGEST, limits.MANIFEST + 1))


def test_a_sparse_file_of_terabytes_is_not_read(layout: Path) -> None:
    os.truncate(blob_path(layout, ONE), 1 << 40)
    os.truncate(layout / "oci-layout", 1 << 40)
    with pytest.raises(Unreadable, match="1099511627776 bytes"):
        _open(layout).manifest(Descriptor.of(ONE, OCI_MANIFEST))
    with pytest.raises(Unreadable, match="1099511627776 bytes"):
        _open(layout, ":1").resolve()


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
        _open(layout, ":1").resolve()


def test_a_blob_folder_that_is_a_link_out_is_not_entered(layout: Path, tmp_path: Path) -> None:
    (layout / "blobs").rename(tmp_path / "elsewhere")
    (layout / "blobs").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unreadable, match="leads out of the layout"):
        _open(layout, ":1").resolve()
    with pytest.raises(Unreadable, match="leads out of the layout"):
        _push_blob(_open(layout, ":1"), b"new")
    assert not (tmp_path / "elsewhere" / "sha256" / Digest.of(b"new").hex).exists()


def test_links_inside_the_layout_are_followed(layout: Path, tmp_path: Path) -> None:
    path = blob_path(layout, ONE)
    path.rename(layout / "stored")
    path.symlink_to("../../stored")
    (tmp_path / "link").symlink_to(layout)
    assert _open(tmp_path / "link", ":1").resolve().digest == ONE_DIGEST


# What is no layout


def test_a_path_that_does_not_exist_is_absent(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such directory"):
        _open(tmp_path / "missing").resolve()
    (tmp_path / "file").touch()
    with pytest.raises(NotFound, match="no such directory"):
        _open(tmp_path / "file" / "below").resolve()


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_directory_without_the_files_of_a_layout_is_none(layout: Path, name: str) -> None:
    (layout / name).unlink()
    with pytest.raises(NotFound, match=name):
        _open(layout, ":1").resolve()


@pytest.mark.parametrize("version", ["{}", '{"imageLayoutVersion":"2.0.0"}', "rubbish"])
def test_a_layout_of_an_unknown_version_is_unreadable(layout: Path, version: str) -> None:
    (layout / "oci-layout").write_text(version)
    with pytest.raises(Unreadable, match="not an OCI layout"):
        _open(layout, ":1").resolve()


@pytest.mark.parametrize("content", ["", "[]", '{"manifests":[{"mediaType":"x"}]}', '{"manifests":[],"manifests":[]}'])
def test_an_index_that_is_none_is_unreadable(layout: Path, content: str) -> None:
    (layout / "index.json").write_text(content)
    with pytest.raises(Unreadable, match=r"index\.json"):
        _open(layout, ":1").resolve()


# Writing


def _push_blob(store: Layout, content: bytes) -> Descriptor:
    """A blob comes in with something that is attached."""
    store.attach([Artifact(referrer(ONE), ONE_DIGEST, (content,))])
    return Descriptor.of(content, "")


def test_a_pushed_blob_is_read_back(layout: Path) -> None:
    descriptor = _push_blob(_open(layout), b"new")
    assert _open(layout).blob(descriptor, 10) == b"new"


def test_pushing_what_is_there_writes_nothing(layout: Path) -> None:
    before = blob_path(layout, BUNDLE).stat()
    _push_blob(_open(layout), BUNDLE)
    assert blob_path(layout, BUNDLE).stat() == before


@pytest.mark.parametrize("content", [BUNDLE[:-1], BUNDLE[::-1], b""])
def test_pushing_repairs_a_damaged_blob(layout: Path, content: bytes) -> None:
    blob_path(layout, BUNDLE).write_bytes(content)
    descriptor = _push_blob(_open(layout), BUNDLE)
    assert _open(layout).blob(descriptor, 100) == BUNDLE


def test_the_first_blob_of_a_layout_makes_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "l"
    root.mkdir()
    (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (root / "index.json").write_text('{"schemaVersion":2,"manifests":[]}')
    descriptor = _push_blob(_open(root), b"new")
    assert _open(root).blob(descriptor, 10) == b"new"


def test_what_was_attached_is_listed_and_is_no_image(layout: Path) -> None:
    content = referrer(ONE)
    (attached,) = _open(layout, ":1").attach([Artifact(content, ONE_DIGEST)])
    assert (attached.digest, attached.artifact_type) == (Digest.of(content), SIGSTORE_BUNDLE)
    assert _open(layout, ":1").referrers(ONE_DIGEST) == (attached,)
    assert _open(layout, ":1").manifest(attached) == content
    assert _open(layout, ":1").resolve().digest == ONE_DIGEST
    with pytest.raises(UsageError, match="2 images"):
        _open(layout).resolve()


def test_a_real_layout_takes_a_referrer_and_is_still_itself(tmp_path: Path) -> None:
    root = tmp_path / "l"
    subprocess.run(["cp", "-r", ASSETS / "remote-v1-max-tag" / "layout", root], check=True)
    store = _open(root)
    before = load_image(store)
    _open(root).attach([Artifact(referrer(store.manifest(before.root)), before.digest)])
    assert load_image(_open(root)) == before
    assert len(_open(root).referrers(before.digest)) == 1


def test_attaching_twice_lists_once(layout: Path) -> None:
    _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    before = _contents(layout)
    _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert _contents(layout) == before


def test_a_referrer_under_a_name_is_listed_only_once_it_is_attached(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, referrer(ONE)], [entry(ONE, "1"), entry(referrer(ONE), "signature")])
    _open(root).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert len(_open(root).referrers(ONE_DIGEST)) == 1
    assert _open(root, ":signature").resolve().digest == Digest.of(referrer(ONE))


def test_a_referrer_that_names_itself_does_not_become_an_image(layout: Path) -> None:
    document = json.loads(referrer(ONE))
    document["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    content = json.dumps(document).encode()
    _open(layout).attach([Artifact(content, ONE_DIGEST)])
    assert _open(layout, ":1").resolve().digest == ONE_DIGEST
    assert [found.digest for found in _open(layout).referrers(ONE_DIGEST)] == [Digest.of(content)]


def test_the_new_entry_has_an_artifact_type_and_everything_else_stays_as_it_was(tmp_path: Path) -> None:
    strange = {**entry(ONE, "1"), "x-unknown": [1, None, {"ä": 1.5}], "urls": ["https://example.com"]}
    root = write_layout(tmp_path / "l", [ONE], [strange], annotations={"a": "b"}, x_more=None)
    (root / "index.json").chmod(0o664)
    before = json.loads((root / "index.json").read_text())
    (attached,) = _open(root).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    after = json.loads((root / "index.json").read_text())
    added = after["manifests"].pop()
    assert after == before
    assert list(after) == list(before)
    assert added == {
        "mediaType": OCI_MANIFEST,
        "digest": str(attached.digest),
        "size": attached.size,
        "artifactType": SIGSTORE_BUNDLE,
    }
    assert stat.S_IMODE((root / "index.json").stat().st_mode) == 0o664


def test_a_lone_surrogate_in_an_index_is_written_back_as_it_was(layout: Path) -> None:
    path = layout / "index.json"
    path.write_text(path.read_text()[:-1] + r', "x": "\ud800"}')
    _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert json.loads(path.read_text())["x"] == "\ud800"


def test_an_index_that_cannot_be_written_back_unchanged_is_left_alone(layout: Path) -> None:
    path = layout / "index.json"
    path.write_text(path.read_text()[:-1] + ', "x": 1e999}')
    before = path.read_bytes()
    with pytest.raises(NotWritable, match="cannot be written back unchanged"):
        _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [image(3), referrer(TWO), index(ONE)], ids=["image", "another's", "index"])
def test_only_a_manifest_that_refers_to_the_subject_is_attached_to_it(layout: Path, content: bytes) -> None:
    before = _contents(layout)
    with pytest.raises(NotWritable, match="does not refer to"):
        _open(layout).attach([Artifact(content, ONE_DIGEST)])
    assert _contents(layout) == before


def test_nothing_is_written_into_what_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with pytest.raises(NotFound):
        _push_blob(_open(tmp_path / "home"), b"x")
    with pytest.raises(NotFound):
        _open(tmp_path / "home").attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert list((tmp_path / "home").iterdir()) == []


def _refuse_replacing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = Path.replace

    def refusing(path: Path, target: Path) -> Path:
        if target.name == name:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refusing)


@pytest.mark.parametrize("name", ["index.json", Digest.of(referrer(ONE)).hex])
def test_a_layout_that_refuses_a_file_reads_as_before(layout: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _contents(layout)
    _refuse_replacing(name, monkeypatch)
    with pytest.raises(NotWritable, match="cannot be written") as caught:
        _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert "Read-only file system" in caught.value.detail
    after = _contents(layout)
    assert after["index.json"] == before["index.json"]
    assert set(after) - set(before) <= {str(blob_path(layout, referrer(ONE)).relative_to(layout))}
    assert _open(layout, ":1").resolve().digest == ONE_DIGEST


def test_a_file_that_stops_growing_leaves_nothing_behind(layout: Path) -> None:
    before = _contents(layout)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(NotWritable, match="cannot be written"):
            _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _contents(layout) == before


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A way to mount a tiny disk, which only root may."""
    mounts: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounts)}"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a disk here: {done.stderr.decode().strip()}")
        mounts.append(place)
        return place

    yield mount
    for place in mounts:
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_not_writable_and_the_layout_reads_as_before(mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=64k")
    root = write_layout(disk / "layout", [ONE], [entry(ONE, "1")])
    before = _contents(root)
    with pytest.raises(NotWritable, match="cannot be written") as caught:
        _push_blob(_open(root), b"x" * 100_000)
    assert "No space left" in caught.value.detail
    assert _contents(root) == before
    assert _open(root).resolve().digest == ONE_DIGEST


def test_a_read_only_disk_is_not_writable_and_can_be_read(mounted: Callable[[str], Path]) -> None:
    disk = mounted("size=256k")
    root = write_layout(disk / "layout", [ONE], [entry(ONE, "1")])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    before = _contents(root)
    with pytest.raises(NotWritable, match="cannot be written") as caught:
        _open(root).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert "Read-only file system" in caught.value.detail
    assert _contents(root) == before
    assert _open(root).resolve().digest == ONE_DIGEST


def _attach_some(root: Path, numbers: range) -> None:
    for number in numbers:
        _open(root).attach([Artifact(referrer(ONE, number), ONE_DIGEST)])


def test_writers_at_the_same_time_lose_nothing_and_leave_no_other_file(layout: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_attach_some, args=(layout, range(start, start + 10))) for start in range(0, 40, 10)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(_open(layout).referrers(ONE_DIGEST)) == 40
    assert {path.name for path in layout.iterdir()} == {"oci-layout", "index.json", "blobs"}


def test_a_file_system_without_locks_is_written_to_without(layout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert len(_open(layout).referrers(ONE_DIGEST)) == 1


def test_a_writer_that_does_not_end_is_not_waited_for_without_end(
    layout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LOCK_SECONDS", 0.05)
    holder = "import fcntl,os,sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, layout], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(NotWritable, match="another process"):
            _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
        other.communicate("\n")
    _open(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])


def test_every_error_is_one_a_store_may_raise(layout: Path) -> None:
    """A layout with each of its bytes flipped reads as before, or says what is wrong in one of our own errors."""
    path = layout / "index.json"
    content = path.read_bytes()
    for position in range(0, len(content), 3):
        path.write_bytes(content[:position] + bytes([content[position] ^ 0x20]) + content[position + 1 :])
        try:
            found = _open(layout, ":1").resolve()
            parse_manifest(found, _open(layout).manifest(found), "")
            _open(layout).referrers(ONE_DIGEST)
        except (StoreError, UsageError):
            continue
