"""What a trusted statement says of its source, and the ways in which it can be less than it seems."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import COMMIT, REPOSITORY_AND_COMMIT, TAG, ask, passed, trouble

AMD64 = "linux/amd64"


def signed(*predicates: images.Predicate, claim: dict[str, str] | None = None) -> tuple[images.Pushed, SigningKey]:
    """An image with these provenance statements, all signed, and perhaps the signing job's claim."""
    key = images.new_key()
    pushed = images.push({AMD64: predicates[0]})
    for predicate in predicates:
        images.sign_provenance(pushed, AMD64, predicate, key)
    if claim is not None:
        images.sign_claim(pushed, AMD64, claim, key)
    return pushed, key


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        (Expectations(commit=images.OTHER_COMMIT), "other-commit"),
        (Expectations(repository="https://git.example.test/acme/other"), "other-repository"),
        (Expectations(repository="https://git.example.test.evil.test/acme/app"), "other-repository"),
        (Expectations(tag="v2.0.0"), "other-tag"),
        (Expectations(branch="v1.0.0"), "other-branch"),
    ],
)
def test_another_source_fails(expected: Expectations, reason: str) -> None:
    pushed, key = signed(images.local_build(), claim={"tag": images.TAG})
    assert passed(ask(pushed, key, Expectations(images.REPOSITORY, images.COMMIT, images.TAG)))
    report = ask(pushed, key, expected)
    assert (report.exit_code, trouble(report).reason) == (1, reason)


def test_forged_hints_of_another_repository_fail() -> None:
    """BuildKit records vcs:* as the client says them."""
    pushed, key = signed(images.local_build(repository="https://github.com/torvalds/linux"))
    assert trouble(ask(pushed, key)).reason == "other-repository"


def test_a_trusted_contradiction_fails_whatever_was_asked_for() -> None:
    pushed, key = signed(images.local_build(), images.local_build(repository="https://git.example.test/acme/other"))
    report = ask(pushed, key, COMMIT)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "contradiction")


def test_one_passing_statement_does_not_excuse_another_one() -> None:
    pushed, key = signed(images.local_build(), images.local_build(images.OTHER_COMMIT))
    assert ask(pushed, key, COMMIT).verdict is Status.FAILED


@pytest.mark.parametrize("expected", [COMMIT, TAG])
def test_a_dirty_tree_is_not_its_commit_and_not_its_tag(expected: Expectations) -> None:
    pushed, key = signed(images.local_build(f"{images.COMMIT}-dirty"), claim={"tag": images.TAG})
    report = ask(pushed, key, expected)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "dirty")


def test_a_branch_called_like_the_tag_does_not_prove_the_tag() -> None:
    """BuildKit resolves a bare #v1.0.0 to the branch if there is one, and records it alike."""
    pushed, key = signed(images.git_build(images.TAG))
    report = ask(pushed, key, TAG)
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "ambiguous-ref")

    assert passed(ask(*signed(images.git_build(f"refs/tags/{images.TAG}")), TAG))


def test_a_full_branch_ref_is_no_tag() -> None:
    pushed, key = signed(images.git_build(f"refs/heads/{images.TAG}"), claim={"tag": images.TAG})
    report = ask(pushed, key, TAG)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-tag")


def tag_object(commit: str) -> bytes:
    return f"object {commit}\ntype commit\ntag {images.TAG}\ntagger A <a@example.test> 1700000000 +0000\n\n1\n".encode()


def object_id(raw: bytes) -> str:
    return hashlib.sha1(b"tag %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()


def test_a_tag_object_is_peeled_by_hashing_it_again() -> None:
    raw = tag_object(images.COMMIT)
    build = images.git_build(f"refs/tags/{images.TAG}", object_id(raw))
    report = ask(*signed(build, claim={"tagObject": base64.b64encode(raw).decode()}))
    assert passed(report)
    assert {claim.fact for claim in report.claims} >= {"tagObject", "commit"}


def test_a_tag_object_that_cannot_be_peeled_is_unknown_and_not_failed() -> None:
    build = images.git_build(f"refs/tags/{images.TAG}", object_id(tag_object(images.COMMIT)))
    report = ask(*signed(build))
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "not-peelable")


def test_a_forged_tag_object_does_not_peel() -> None:
    """It names the expected commit, but it does not hash to what BuildKit saw."""
    seen = object_id(tag_object(images.OTHER_COMMIT))
    forged = base64.b64encode(tag_object(images.COMMIT)).decode()
    build = images.git_build(f"refs/tags/{images.TAG}", seen)
    report = ask(*signed(build, claim={"tagObject": forged, "commit": images.COMMIT}))
    assert report.verdict is Status.UNKNOWN


@pytest.mark.parametrize(
    "request_",
    [
        {"args": {"context:base": "docker-image://evil.test/base:1"}},
        {"args": {"dockerfilekey": "dockerfile"}, "locals": [{"name": "dockerfile"}]},
        {"args": {"build-arg:BUILDKIT_SYNTAX": "evil.test/frontend"}},
        {"frontend": "gateway.v0", "args": {"source": "evil.test/frontend", "cmdline": "evil.test/frontend"}},
        {"frontend": "gateway.v0"},
        {"locals": [{"name": "context"}]},
        {"root": {"request": {"args": {"context:base": "docker-image://evil.test/base:1"}}}},
        {"root": {"request": {"frontend": "gateway.v0", "args": {"source": "evil.test/frontend"}}}},
        {"root": {"request": {"locals": [{"name": "evil"}]}}},
        {"root": {"request": {"inputs": {"base": {}}}}},
        {"root": {"configSource": {"uri": "https://git.example.test/acme/other.git"}}},
        {
            "args": {"build-arg:BUILDKIT_SYNTAX": "docker/dockerfile:1"},
            "root": {"request": {"args": {"build-arg:BUILDKIT_SYNTAX": "evil.test/frontend"}}},
        },
        {"inputs": {"base": {"request": {}}}},
        {"args": {"source": "evil.test/frontend"}},
        {"frontend": "gateway.v0", "args": {"source": "docker/dockerfile:1", "cmdline": "evil.test/frontend"}},
        {"args": {"context:base": ["docker-image://evil.test/base:1"]}},
    ],
)
def test_what_replaces_part_of_the_source_makes_it_unknown(request_: dict[str, Any]) -> None:
    report = ask(*signed(images.git_build("refs/heads/main", **request_)))
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "source-replaced")


@pytest.mark.parametrize("key", ["contextkey", "dockerfilekey"])
def test_a_local_context_under_another_name_makes_it_unknown(key: str) -> None:
    report = ask(*signed(images.local_build(**{key: "evil"})))
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "source-replaced")
    assert passed(ask(*signed(images.local_build(dockerfilekey="dockerfile"))))


def test_another_builders_provenance_is_not_read_as_buildkits() -> None:
    predicate = images.local_build()
    predicate["buildDefinition"]["buildType"] = "https://actions.github.io/buildtypes/workflow/v1"
    assert trouble(ask(*signed(predicate))).reason == "source-replaced"


@pytest.mark.parametrize(
    ("uri", "digest"),
    [
        (f"{images.REPOSITORY}#refs/tags/{images.TAG}", {"sha256": "a" * 64}),
        (f"{images.REPOSITORY}.git#refs/tags/{images.TAG}", {}),
        (f"{images.REPOSITORY}?archive=x.tar.gz", {"sha256": "a" * 64}),
        (f"{images.REPOSITORY}.git#refs/tags/{images.TAG}", {"sha1": "a" * 40, "gitCommit": "b" * 40}),
        (f"{images.REPOSITORY}.git#refs/tags/{images.TAG}", {"sha1": "latest"}),
    ],
)
def test_an_address_that_no_git_object_was_fetched_from_proves_nothing(uri: str, digest: dict[str, str]) -> None:
    """A file behind a repository's address is no checkout, and without a digest the client only said so."""
    predicate = images.git_build("x")
    predicate["buildDefinition"]["externalParameters"]["configSource"] = {"uri": uri, "digest": digest}
    claim = {"repository": images.REPOSITORY, "tag": images.TAG}
    for expected in (Expectations(images.REPOSITORY), TAG):
        assert ask(*signed(predicate), expected).verdict is Status.UNKNOWN
        assert ask(*signed(predicate, claim=claim), expected).verdict is Status.UNKNOWN


@pytest.mark.parametrize("query", ["?branch=evil", "?ref=refs/heads/evil&subdir=x", "?tag=evil"])
def test_a_ref_in_the_query_of_the_address_is_a_ref(query: str) -> None:
    predicate = images.git_build("x")
    config = {"uri": f"{images.REPOSITORY}.git{query}", "digest": {"sha1": images.COMMIT}}
    predicate["buildDefinition"]["externalParameters"]["configSource"] = config
    report = ask(*signed(predicate, claim={"tag": images.TAG}), TAG)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-tag")


def test_a_reference_to_a_different_tag_contradicts_whatever_was_asked_for() -> None:
    pushed, key = signed(images.git_build("refs/tags/v1.0.0"), claim={"tag": "v2.0.0"})
    assert trouble(ask(pushed, key, COMMIT)).reason in ("contradiction", "not-peelable")
    assert ask(pushed, key, Expectations(images.REPOSITORY)).verdict is Status.FAILED


def test_the_dockerfile_frontend_by_its_own_name_replaces_nothing() -> None:
    frontend = {"source": "docker/dockerfile:1", "cmdline": "docker/dockerfile:1"}
    assert passed(ask(*signed(images.git_build("refs/heads/main", frontend="gateway.v0", args=frontend))))


def test_a_statement_that_is_not_signed_never_contradicts_one_that_is() -> None:
    key = images.new_key()
    pushed = images.push({AMD64: images.local_build(images.OTHER_COMMIT)})
    images.sign_provenance(pushed, AMD64, images.local_build(), key)
    assert passed(ask(pushed, key, REPOSITORY_AND_COMMIT))
