"""The commit, the tag and the branch that a policy asks for, and trees that must be clean."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any, Final

import pytest

from attest.errors import UsageError
from attest.evidence.statement import CI_JOB
from attest.policy.expectations import Expectations, is_version
from attest.policy.pattern import Pattern
from attest.policy.policy import SourceRules
from attest.policy.report import Report, Status
from attest.trust.identity import CertifiedSigner
from attest.trust.scope import Scope
from tests import images
from tests.policies import (
    FROM_HERE,
    IDENTITY,
    ISSUER,
    Signed,
    answers,
    by_certificate,
    by_key,
    patterns,
    policy,
    saying,
    the,
)

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
HERE: Final = Pattern(images.REPOSITORY)
COMMITTED: Final = SourceRules(commit_required=True)
LOCAL: Final = images.local_build()


def ask(signed: Signed, rules: SourceRules = COMMITTED, **flags: Any) -> Report:
    return signed.ask(policy(source=rules), **flags)


# --- A commit, and a clean one


def tag_object(commit: str) -> tuple[str, str]:
    """The object's name and its raw content."""
    raw = f"object {commit}\ntype commit\ntag {images.TAG}\n\nfirst\n".encode()
    name = hashlib.sha1(b"tag %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
    return name, base64.b64encode(raw).decode()


def test_a_commit_that_is_required_must_be_named() -> None:
    assert the(ask(by_key(LOCAL)), "source.commit").found == (images.COMMIT,)
    assert answers(ask(by_key(images.local_build("")))) == {"source.commit": "no-claim"}
    assert answers(ask(by_key(images.local_build(f"{images.COMMIT}-dirty")))) == {"source.commit": "dirty"}
    assert answers(ask(by_key())) == {"predicate.type": "no-provenance", "source.commit": "untrusted"}


def test_an_object_that_cannot_be_peeled_is_not_the_commit_that_is_required() -> None:
    name, raw = tag_object(images.COMMIT)
    build = images.git_build(f"refs/tags/{images.TAG}", name)
    assert answers(ask(by_key(build))) == {"source.commit": "not-peelable"}

    peeled = ask(by_key(build).add({"source": {"tagObject": raw}}, predicate_type=CI_JOB))

    assert (peeled.verdict, the(peeled, "source.commit").found) == (PASSED, (images.COMMIT,))


def test_a_commit_that_was_peeled_is_worth_what_the_object_was() -> None:
    """Who signed the tag object does not matter, it hashes to its name; who says that it was built from it does."""
    name, raw = tag_object(images.OTHER_COMMIT)
    signed = by_certificate(images.git_build("x", name), signer=CertifiedSigner(IDENTITY, ISSUER))
    signed.add({"source": {"tagObject": raw}}, predicate_type=CI_JOB)
    assert answers(ask(signed)) == {"source.commit": "not-vouched"}


@pytest.mark.parametrize("revision", ["main", "1d48664", "HEAD"])
def test_a_commit_that_is_required_is_one_in_full(revision: str) -> None:
    assert ask(by_key(images.local_build(revision))).verdict is not PASSED


CLEAN: Final = replace(FROM_HERE, clean=True)


def test_only_what_the_builder_fetched_is_known_to_be_clean() -> None:
    fetched = images.git_build("refs/heads/main")
    assert ask(by_key(fetched), CLEAN).verdict is PASSED
    assert answers(ask(by_key(LOCAL), CLEAN)) == {"source.clean": "no-claim"}
    assert answers(ask(by_key(fetched, LOCAL), CLEAN)) == {"source.clean": "no-claim"}
    assert answers(ask(by_key(LOCAL, fetched), CLEAN)) == {"source.clean": "no-claim"}
    assert answers(ask(by_key(), CLEAN))["source.clean"] == "untrusted"


def test_a_dirty_tree_is_not_clean_though_nothing_else_of_it_is_asked() -> None:
    dirty = images.local_build(f"{images.COMMIT}-dirty")
    report = ask(by_key(dirty), CLEAN)
    assert (report.verdict, answers(report)) == (FAILED, {"source.clean": "dirty"})
    assert ask(by_key(dirty), FROM_HERE).verdict is PASSED


def test_clean_is_what_somebody_who_counts_says() -> None:
    """A certificate that names no source, and a builder that only its own provenance is believed of."""
    nameless, builder = CertifiedSigner(IDENTITY, ISSUER), "https://builder.test/runner"
    build = saying(images.git_build("refs/heads/main"), builder=builder, complete=True)
    signed = by_certificate(build, signer=nameless)
    assert answers(ask(signed, CLEAN))["source.clean"] == "not-vouched"

    assert ask(signed.believed(Scope(builders=(builder,), is_isolated=True)), CLEAN).verdict is PASSED


# --- Tags and branches


def built(*refs: str, claim: dict[str, str] | None = None) -> Signed:
    signed = by_key(*(images.git_build(ref) for ref in refs))
    return signed.add({"source": claim}, predicate_type=CI_JOB) if claim else signed


TAGS: Final = SourceRules(tags=patterns("/v[0-9.]+/"))
BRANCHES: Final = SourceRules(branches=patterns("main", "/release-.*/"))
EITHER: Final = SourceRules(tags=TAGS.tags, branches=BRANCHES.branches)


@pytest.mark.parametrize(
    ("rules", "ref", "check_id", "reason"),
    [
        (TAGS, "refs/tags/v1.0.0", "source.tag", ""),
        (TAGS, "refs/tags/v1.0.0-rc", "source.tag", "other-tag"),
        (TAGS, "refs/heads/v1.0.0", "source.tag", "other-tag"),
        (TAGS, "v1.0.0", "source.tag", "ambiguous-ref"),
        (TAGS, "main", "source.tag", "other-tag"),
        (TAGS, images.COMMIT, "source.tag", "no-claim"),
        (BRANCHES, "refs/heads/release-2", "source.branch", ""),
        (BRANCHES, "refs/heads/main", "source.branch", ""),
        (BRANCHES, "refs/heads/mainly", "source.branch", "other-branch"),
        (BRANCHES, "refs/tags/main", "source.branch", "other-branch"),
        (BRANCHES, "main", "source.branch", "ambiguous-ref"),
        (EITHER, "refs/tags/v1.0.0", "source.ref", ""),
        (EITHER, "refs/heads/main", "source.ref", ""),
        (EITHER, "refs/tags/main", "source.ref", "other-ref"),
        (EITHER, "refs/heads/v1.0.0", "source.ref", "other-ref"),
        (EITHER, "main", "source.ref", "ambiguous-ref"),
        (EITHER, "evil", "source.ref", "other-ref"),
        (EITHER, images.COMMIT, "source.ref", "no-claim"),
    ],
)
def test_a_ref_is_one_of_those_that_the_policy_names(rules: SourceRules, ref: str, check_id: str, reason: str) -> None:
    name = "tag" if ref.startswith("refs/tags/") else "commit"
    object_of_tag, raw = tag_object(images.COMMIT)
    signed = by_key(images.git_build(ref, object_of_tag if name == "tag" else images.COMMIT))
    signed.add({"source": {"tagObject": raw}}, predicate_type=CI_JOB)
    report = ask(signed, rules)
    assert the(report, check_id).reason == reason
    assert (report.verdict is PASSED) == (not reason)
    assert (report.verdict is FAILED) == reason.startswith("other")


@pytest.mark.parametrize("rules", [TAGS, BRANCHES, EITHER])
def test_a_dirty_tree_is_none_of_the_refs(rules: SourceRules) -> None:
    claim = {"branch": "main"} if rules is BRANCHES else {"tag": "v1.0.0"}
    clean = by_key(LOCAL).add({"source": claim}, predicate_type=CI_JOB)
    assert ask(clean, rules).verdict is PASSED

    dirty = by_key(images.local_build(f"{images.COMMIT}-dirty")).add({"source": claim}, predicate_type=CI_JOB)

    assert set(answers(ask(dirty, rules)).values()) == {"dirty"}


def test_a_flag_and_a_policy_must_both_hold() -> None:
    signed = built("refs/tags/v1.0.0")
    assert ask(signed, TAGS, tag="v1.0.0").verdict is PASSED
    assert ask(signed, TAGS, tag="v1.0.1").verdict is FAILED
    assert ask(signed, SourceRules(tags=patterns("v2.0.0")), tag="v1.0.0").verdict is FAILED
    assert ask(by_key(LOCAL), FROM_HERE, repository="https://git.example.test/acme/other").verdict is FAILED


@pytest.mark.parametrize(
    ("builds", "rules", "check_id"),
    [
        ((images.git_build("refs/tags/v1.0.0"), images.git_build("refs/tags/v1.0.1")), TAGS, "source.tag"),
        ((images.git_build("refs/heads/main"), images.git_build("refs/heads/release-1")), BRANCHES, "source.branch"),
        ((images.git_build("refs/tags/v1.0.0"), images.git_build("refs/heads/main")), EITHER, "source.tag"),
        ((LOCAL, images.local_build(images.OTHER_COMMIT)), COMMITTED, "source.commit"),
        ((LOCAL, images.local_build(repository="https://git.example.test/acme/b")), COMMITTED, "source.repository"),
        (
            (LOCAL, images.local_build(repository="https://git.example.test/acme/b")),
            SourceRules(Pattern("/https://git\\.example\\.test/acme/.*/")),
            "source.repository",
        ),
    ],
)
def test_statements_that_contradict_each_other_fail_though_each_meets_the_policy(
    builds: tuple[images.Predicate, ...], rules: SourceRules, check_id: str
) -> None:
    for one in builds:
        assert FAILED not in {check.status for check in ask(by_key(one), rules).checks}

    for order in (builds, builds[::-1]):
        failed = [check for check in ask(by_key(*order), rules).checks if check.status is FAILED]
        assert [(check.id, check.reason) for check in failed] == [(check_id, "contradiction")]


def test_the_same_repository_in_two_spellings_is_no_contradiction() -> None:
    ssh = images.local_build(repository="git@git.example.test:acme/app.git")
    assert ask(by_key(LOCAL, ssh), SourceRules(Pattern("/https://git\\.example\\.test/acme/app/"))).verdict is PASSED


def test_a_bare_ref_of_another_name_contradicts_the_tag() -> None:
    """Rule 6: two sources that contradict each other fail the check, whichever was asked for."""
    signed = by_key(images.git_build("evil")).add({"source": {"tag": "v1.0.0"}}, predicate_type=CI_JOB)
    assert ask(signed, FROM_HERE).verdict is FAILED


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.test/acme/app.git",
        "git@git.example.test:acme/app.git",
        "ssh://git@GIT.example.test:22/acme/app",
        "https://user:token@git.example.test/acme/app",
    ],
)
def test_an_expression_for_a_repository_sees_every_spelling_alike(address: str) -> None:
    rules = SourceRules(Pattern("/https://git\\.example\\.test/acme/[a-z]+/"))
    assert ask(by_key(images.local_build(repository=address)), rules).verdict is PASSED


@pytest.mark.parametrize(
    "address",
    ["https://git.example.test.evil.test/acme/app", "https://evil.test/https://git.example.test/acme/app", "/acme/app"],
)
def test_an_expression_for_a_repository_is_anchored(address: str) -> None:
    rules = SourceRules(Pattern("/https://git\\.example\\.test/acme/[a-z]+/"))
    assert answers(ask(by_key(images.local_build(repository=address)), rules)) == {
        "source.repository": "other-repository"
    }


def test_no_expression_takes_what_is_no_address() -> None:
    for address in ("/acme/app", "app", "../app"):
        report = ask(by_key(images.local_build(repository=address)), SourceRules(Pattern("/.*/")))
        assert answers(report) == {"source.repository": "other-repository"}


# --- Versions


@pytest.mark.parametrize(
    ("wanted", "tag", "is_one"),
    [
        ("v1", "v1.0.0", True),
        ("v1", "v1.20.3", True),
        ("v1", "1.2.3", True),
        ("v1", "v1", True),
        ("v1.2", "v1.2.0", True),
        ("v1.2.3", "v1.2.3", True),
        ("v1", "v10.0.0", False),
        ("v1", "v2.1.0", False),
        ("v1", "v1.2", False),
        ("v1", "v1.0.0-rc1", False),
        ("v1", "v1.0.0+build", False),
        ("v1", "v1.0.0.0", False),
        ("v1", "v01.0.0", False),
        ("v1", "v1.0.0\n", False),
        ("v1", "release/v1.0.0", False),
        ("v1.2", "v1.20.0", False),
        ("v1.2", "v1.3.0", False),
        ("v1.2.3", "v1.2.4", False),
    ],
)
def test_a_tag_is_of_a_version(wanted: str, tag: str, is_one: bool) -> None:
    assert is_version(tag, wanted) is is_one


def test_a_version_is_held_against_the_tag() -> None:
    assert built("refs/tags/v1.2.3").ask(versioned_tag="v1").verdict is PASSED
    report = built("refs/tags/v2.0.0").ask(versioned_tag="v1")
    assert (report.verdict, the(report, "source.tag").origin) == (FAILED, "--source-versioned-tag")
    assert built("refs/heads/v1.0.0").ask(versioned_tag="v1").verdict is FAILED
    assert answers(built("v1.0.0").ask(versioned_tag="v1")) == {"source.tag": "ambiguous-ref"}


def test_two_tags_of_one_version_contradict_each_other() -> None:
    report = built("refs/tags/v1.0.0", "refs/tags/v1.0.1").ask(versioned_tag="v1")
    assert report.verdict is FAILED


@pytest.mark.parametrize("version", ["main", "v1.x", "^v1", "v1.0.0-rc1", "1.2.3.4", "v"])
def test_what_is_no_version_is_a_usage_error(version: str) -> None:
    with pytest.raises(UsageError, match="not a version"):
        Expectations(versioned_tag=version)


# --- Where an expectation stands


def test_every_expectation_names_its_origin() -> None:
    lines = {"source.repository": 3, "source.tags": 4, "source.commit_required": 5, "source.clean": 6}
    rules = SourceRules(HERE, (), TAGS.tags, commit_required=True, clean=True)
    report = built("refs/tags/v1.0.0").ask(policy(lines, source=rules), tag="v1.0.0", origins={"tag": "CI_COMMIT_TAG"})
    found = {(check.id, check.origin) for check in report.checks if check.id.startswith("source.")}
    assert found == {
        ("source.repository", "policy.toml:3"),
        ("source.tag", "CI_COMMIT_TAG"),
        ("source.tag", "policy.toml:4"),
        ("source.commit", "policy.toml:5"),
        ("source.clean", "policy.toml:6"),
    }
    by_branch = the(built("refs/heads/main").ask(policy({"source.branches": 7}, source=BRANCHES)), "source.branch")
    assert by_branch.origin == "policy.toml:7"


def test_a_policy_that_expects_nothing_of_the_source_passes_nothing() -> None:
    report = by_key(LOCAL).ask(policy(source=SourceRules(clean=True, vouchers=("signer",))))
    assert answers(report) == {"source.expected": "nothing-expected"}
