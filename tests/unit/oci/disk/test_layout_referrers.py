"""What hangs off an image in a layout: entries without a name, and the list under the fallback tag."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attest.errors import NotFound
from attest.oci import limits
from attest.oci.descriptor import OCI_MANIFEST, SIGSTORE_BUNDLE, Descriptor
from attest.reference import Digest
from tests.unit.oci.disk.layouts import ONE, ONE_DIGEST, TWO, TWO_DIGEST, opened
from tests.unit.oci.samples import entry, index, referrer, write_layout


def test_a_referrer_is_never_an_image(tmp_path: Path) -> None:
    extra, listed = referrer(ONE, 1), index(referrer(ONE, 2))
    entries = [entry(ONE, "1"), entry(extra), entry(listed, ONE_DIGEST.fallback_tag)]
    root = write_layout(tmp_path / "l", [ONE, extra, listed, referrer(ONE, 2)], entries)
    assert opened(root).resolve().digest == ONE_DIGEST
    with pytest.raises(NotFound):
        opened(root, f":{ONE_DIGEST.fallback_tag}").resolve()


def test_a_layout_of_referrers_alone_holds_no_image(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [referrer(ONE)], [entry(referrer(ONE))])
    with pytest.raises(NotFound, match="no image in this layout"):
        opened(root).resolve()


@pytest.mark.parametrize("suffix", ["sig", "att", "sbom"])
def test_cosigns_old_tags_are_no_images_but_can_be_asked_for(tmp_path: Path, suffix: str) -> None:
    tag = f"{ONE_DIGEST.fallback_tag}.{suffix}"
    root = write_layout(tmp_path / "l", [ONE, TWO], [entry(ONE, "1"), entry(TWO, tag)])
    assert opened(root).resolve().digest == ONE_DIGEST
    assert opened(root, f":{tag}").resolve().digest == TWO_DIGEST


def test_a_named_entry_with_a_subject_is_an_image(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE, referrer(ONE)], [entry(referrer(ONE), "signature")])
    assert opened(root).resolve().digest == Digest.of(referrer(ONE))
    assert opened(root).referrers(ONE_DIGEST) == ()


def test_referrers_are_found_by_subject_and_by_fallback_tag_each_once(tmp_path: Path) -> None:
    first, second, foreign = referrer(ONE, 1), referrer(ONE, 2), referrer(TWO)
    listed = index(second, first)
    entries = [entry(ONE, "1"), entry(first), entry(foreign), entry(listed, ONE_DIGEST.fallback_tag)]
    root = write_layout(tmp_path / "l", [ONE, TWO, first, second, foreign, listed], entries)
    found = opened(root).referrers(ONE_DIGEST)
    assert [referrer.digest for referrer in found] == [Digest.of(first), Digest.of(second)]
    assert (found[0].artifact_type, found[0].annotations) == (SIGSTORE_BUNDLE, {"example.number": "1"})
    assert [referrer.digest for referrer in opened(root).referrers(TWO_DIGEST)] == [Digest.of(foreign)]


def test_an_index_can_be_a_referrer(tmp_path: Path) -> None:
    document = {**json.loads(index(TWO)), "subject": Descriptor.of(ONE, OCI_MANIFEST).to_json(), "artifactType": "kind"}
    content = json.dumps(document).encode()
    root = write_layout(tmp_path / "l", [ONE, content], [entry(ONE, "1"), entry(content)])
    (found,) = opened(root).referrers(ONE_DIGEST)
    assert (found.digest, found.artifact_type) == (Digest.of(content), "kind")


def test_an_image_without_referrers_has_none(layout: Path) -> None:
    assert opened(layout).referrers(ONE_DIGEST) == ()


def test_an_entry_that_cannot_be_read_may_be_a_referrer_and_is_an_error(tmp_path: Path) -> None:
    root = write_layout(tmp_path / "l", [ONE], [entry(ONE, "1"), entry(referrer(ONE))])
    with pytest.raises(NotFound):
        opened(root).referrers(ONE_DIGEST)


def test_more_referrers_than_are_looked_at_can_be_told_from_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REFERRERS", 3)
    extra = [referrer(ONE, number) for number in range(9)]
    root = write_layout(tmp_path / "l", [ONE, *extra], [entry(ONE, "1"), *(entry(content) for content in extra)])
    assert len(opened(root).referrers(ONE_DIGEST)) == 4
