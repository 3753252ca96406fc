"""What a policy says of the source: whose word counts, which refs will do, what may replace part of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from attest.evidence.statement import CI_JOB
from attest.policy.pattern import Pattern
from attest.policy.policy import Accepted, BuildRules, SourceRules, Voucher
from attest.policy.report import Report, Status
from attest.reference import Digest
from attest.trust.identity import CertifiedSigner
from attest.trust.scope import ANYWHERE, Scope
from tests import images
from tests.policies import (
    IDENTITY,
    ISSUER,
    PIPELINE,
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
BUILDER: Final = "https://builder.test/runner"
NAMELESS: Final = CertifiedSigner(IDENTITY, ISSUER)  # a certificate that says nothing of a source
ISOLATED: Final = Scope(builders=(BUILDER,), is_isolated=True)
PIN: Final = Digest("sha256", "a" * 64)
LOCAL: Final = images.local_build()


def ask(signed: Signed, rules: SourceRules = COMMITTED, **flags: Any) -> Report:
    return signed.ask(policy(source=rules), **flags)


# --- Whose word counts


@pytest.mark.parametrize(
    ("vouchers", "by_a_key", "by_a_pipeline"),
    [
        ((), PASSED, PASSED),
        (("signer",), PASSED, PASSED),
        (("certificate",), UNKNOWN, PASSED),
        (("builder",), UNKNOWN, UNKNOWN),
        (("certificate", "builder"), UNKNOWN, PASSED),
        (("certificate", "builder", "signer"), PASSED, PASSED),
    ],
)
def test_only_whom_the_policy_names_counts(
    vouchers: tuple[Voucher, ...], by_a_key: Status, by_a_pipeline: Status
) -> None:
    rules = replace(COMMITTED, repository=HERE, vouchers=vouchers)
    for signed, verdict in ((by_key(LOCAL), by_a_key), (by_certificate(LOCAL), by_a_pipeline)):
        report = ask(signed, rules)
        assert report.verdict is verdict
        assert set(answers(report).values()) == ({"not-vouched"} if verdict is UNKNOWN else set())


def test_the_word_of_a_signer_whose_certificate_could_say_more_counts_only_where_a_policy_says_so() -> None:
    signed = by_certificate(LOCAL, signer=NAMELESS)
    assert answers(ask(signed)) == {"source.commit": "not-vouched"}

    report = ask(signed, replace(COMMITTED, vouchers=("signer",)))

    assert (report.verdict, the(report, "source.commit").vouched_by) == (PASSED, "signer")


def test_a_flag_tightens_what_a_policy_loosens() -> None:
    loose = replace(COMMITTED, vouchers=("signer",))
    for signed in (by_key(LOCAL), by_certificate(LOCAL)):
        assert ask(signed, loose).verdict is PASSED
        assert answers(ask(signed, loose, require_vouched=True)) == {"source.commit": "not-vouched"}


def test_with_vouchers_required_a_key_alone_is_not_enough_and_a_certificate_is() -> None:
    assert by_key(LOCAL).ask(commit=images.COMMIT).verdict is PASSED
    assert answers(by_key(LOCAL).ask(commit=images.COMMIT, require_vouched=True)) == {"source.commit": "not-vouched"}
    assert by_certificate(LOCAL).ask(commit=images.COMMIT, require_vouched=True).verdict is PASSED


def test_whoever_does_not_count_still_contradicts() -> None:
    rules = replace(COMMITTED, vouchers=("certificate",))
    report = ask(by_certificate(LOCAL, images.local_build(images.OTHER_COMMIT)), rules)
    found = [(check.status, check.reason) for check in report.checks if check.id == "source.commit"]
    assert found == [(PASSED, ""), (FAILED, "contradiction")]


def test_another_repository_fails_though_only_somebody_who_does_not_count_names_it() -> None:
    other = images.local_build(repository="https://git.example.test/acme/b")
    for rules in (replace(COMMITTED, vouchers=("certificate",)), COMMITTED):
        report = ask(by_certificate(other), rules, repository=images.REPOSITORY)
        assert answers(report) == {"source.repository": "other-repository"}


def test_a_job_s_claim_under_a_certificate_is_the_signer_s_word() -> None:
    """Whoever may run a job may write what they like into it: a tag that the certificate does not name."""
    untagged = replace(PIPELINE, ref="refs/heads/main")
    honest = by_certificate(LOCAL).add({"source": {"tag": images.TAG}}, predicate_type=CI_JOB)
    assert ask(honest, SourceRules(tags=patterns(images.TAG))).verdict is PASSED

    for signer, verdict in ((untagged, FAILED), (replace(untagged, ref=""), UNKNOWN)):
        signed = by_certificate(LOCAL, signer=signer).add({"source": {"tag": images.TAG}}, predicate_type=CI_JOB)
        assert ask(signed, SourceRules(tags=patterns(images.TAG))).verdict is verdict


# --- The builder's own word

FETCHED: Final = saying(images.git_build("refs/heads/main"), builder=BUILDER, complete=True)


def by_builder(request: dict[str, Any] | None = None, scope: Scope = ISOLATED, **said: Any) -> Signed:
    build = images.git_build("refs/heads/main", **(request or {}))
    return by_certificate(saying(build, **{"builder": BUILDER, "complete": True, **said}), signer=NAMELESS, scope=scope)


def test_a_builder_whose_provenance_nobody_else_writes_vouches_for_what_it_fetched() -> None:
    report = ask(by_builder(), replace(COMMITTED, repository=HERE), require_vouched=True)
    assert report.verdict is PASSED
    assert the(report, "source.commit").vouched_by == the(report, "source.repository").vouched_by == "builder"


@pytest.mark.parametrize(
    "signed",
    [
        by_builder(scope=ANYWHERE),
        by_builder(scope=Scope(builders=(BUILDER,), level=3)),
        by_builder(scope=Scope(builders=("https://other.test",), is_isolated=True)),
        by_builder(builder=""),
        by_builder(builder="https://evil.test"),
        by_builder(complete=False),
        by_builder({"args": {"build-arg:BUILDKIT_SYNTAX": "docker/dockerfile:1"}}),
        by_builder({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile:1"}}),
        by_builder({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile", "cmdline": "docker/dockerfile"}}),
        by_certificate(saying(LOCAL, builder=BUILDER, complete=True), signer=NAMELESS, scope=ISOLATED),
    ],
    ids=[
        "not isolated",
        "not isolated, of a high level",
        "isolated for another builder",
        "no builder",
        "another builder",
        "incomplete",
        "frontend by argument",
        "frontend by name",
        "frontend by command line",
        "local context",
    ],
)
def test_otherwise_it_is_the_signer_s_word(signed: Signed) -> None:
    assert answers(ask(signed)) == {"source.commit": "not-vouched"}


@pytest.mark.parametrize(
    "request_",
    [
        {"args": {"context:base": "docker-image://alpine"}},
        {"args": {"contextkey": "context"}},
        {"args": {"dockerfilekey": "dockerfile"}},
        {"locals": [{"name": "dockerfile"}]},
        {"args": {"source": "evil.test/frontend"}},
        {"args": {"cmdline": "evil.test/frontend"}},
        {"args": {"build-arg:BUILDKIT_SYNTAX": "evil.test/frontend"}},
        {"root": {"request": {"args": {"context:base": "docker-image://alpine"}}}},
    ],
)
def test_a_builder_does_not_vouch_where_something_else_came_in(request_: dict[str, Any]) -> None:
    report = ask(by_builder(request_))
    assert report.verdict is UNKNOWN
    assert "builder" not in {claim.vouched_by for claim in report.claims}


def test_an_isolated_builder_does_not_vouch_for_what_its_client_said() -> None:
    vcs = {"source": images.REPOSITORY, "revision": images.COMMIT}
    build = saying(images.git_build("refs/heads/main", resolved=""), builder=BUILDER, complete=True)
    build["runDetails"]["metadata"]["buildkit_metadata"] = {"vcs": vcs}
    assert answers(ask(by_certificate(build, signer=NAMELESS, scope=ISOLATED))) == {"source.commit": "not-vouched"}


def test_an_isolated_builder_with_the_frontend_that_the_policy_pins_vouches() -> None:
    signed = by_builder({"frontend": "gateway.v0", "args": {"source": f"docker/dockerfile:1@{PIN}"}})
    assert answers(ask(signed)) == {"source.commit": "not-vouched"}
    assert answers(ask(signed, replace(COMMITTED, accepted=(Accepted("context:base", PIN),)))) != {}

    assert ask(signed, replace(COMMITTED, accepted=(Accepted("frontend", PIN),))).verdict is PASSED


# --- A certificate's word


def test_a_certificate_counts_beside_provenance_that_names_the_same_commit() -> None:
    report = ask(by_certificate(LOCAL))
    assert (report.verdict, the(report, "source.commit").vouched_by) == (PASSED, "certificate")


@pytest.mark.parametrize(
    ("builds", "verdict"),
    [
        ((), UNKNOWN),
        ((images.local_build("", ""),), UNKNOWN),
        ((images.local_build(images.OTHER_COMMIT),), FAILED),
        ((LOCAL, images.local_build(images.OTHER_COMMIT)), FAILED),
    ],
)
def test_a_certificate_alone_proves_only_which_pipeline_signed(
    builds: tuple[images.Predicate, ...], verdict: Status
) -> None:
    signed = by_certificate(*builds).add({"source": {"commit": images.COMMIT}}, predicate_type=CI_JOB)
    assert ask(signed).verdict is verdict


def test_a_policy_may_let_a_certificate_count_beside_provenance_that_names_no_commit() -> None:
    alone = replace(COMMITTED, repository=HERE, certificate_alone=True)
    assert ask(by_certificate(images.local_build("", "")), alone).verdict is PASSED

    assert ask(by_certificate(images.local_build(images.OTHER_COMMIT, "")), alone).verdict is FAILED
    assert ask(by_certificate(), alone).verdict is UNKNOWN
    assert ask(by_certificate(images.local_build("", ""), signer=NAMELESS), alone).verdict is UNKNOWN
    assert ask(by_key(images.local_build("", "")), alone).verdict is UNKNOWN
    assert answers(ask(by_certificate(images.git_build("x", resolved=images.OTHER_COMMIT)), alone)).keys() >= {
        "source.repository",
        "source.commit",
    }


def test_a_certificate_without_a_commit_counts_for_nothing() -> None:
    rules = SourceRules(repository=HERE, certificate_alone=True)
    assert ask(by_certificate(images.local_build("", "")), rules).verdict is PASSED
    signer = replace(PIPELINE, commit="")
    assert answers(ask(by_certificate(images.local_build("", ""), signer=signer), rules)) == {
        "source.repository": "not-vouched"
    }


def test_a_certificate_does_not_count_beside_provenance_that_names_something_else_too() -> None:
    build = images.git_build("refs/tags/v1.0.0", resolved="b" * 40)
    build["runDetails"]["metadata"]["buildkit_metadata"] = {"vcs": {"revision": images.COMMIT}}
    assert answers(ask(by_certificate(build), SourceRules(repository=HERE))) == {
        "source.repository": "not-vouched",
        "source.commit": "not-peelable",
    }


def test_two_signers_do_not_complete_each_other() -> None:
    """The certificate of a pipeline beside provenance that another key signed says nothing of that build."""
    pipeline = by_certificate(images.local_build("", ""))
    other = images.new_key()
    about = (pipeline.pushed.root, *pipeline.pushed.platforms.values())
    images.sign_about(pipeline.pushed, about, "https://slsa.dev/provenance/v1", LOCAL, other, b"")
    both = replace(pipeline, trust=replace(pipeline.trust, keys=(other.public,)))
    assert ask(both).verdict is PASSED  # the key's own word

    assert answers(ask(both, replace(COMMITTED, vouchers=("certificate",)))) == {"source.commit": "not-vouched"}


# --- What replaces part of the source

BASE: Final = {"args": {"context:base": f"docker-image://alpine@{PIN}"}}
FRONTEND: Final = {"args": {"build-arg:BUILDKIT_SYNTAX": f"frontend.test/dockerfile@{PIN}"}}


@pytest.mark.parametrize(("request_", "name"), [(BASE, "context:base"), (FRONTEND, "frontend")])
def test_a_replacement_is_accepted_by_its_name_and_digest(request_: dict[str, Any], name: str) -> None:
    signed = by_key(images.git_build("refs/heads/main", **request_))
    assert answers(ask(signed)) == {"source.commit": "source-replaced"}
    assert ask(signed, replace(COMMITTED, accepted=(Accepted(name, PIN),))).verdict is PASSED

    for accepted in (Accepted("context:other", PIN), Accepted(name, Digest("sha256", "b" * 64))):
        report = ask(signed, replace(COMMITTED, accepted=(accepted,)))
        assert answers(report) == {"source.commit": "source-replaced"}


@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"args": {"context:base": "docker-image://alpine:3"}}, "context:base"),
        ({"args": {"context:base": f"docker-image://alpine@{PIN}x"}}, "context:base"),
        ({"args": {"build-arg:BUILDKIT_SYNTAX": "evil.test/frontend"}}, "frontend"),
        ({"locals": [{"name": "dockerfile"}]}, "local:dockerfile"),
        ({"inputs": {"base": {}}}, "input:base"),
        ({"args": {"dockerfilekey": "dockerfile"}}, "dockerfilekey"),
        ({"frontend": "gateway.v0"}, "frontend"),
    ],
)
def test_what_has_no_digest_cannot_be_accepted(request_: dict[str, Any], name: str) -> None:
    accepted = replace(COMMITTED, accepted=(Accepted(name, PIN),))
    assert answers(ask(by_key(images.git_build("refs/heads/main", **request_)), accepted)) == {
        "source.commit": "source-replaced"
    }


@pytest.mark.parametrize(
    ("argument", "value", "name"),
    [
        ("build-arg:BUILDKIT_SYNTAX", f"evil.test/frontend x@{PIN}", "frontend"),
        ("cmdline", f"evil.test/frontend x@{PIN}", "frontend"),
        ("context:base", f"https://evil.test/base.tar?x=@{PIN}", "context:base"),
        ("context:base", f"https://evil.test/base@{PIN}", "context:base"),
        ("context:base", f"https://evil.test/base.git#main:x@{PIN}", "context:base"),
    ],
)
def test_an_address_that_only_ends_like_a_digest_is_pinned_to_nothing(argument: str, value: str, name: str) -> None:
    """BuildKit runs the first word of BUILDKIT_SYNTAX, and fetches any https address for a named context."""
    signed = by_key(images.git_build("refs/heads/main", args={argument: value}))
    accepted = replace(COMMITTED, accepted=(Accepted(name, PIN),))
    assert answers(ask(signed, accepted)) == {"source.commit": "source-replaced"}


def test_another_build_type_is_accepted_by_the_types_that_the_policy_names() -> None:
    github = "https://actions.github.io/buildtypes/workflow/v1"
    signed = by_key(saying(images.git_build("refs/heads/main"), definition={"buildType": github}))
    assert answers(ask(signed)) == {"source.commit": "source-replaced"}

    assert signed.ask(policy(source=COMMITTED, build=BuildRules(types=patterns(github)))).verdict is PASSED


def test_every_question_about_the_source_is_open_where_part_of_it_is_replaced() -> None:
    arguments = {"context:base": "docker-image://evil.test/base"}
    rules = SourceRules(HERE, patterns("main"), (), commit_required=True, clean=True)
    assert ask(by_key(images.git_build("refs/heads/main")), rules).verdict is PASSED

    report = ask(by_key(images.git_build("refs/heads/main", args=arguments)), rules)

    ids = ("source.repository", "source.commit", "source.branch", "source.clean")
    assert answers(report) == dict.fromkeys(ids, "source-replaced")


def test_githubs_own_attestation_proves_its_source_once_its_build_type_is_accepted() -> None:
    github = "https://actions.github.io/buildtypes/workflow/v1"
    workflow = {"repository": images.REPOSITORY, "ref": f"refs/tags/{images.TAG}", "path": ".github/workflows/a.yml"}
    uri = f"git+{images.REPOSITORY}@refs/tags/{images.TAG}"
    build = {
        "buildDefinition": {
            "buildType": github,
            "externalParameters": {"workflow": workflow},
            "resolvedDependencies": [{"uri": uri, "digest": {"gitCommit": images.COMMIT}}],
        },
        "runDetails": {"builder": {"id": IDENTITY}},
    }
    rules = replace(COMMITTED, repository=HERE, tags=patterns(images.TAG))
    assert set(answers(by_certificate(build).ask(policy(source=rules))).values()) == {"source-replaced"}

    report = by_certificate(build).ask(policy(source=rules, build=BuildRules(types=patterns(github))))

    assert report.verdict is PASSED
    assert {the(report, name).vouched_by for name in ("source.repository", "source.commit", "source.tag")} == {
        "certificate"
    }
