"""A tag object that comes from a clone or a server: it proves itself by its hash, and nobody's word is taken for it."""

from __future__ import annotations

from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.policy.tag_objects import TagObject
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, trouble
from tests.attacks.test_source_claims import object_id, signed, tag_object


def asked(build: images.Predicate, answer: bytes | None, expected: Expectations, asked_for: list[str]) -> Report:
    pushed, key = signed(build)

    def look_up(name: str) -> TagObject | None:
        asked_for.append(name)
        return TagObject(answer, "found in ./clone") if answer is not None else None

    return verify_reference(pushed.store, Trust((key.public,)), expected, tag_objects=look_up)


def test_the_tag_object_that_the_builder_saw_peels_to_its_commit_and_the_report_says_how() -> None:
    raw = tag_object(images.COMMIT)
    names: list[str] = []

    report = asked(images.git_build(f"refs/tags/{images.TAG}", object_id(raw)), raw, REPOSITORY_AND_COMMIT, names)

    assert passed(report)
    assert names == [object_id(raw)]
    commit = next(check for check in report.checks if check.id == "source.commit")
    assert commit.hint == (
        f"The builder recorded the annotated tag {object_id(raw)} (found in ./clone), which peels to it."
    )


def test_another_tag_object_than_the_builder_saw_peels_nothing() -> None:
    seen = object_id(tag_object(images.OTHER_COMMIT))
    build = images.git_build(f"refs/tags/{images.TAG}", seen)

    report = asked(build, tag_object(images.COMMIT), REPOSITORY_AND_COMMIT, [])

    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "not-peelable")
    assert "--git-checkout" in trouble(report).hint


def test_a_tag_object_of_another_commit_fails_once_it_is_peeled() -> None:
    raw = tag_object(images.OTHER_COMMIT)
    build = images.git_build(f"refs/tags/{images.TAG}", object_id(raw))

    report = asked(build, raw, REPOSITORY_AND_COMMIT, [])

    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-commit")


def test_nobody_is_asked_about_what_is_expected_as_a_commit() -> None:
    names: list[str] = []

    report = asked(images.git_build(f"refs/tags/{images.TAG}"), None, REPOSITORY_AND_COMMIT, names)

    assert passed(report)
    assert names == []
