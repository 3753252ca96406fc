"""The checks of the source. Each is a function that asks one question; its id, reasons and words stand together.

A new check is one function and one line in the list at the end. docs/checks.md names every id and reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from attest.evidence.provenance import FULL_COMMIT, HEADS, TAGS
from attest.evidence.repository import canonical_repository, same_repository
from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Claim, Status

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def source_repository(source: Corroborated, expected: Expectations) -> Check | None:
    """Was the image built from the expected repository?"""
    if not expected.repository:
        return None
    claims = source.about("repository")
    wrong = [claim for claim in claims if not same_repository(claim.value, expected.repository)]
    return _answer("source.repository", source, expected.repository, claims, wrong, "other-repository")


def source_commit(source: Corroborated, expected: Expectations) -> Check | None:
    """Was the image built from the expected commit, and from nothing but it?"""
    if not expected.commit:
        return None
    # An object equal to what is expected is that commit, or the tag object that people took for one: its hash says so.
    same = {expected.commit, source.peeled.get(expected.commit)}
    claims = tuple(claim for claim in source.about("commit", "object") if claim.fact == "commit" or claim.value in same)
    wrong = [claim for claim in claims if claim.value not in same]
    if source.about("dirty") and not wrong:
        return _dirty("source.commit", source, expected.commit)
    unpeeled = [claim for claim in source.about("object") if claim.value != expected.commit]
    if unpeeled and not wrong:
        summary = f"built from the git object {unpeeled[0].value}, which may be an annotated tag's"
        hint = f"Peel it: git rev-parse '{unpeeled[0].value}^{{commit}}'. attest build signs the tag object along."
        return _check("source.commit", UNKNOWN, source, summary, "not-peelable", expected.commit, unpeeled, hint)
    return _answer("source.commit", source, expected.commit, claims, wrong, "other-commit")


def source_tag(source: Corroborated, expected: Expectations) -> Check | None:
    """Was the image built from the expected tag? A bare ref of that name proves nothing: a branch may have it."""
    if not expected.tag:
        return None
    return _ref("source.tag", "tag", "branch", source, expected.tag.removeprefix(TAGS))


def source_branch(source: Corroborated, expected: Expectations) -> Check | None:
    """Was the image built from the expected branch?"""
    if not expected.branch:
        return None
    return _ref("source.branch", "branch", "tag", source, expected.branch.removeprefix(HEADS))


def _ref(check_id: str, kind: str, other: str, source: Corroborated, name: str) -> Check:
    claims = source.about(kind)
    wrong = [claim for claim in claims if claim.value != name] + list(source.about(other))
    # A build from a commit names no ref: it is neither the expected one nor another.
    wrong += [claim for claim in source.about("ref") if claim.value != name and not FULL_COMMIT.fullmatch(claim.value)]
    if source.about("dirty") and not wrong:
        return _dirty(check_id, source, name)
    check = _answer(check_id, source, name, claims, wrong, f"other-{kind}")
    if check.reason == "no-claim" and name in source.values("ref"):
        summary = f"built from the ref {name}, and a bare name may be a branch or a tag"
        hint = f"Build from …#refs/{'tags' if kind == 'tag' else 'heads'}/{name}."
        return _check(check_id, UNKNOWN, source, summary, "ambiguous-ref", name, source.about("ref"), hint)
    return check


def _dirty(check_id: str, source: Corroborated, expected: str) -> Check:
    summary = "built from a working tree with uncommitted changes"
    return _check(check_id, FAILED, source, summary, "dirty", expected, source.about("dirty"))


def contradictions(source: Corroborated, expected: Expectations) -> Iterator[Check]:
    """Do trusted statements contradict each other about a fact that nobody asked for? Asked only where they do."""
    ref = expected.tag or expected.branch
    if not ref and source.values("tag") and source.values("branch"):
        names = f"the tag {source.values('tag')[0]} and the branch {source.values('branch')[0]}"
        summary = f"trusted statements name {names}"
        yield _check("source.tag", FAILED, source, summary, "contradiction", "", source.about("tag", "branch"))
    objects = {*source.values("object"), *source.values("commit")}
    if not expected.commit and source.values("object") and len(objects) > 1 and len(source.values("commit")) < 2:
        summary = f"trusted statements name the git objects {', '.join(sorted(objects))}, which may be one or several"
        claims = source.about("object", "commit")
        yield _check("source.commit", UNKNOWN, source, summary, "not-peelable", "", claims)
    asked = {"repository": expected.repository, "commit": expected.commit, "tag": ref, "branch": ref}
    for fact, spelling in _COMPARABLE.items():
        values = source.values(fact)
        if not asked.get(fact) and len({spelling(value) or value for value in values}) > 1:
            summary = f"trusted statements name different {fact} values: {', '.join(values)}"
            yield _check(f"source.{fact}", FAILED, source, summary, "contradiction", "", source.about(fact))


_COMPARABLE: Final[Mapping[str, Callable[[str], str]]] = {
    "repository": canonical_repository,
    "commit": str,
    "tag": str,
    "branch": str,
}


def _answer(
    check_id: str, source: Corroborated, expected: str, claims: Sequence[Claim], wrong: Sequence[Claim], reason: str
) -> Check:
    """Wrong content fails, whatever else is right; what replaced part of the source makes the rest unknown."""
    noun = check_id.removeprefix("source.")
    if wrong:
        summary = f"built from {noun} {wrong[0].value}, expected {expected}"
        if claim := next((claim for claim in wrong if claim.fact != noun), None):
            summary = f"built from the {claim.fact} {claim.value}, expected the {noun} {expected}"
        hint = "It is another build, or you expect something else than you mean."
        return _check(check_id, FAILED, source, summary, reason, expected, wrong, hint)
    claims, uncounted = [claim for claim in claims if claim.counts], [claim for claim in claims if not claim.counts]
    if uncounted and not claims:
        summary = f"the signer says {noun} {uncounted[0].value}, and the certificate does not"
        return _check(check_id, UNKNOWN, source, summary, "not-vouched", expected, uncounted, _NOT_VOUCHED)
    if not claims:
        summary = f"no trusted statement names the {noun}"
        return _check(check_id, UNKNOWN, source, summary, "no-claim" if source.provenance else "untrusted", expected)
    if replaced := source.about("replaced"):
        summary = f"the {noun} does not speak for all of the source: {replaced[0].value}"
        return _check(check_id, UNKNOWN, source, summary, "source-replaced", expected, replaced)
    return _check(check_id, PASSED, source, f"built from {noun} {claims[0].value}", "", expected, claims)


def _check(
    check_id: str,
    status: Status,
    source: Corroborated,
    summary: str,
    reason: str,
    expected: str,
    claims: Sequence[Claim] = (),
    hint: str = "",
) -> Check:
    return Check(
        check_id,
        status,
        summary,
        reason,
        platform=source.platform,
        expected=expected,
        origin=f"--{check_id.replace('.', '-')}" if expected else "",
        found=tuple(dict.fromkeys(claim.value for claim in claims)),
        vouched_by=claims[0].vouched_by if claims else "",
        evidence=tuple(dict.fromkeys(claim.statement for claim in claims)),
        hint=hint,
    )


_NOT_VOUCHED: Final = (
    "Sign with an identity whose certificate names the source, as GitLab's and GitHub's pipelines have, "
    "from a job of that repository and commit."
)

SourceCheck = Callable[[Corroborated, Expectations], Check | None]
SOURCE_CHECKS: Final[tuple[SourceCheck, ...]] = (source_repository, source_commit, source_tag, source_branch)
