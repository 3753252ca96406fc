"""What may be signed, and what stops everything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from attest.ci.source import JobSource, Stated
from attest.errors import NoProvenance, SourceContradiction, SourceUnproven
from attest.evidence.collect import fetch
from attest.holding import MayBeSigned, hold
from tests import images

JOB = JobSource(
    repository=Stated(images.REPOSITORY, "CI_PROJECT_URL"),
    commit=Stated(images.COMMIT, "CI_COMMIT_SHA"),
    ref=Stated(f"refs/tags/{images.TAG}", "CI_COMMIT_TAG"),
    tag=Stated(images.TAG, "CI_COMMIT_TAG"),
)


def held(
    predicates: Mapping[str, images.Predicate | None], job: JobSource = JOB, tag_object: bytes | None = None
) -> MayBeSigned:
    store = images.push(predicates).store
    image, evidence = fetch(store)
    return hold(image, evidence, job, lambda _: tag_object)


def test_what_agrees_may_be_signed() -> None:
    found = held({"linux/amd64": images.local_build(), "linux/arm64": images.local_build()})
    assert [str(platform.platform.platform) for platform in found.platforms] == ["linux/amd64", "linux/arm64"]
    assert not found.notes


def test_what_the_provenance_does_not_say_contradicts_nothing() -> None:
    held({"linux/amd64": images.local_build(commit="", repository="")})


@pytest.mark.parametrize(
    ("predicate", "words"),
    [
        (images.local_build(images.OTHER_COMMIT), f"commit: the provenance says {images.OTHER_COMMIT}"),
        (images.local_build(repository="https://git.example.test/acme/other"), "repository: the provenance says"),
        (images.local_build(f"{images.COMMIT}-dirty"), "uncommitted changes"),
        (images.git_build("refs/heads/main"), "branch: the provenance says main"),
        (images.git_build("refs/tags/v2.0.0"), "tag: the provenance says v2.0.0"),
        (images.git_build("v2.0.0"), "ref: the provenance says v2.0.0"),
    ],
)
def test_what_disagrees_is_refused_with_both_values_and_the_origin(predicate: images.Predicate, words: str) -> None:
    with pytest.raises(SourceContradiction, match="nothing was attached") as refusal:
        held({"linux/amd64": predicate})
    assert words in refusal.value.detail


def test_everything_that_disagrees_is_listed() -> None:
    with pytest.raises(SourceContradiction) as refusal:
        held({"linux/amd64": images.local_build(images.OTHER_COMMIT, "https://git.example.test/acme/other")})
    assert "CI_PROJECT_URL" in refusal.value.detail
    assert "CI_COMMIT_SHA" in refusal.value.detail


def test_one_platform_that_disagrees_stops_all() -> None:
    with pytest.raises(SourceContradiction):
        held({"linux/amd64": images.local_build(), "linux/arm64": images.local_build(images.OTHER_COMMIT)})


def test_a_platform_without_provenance_is_refused() -> None:
    with pytest.raises(NoProvenance, match="no provenance for linux/arm64"):
        held({"linux/amd64": images.local_build(), "linux/arm64": None})


def tag_object(commit: str) -> tuple[bytes, str]:
    raw = f"object {commit}\ntype commit\ntag {images.TAG}\n\nfirst\n".encode()
    return raw, hashlib.sha1(b"tag %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


def test_a_tag_object_is_peeled_and_kept() -> None:
    raw, object_id = tag_object(images.COMMIT)
    found = held({"linux/amd64": images.git_build(f"refs/tags/{images.TAG}", object_id)}, tag_object=raw)
    assert found.tag_object == raw


def test_a_tag_object_of_another_commit_is_a_contradiction() -> None:
    raw, object_id = tag_object(images.OTHER_COMMIT)
    with pytest.raises(SourceContradiction):
        held({"linux/amd64": images.git_build(f"refs/tags/{images.TAG}", object_id)}, tag_object=raw)


def test_an_object_that_cannot_be_peeled_is_not_signed_for_a_commit() -> None:
    _, object_id = tag_object(images.COMMIT)
    forged, _ = tag_object(images.OTHER_COMMIT)
    for raw in (None, forged, b"rubbish"):
        with pytest.raises(SourceUnproven, match="cannot tell"):
            held({"linux/amd64": images.git_build(f"refs/tags/{images.TAG}", object_id)}, tag_object=raw)


def test_a_replaced_source_is_noted() -> None:
    arguments = {"context:base": "docker-image://base:1"}
    found = held({"linux/amd64": images.local_build(**arguments)})
    assert "the named context base" in found.notes[0]


def test_nobody_else_says_what_may_be_signed() -> None:
    found = held({"linux/amd64": images.local_build()})
    with pytest.raises(TypeError, match=r"only attest\.holding"):
        MayBeSigned(found.image, found.platforms, None, ())
