"""Rule 9 under policies of every kind: whoever deletes a piece of evidence gains nothing.

To improve means to become passed. Two exceptions: a believed signer's statement that itself says something worse than
the others (the lone contradiction of the design: nobody can tell that it was there), and a summary of a failure.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB, COSIGN_SIGN, CYCLONEDX_BOM, SPDX_DOCUMENT
from attest.policy.expectations import Expectations
from attest.policy.pattern import Pattern
from attest.policy.policy import BaseImageRules, BuildRules, ParameterRules, Policy, SbomRules, SourceRules
from attest.policy.report import Report, Status
from attest.policy.summaries import SUMMARY, Verifier
from attest.trust.identity import ExpectedIdentity
from attest.trust.keys import SigningKey
from attest.trust.scope import Scope
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.policies import AMD64, CERTIFICATE, IDENTITY, ISSUER, PIPELINE, TaggedStore, patterns, policy, saying
from tests.pretended_roots import PretendedRoots
from tests.summaries import summary, verifier

ASKED: Final = int(os.environ.get("ATTEST_EXAMPLES", "0"))
BUILDER: Final = "https://builder.test/runner"
RECENT: Final = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
PINNED: Final = f"pkg:docker/alpine@3?digest=sha256:{'a' * 64}"
KEY, STRANGER, DENIED, PIPE, VERIFIER = (images.new_key() for _ in range(5))
MAIN: Final = images.git_build("refs/heads/main")
TAGGED: Final = {"source": {"repository": images.REPOSITORY, "commit": images.COMMIT, "tag": images.TAG}}


def tries(count: int, *phases: Phase) -> settings:
    """The same ones each time, unless more are asked for."""
    return settings(
        max_examples=ASKED or count,
        phases=phases or tuple(Phase),
        derandomize=not ASKED,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@dataclass(frozen=True)
class Piece:
    """One signed statement about the image, hung off its index and its platform."""

    predicate_type: str
    predicate: Any
    signer: SigningKey

    def hang(self, pushed: images.Pushed) -> None:
        whole = (pushed.root,)
        about = whole if self.predicate_type in (COSIGN_SIGN, SUMMARY) else (*whole, pushed.platforms[AMD64])
        certificate = CERTIFICATE if self.signer is PIPE else b""
        images.sign_about(pushed, about, self.predicate_type, self.predicate, self.signer, certificate)


@dataclass(frozen=True)
class Case:
    """What is in the registry, and what somebody asks about it."""

    embedded: Any
    pieces: tuple[Piece, ...]
    trust: Trust
    expected: Expectations
    verifiers: tuple[Verifier, ...] = ()

    def report(self, *pieces: Piece) -> Report:
        pushed = images.push({AMD64: self.embedded}, TaggedStore())
        for piece in pieces:
            piece.hang(pushed)
        return verify_reference(pushed.store, self.trust, self.expected, verifiers=self.verifiers)

    def without(self, index: int) -> Report:
        return self.report(*self.pieces[:index], *self.pieces[index + 1 :])

    def says_worse(self, index: int, whole: Report) -> bool:
        """Whether a believed signer's piece says something that is wrong by itself, or contradicts another one."""
        piece = self.pieces[index]
        if piece.signer in (STRANGER, DENIED) or piece.predicate_type in (SPDX_DOCUMENT, CYCLONEDX_BOM):
            return False
        if piece.predicate_type == SUMMARY:
            return bool(piece.predicate["verificationResult"] == "FAILED")
        open_ = {check.id for check in whole.checks if check.status is not Status.PASSED and check.required}
        alone = {(check.id, check.reason) for check in self.report(piece).checks if check.id in open_ and check.reason}
        own = {one for one in alone if not (one[0] in OF_ALL_TOGETHER and one[1] in SAYS_NOTHING)}
        return bool(own) or any(check.reason == "contradiction" for check in whole.checks)


# What one statement leaves open, another one may answer; every other question is put to each provenance statement.
OF_ALL_TOGETHER: Final = (
    "source.repository",
    "source.commit",
    "source.tag",
    "source.branch",
    "source.ref",
    "image.tag",
)
SAYS_NOTHING: Final = ("no-claim", "not-vouched", "untrusted", "no-provenance", "unsigned", "ambiguous-ref")

# --- What is in the registry, and what is asked: each mostly as it should be


def mostly(right: Any, *others: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*[right] * (4 * len(others)), *others])


LOCAL: Final = mostly(
    images.local_build(),
    images.local_build(images.OTHER_COMMIT),
    images.local_build(f"{images.COMMIT}-dirty"),
    images.local_build("", ""),
    images.local_build(repository="https://git.example.test/acme/b"),
    images.local_build(**{"build-arg:MODE": "debug"}),
)
FETCHED: Final = mostly(
    MAIN,
    images.git_build(f"refs/tags/{images.TAG}"),
    images.git_build(images.TAG),
    images.git_build("refs/heads/other", images.OTHER_COMMIT),
    images.git_build("refs/heads/main", args={"context:base": "docker-image://evil.test/base"}),
    images.git_build("refs/heads/main", frontend="gateway.v0", args={"source": "docker/dockerfile:1"}),
)
PROVENANCE: Final = st.builds(
    saying,
    LOCAL | FETCHED,
    builder=mostly(BUILDER, "", "https://other.test"),
    finished=mostly(RECENT, "", "2020-01-01T00:00:00Z"),
    dependencies=mostly([PINNED], [], ["pkg:docker/evil.test/base@1"]),
    complete=mostly(True, False),
    listed=mostly(True, False),
    hermetic=mostly(True, False),
)
COMPONENTS: Final = mostly({"components": [{"name": "busybox"}], "packages": [{"SPDXID": "a"}]}, {})
SIGNERS: Final = st.sampled_from([KEY, PIPE, STRANGER, DENIED])
PIECES: Final = st.one_of(
    st.builds(Piece, st.just(SLSA_V1), PROVENANCE, SIGNERS),
    st.builds(Piece, st.just(SLSA_V1), PROVENANCE, mostly(PIPE, KEY)),
    st.builds(Piece, st.just(CI_JOB), mostly(TAGGED, {"source": {"branch": "main"}}, {"source": {}}), SIGNERS),
    st.builds(Piece, st.sampled_from([SPDX_DOCUMENT, CYCLONEDX_BOM]), COMPONENTS, SIGNERS),
    st.builds(Piece, st.just(COSIGN_SIGN), st.just({}), SIGNERS),
)
FIRST: Final = st.builds(Piece, st.just(SLSA_V1), PROVENANCE, mostly(KEY, PIPE))
WHOLE: Final = st.sampled_from(
    [
        (),
        (Piece(COSIGN_SIGN, {}, KEY),),
        (Piece(SPDX_DOCUMENT, {"packages": [{"SPDXID": "a"}]}, KEY),),
        (Piece(SPDX_DOCUMENT, {"packages": [{"SPDXID": "a"}]}, KEY), Piece(COSIGN_SIGN, {}, KEY)),
    ]
)
SCOPES: Final = mostly(
    Scope(level=2, is_isolated=True), Scope(), Scope(level=3, builders=(BUILDER,)), Scope(level=2, builders=("x",))
)


def switched(rules: Any) -> st.SearchStrategy[Any]:
    """These rules, each on or off."""
    off = type(rules)()
    names = [name for name in type(rules).__slots__ if getattr(rules, name) != getattr(off, name)]
    return st.builds(
        lambda on: replace(off, **{name: getattr(rules, name) for name, is_on in zip(names, on, strict=True) if is_on}),
        st.tuples(*(st.sampled_from([False, False, True]) for _ in names)),
    )


SOURCE: Final = st.builds(
    SourceRules,
    repository=mostly(Pattern("/https://git\\.example\\.test/acme/.*/"), Pattern(images.REPOSITORY), None),
    branches=mostly((), patterns("main", "other")),
    tags=mostly((), patterns("/v.*/")),
    commit_required=st.booleans(),
    clean=mostly(False, True),
    vouchers=mostly((), ("signer",), ("certificate",), ("builder", "certificate")),
    certificate_alone=st.booleans(),
)
POLICIES: Final = st.builds(
    lambda source, build, parameters, base, sbom, tag, signed: policy(
        source=source,
        build=build,
        parameters=parameters,
        base_images=base,
        sbom=sbom,
        image_tag=tag,
        signature_required=signed,
    ),
    SOURCE,
    switched(
        BuildRules(
            patterns(BUILDER),
            patterns("/https://github\\.com/moby/.*/"),
            hermetic=True,
            complete=True,
            max_age=timedelta(days=30),
            level=2,
        )
    ),
    mostly(ParameterRules(), ParameterRules(closed=True), ParameterRules(allowed={"build-arg:MODE": ()})),
    mostly(BaseImageRules(), BaseImageRules(patterns("docker.io/library/alpine"), pinned=True)),
    st.sampled_from(
        [SbomRules(), SbomRules(required=True, components=True), SbomRules(required=True, formats=("spdx",))]
    ),
    mostly("", "{source_tag}"),
    st.booleans(),
)


def trusting(scope: Scope, key: bool, pipeline: bool) -> Trust:
    keys = (replace(KEY.public, scope=scope), DENIED.public) if key else ()
    identities = (ExpectedIdentity(IDENTITY, ISSUER, scope=scope),) if pipeline else ()
    roots = PretendedRoots(((PIPE.public, PIPELINE),))
    return Trust(keys, identities, roots, frozenset({DENIED.public.fingerprint}))


def expecting(rules: Policy, said: tuple[str, str, str], require_vouched: bool) -> Expectations:
    return Expectations(*said, policy=rules, require_vouched=require_vouched)


def cases(pieces: st.SearchStrategy[tuple[Piece, ...]]) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        st.none() | PROVENANCE,
        pieces,
        st.builds(trusting, SCOPES, mostly(True, False), mostly(True, False)),
        st.builds(
            expecting,
            POLICIES,
            mostly(("", "", ""), ("", images.COMMIT, ""), (images.REPOSITORY, "", ""), ("", "", images.TAG)),
            mostly(False, True),
        ),
    )


CASES: Final = cases(
    st.builds(lambda first, whole, more: (first, *whole, *more), FIRST, WHOLE, st.lists(PIECES, max_size=3))
)
TOLD: Final = st.builds(
    lambda case, result, ago, others: replace(
        case,
        pieces=(*case.pieces, *(_told(case.expected, *one) for one in ((result, ago), *others))),
        verifiers=(verifier(VERIFIER),),
    ),
    cases(st.lists(PIECES, max_size=2).map(tuple)).filter(lambda case: not case.expected.is_explicit),
    mostly("PASSED", "FAILED"),
    st.integers(1, 90),
    st.lists(st.tuples(st.sampled_from(["PASSED", "FAILED"]), st.integers(1, 90)), max_size=1),
)


def _told(expected: Expectations, result: str, days: int) -> Piece:
    assert expected.policy is not None
    levels = ["SLSA_BUILD_LEVEL_3" if result == "PASSED" else "FAILED"]
    where = f"registry.test/acme/app:{images.TAG}"
    said = summary(expected.policy, result, timedelta(days=days), resourceUri=where, verifiedLevels=levels)
    return Piece(SUMMARY, said, VERIFIER)


def improved(case: Case) -> list[Piece]:
    """The pieces without which it passes though it does not with them, the exceptions left out."""
    whole = case.report(*case.pieces)
    if whole.verdict is Status.PASSED:
        return []
    return [
        piece
        for index, piece in enumerate(case.pieces)
        if case.without(index).verdict is Status.PASSED and not case.says_worse(index, whole)
    ]


@tries(400)
@given(CASES)
def test_without_any_one_piece_nothing_passes_that_did_not_before(case: Case) -> None:
    assert not improved(case)


def test_beside_summaries_nothing_passes_without_a_piece_that_did_not_before() -> None:
    @tries(600, Phase.generate)
    @given(TOLD)
    def holds(case: Case) -> None:
        assert not improved(case)

    holds()


@pytest.mark.parametrize("tried", [CASES, TOLD], ids=["evidence", "summaries"])
def test_many_of_the_images_that_are_tried_pass_and_many_do_not(tried: st.SearchStrategy[Case]) -> None:
    """The property would hold as well if nothing ever passed."""
    seen: list[Status] = []

    @tries(150)
    @given(tried)
    def collect(case: Case) -> None:
        seen.append(case.report(*case.pieces).verdict)

    collect()

    assert min(seen.count(status) for status in (Status.PASSED, Status.FAILED)) > 10


def test_what_says_worse_may_be_deleted_by_whoever_can_write_to_the_registry() -> None:
    """The exceptions are exceptions: they do improve an answer."""
    good = Piece(SLSA_V1, images.local_build(), KEY)
    trust, expected = trusting(Scope(), key=True, pipeline=False), Expectations(policy=policy())
    failure = Piece(SUMMARY, summary(policy(), "FAILED", resourceUri=f"registry.test/acme/app:{images.TAG}"), VERIFIER)
    contradiction = Piece(SLSA_V1, images.local_build(repository="https://git.example.test/acme/b"), KEY)
    for worse in (contradiction, failure):
        case = Case(None, (good, worse), trust, expected, (verifier(VERIFIER),))
        whole = case.report(*case.pieces)
        assert (whole.verdict, case.without(1).verdict) == (Status.FAILED, Status.PASSED)
        assert case.says_worse(1, whole)
        assert not case.says_worse(0, whole) or worse is contradiction
