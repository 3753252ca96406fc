"""What is attached to a layout, and what a layout keeps as it was."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from attest.errors import NotFound, NotWritable, UsageError
from attest.oci.descriptor import OCI_MANIFEST, SIGSTORE_BUNDLE
from attest.oci.image import load_image
from attest.oci.interface import Artifact
from attest.reference import Digest
from tests.unit.oci.disk.layouts import ASSETS, ONE, ONE_DIGEST, TWO, contents, opened, push_blob
from tests.unit.oci.samples import BUNDLE, blob_path, entry, image, index, referrer, write_layout


def test_a_pushed_blob_is_read_back(layout: Path) -> None:
    descriptor = push_blob(opened(layout), b"new")
    assert opened(layout).blob(descriptor, 10) == b"new"


def test_pushing_what_is_there_writes_nothing(layout: Path) -> None:
    before = blob_path(layout, BUNDLE).stat()
    push_blob(opened(layout), BUNDLE)
    assert blob_path(layout, BUNDLE).stat() == before


@pytest.mark.parametrize("content", [BUNDLE[:-1], BUNDLE[::-1], b""])
def test_pushing_repairs_a_damaged_blob(layout: Path, content: bytes) -> None:
    blob_path(layout, BUNDLE).write_bytes(content)
    descriptor = push_blob(opened(layout), BUNDLE)
    assert opened(layout).blob(descriptor, 100) == BUNDLE


def test_the_first_blob_of_a_layout_makes_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "l"
    root.mkdir()
    (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (root / "index.json").write_text('{"schemaVersion":2,"manifests":[]}')
    descriptor = push_blob(opened(root), b"new")
    assert opened(root).blob(descriptor, 10) == b"new"


def test_what_was_attached_is_listed_and_is_no_image(layout: Path) -> None:
    content = referrer(ONE)
    (attached,) = opened(layout, ":1").attach([Artifact(content, ONE_DIGEST)])
    assert (attached.digest, attached.artifact_type) == (Digest.of(content), SIGSTORE_BUNDLE)
    assert opened(layout, ":1").referrers(ONE_DIGEST) == (attached,)
    assert opened(layout, ":1").manifest(attached) == content
    assert opened(layout, ":1").resolve().digest == ONE_DIGEST
    with pytest.raises(UsageError, match="2 images"):
        opened(layout).resolve()


def test_a_real_layout_takes_a_referrer_and_is_still_itself(tmp_path: Path) -> None:
    root = tmp_path / "l"
    subprocess.run(["cp", "-r", ASSETS / "remote-v1-max-tag" / "layout", root], check=True)
    store = opened(root)
    before = load_image(store)
    opened(root).attach([Artifact(referrer(store.manifest(before.root)), before.digest)])
    assert load_image(opened(root)) == before
    assert len(opened(root).referrers(before.digest)) == 1


def test_attaching_twice_lists_once(layout: Path) -> None:
    opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    before = contents(layout)
    opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert contents(layout) == before


def test_a_referrer_under_a_name_is_listed_only_once_it_is_attached(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, referrer(ONE)], [entry(ONE, "1"), entry(referrer(ONE), "signature")])
    opened(root).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert len(opened(root).referrers(ONE_DIGEST)) == 1
    assert opened(root, ":signature").resolve().digest == Digest.of(referrer(ONE))


def test_a_referrer_that_names_itself_does_not_become_an_image(layout: Path) -> None:
    document = json.loads(referrer(ONE))
    document["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    content = json.dumps(document).encode()
    opened(layout).attach([Artifact(content, ONE_DIGEST)])
    assert opened(layout, ":1").resolve().digest == ONE_DIGEST
    assert [found.digest for found in opened(layout).referrers(ONE_DIGEST)] == [Digest.of(content)]


def test_the_new_entry_has_an_artifact_type_and_everything_else_stays_as_it_was(tmp_path: Path) -> None:
    strange = {**entry(ONE, "1"), "x-unknown": [1, None, {"ä": 1.5}], "urls": ["https://example.com"]}
    root = write_layout(tmp_path / "l", [ONE], [strange], annotations={"a": "b"}, x_more=None)
    (root / "index.json").chmod(0o664)
    before = json.loads((root / "index.json").read_text())
    (attached,) = opened(root).attach([Artifact(referrer(ONE), ONE_DIGEST)])
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
    opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert json.loads(path.read_text())["x"] == "\ud800"


def test_an_index_that_cannot_be_written_back_unchanged_is_left_alone(layout: Path) -> None:
    path = layout / "index.json"
    path.write_text(path.read_text()[:-1] + ', "x": 1e999}')
    before = path.read_bytes()
    with pytest.raises(NotWritable, match="cannot be written back unchanged"):
        opened(layout).attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [image(3), referrer(TWO), index(ONE)], ids=["image", "another's", "index"])
def test_only_a_manifest_that_refers_to_the_subject_is_attached_to_it(layout: Path, content: bytes) -> None:
    before = contents(layout)
    with pytest.raises(NotWritable, match="does not refer to"):
        opened(layout).attach([Artifact(content, ONE_DIGEST)])
    assert contents(layout) == before


def test_nothing_is_written_into_what_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with pytest.raises(NotFound):
        push_blob(opened(tmp_path / "home"), b"x")
    with pytest.raises(NotFound):
        opened(tmp_path / "home").attach([Artifact(referrer(ONE), ONE_DIGEST)])
    assert list((tmp_path / "home").iterdir()) == []
