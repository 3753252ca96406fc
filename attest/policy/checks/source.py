"""The checks of the source. Each is a function that asks one question; its id, reasons and words stand together.

A new check is one function and one line in the list at the end. docs/checks.md names every id and reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from attest.evidence.buildkit_request import is_of_buildkit
from attest.evidence.provenance import FULL_COMMIT
from attest.evidence.repository import canonical_repository
from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Demand, Expectations, RefDemand
from attest.policy.report import Check, Claim, Status

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def source_repository(source: Corroborated, expected: Expectations) -> Iterator[Check]:
    """Was the image built from the expected repository?"""
    claims = source.about("repository")
    for demand in expected.repositories:
        wrong = [claim for claim in claims if not demand.meets(claim.value)]
        yield _answer("source.repository", source, demand, claims, wrong, "other-repository")


def source_commit(source: Corroborated, expected: Expectations) -> Iterator[Check]:
    """Was the image built from the expected commit, and from nothing but it?"""
    if expected.commit:
        yield _exact_commit(source, expected.commit, expected.origin("commit"))
    elif expected.policy and expected.policy.source.commit_required:
        demand = Demand("a commit", expected.policy.origin("source.commit_required"), lambda _: True)
        commits = [claim for claim in source.about("commit") if FULL_COMMIT.fullmatch(claim.value)]
        objects = [] if commits else source.about("object")
        yield (
            _dirty("source.commit", source, demand)
            or (_unpeeled(source, demand, objects) if objects else None)
            or _answer("source.commit", source, demand, commits, (), "other-commit")
        )


def _exact_commit(source: Corroborated, commit: str, origin: str) -> Check:
    # An object equal to what is expected is that commit, or the tag object that people took for one: its hash says so.
    same = {commit, source.peeled.get(commit)}
    demand = Demand(commit, origin, lambda value: value in same)
    claims = tuple(claim for claim in source.about("commit", "object") if claim.fact == "commit" or claim.value in same)
    wrong = [claim for claim in claims if claim.value not in same]
    if not wrong and (dirty := _dirty("source.commit", source, demand)):
        return dirty
    unpeeled = [claim for claim in source.about("object") if claim.value != commit]
    if unpeeled and not wrong:
        return _unpeeled(source, demand, unpeeled)
    return _answer("source.commit", source, demand, claims, wrong, "other-commit")


def _unpeeled(source: Corroborated, demand: Demand, objects: Sequence[Claim]) -> Check:
    summary = f"built from the git object {objects[0].value}, which may be an annotated tag's"
    return _check("source.commit", UNKNOWN, source, summary, "not-peelable", demand, objects, _PEEL)


_PEEL: Final = (
    "Give a clone that has it (--git-checkout DIR), or --fetch-tags. attest build signs the tag object along."
)


def source_ref(source: Corroborated, expected: Expectations) -> Iterator[Check]:
    """Was the image built from the expected tag or branch? A bare ref of that name proves nothing: it may be either."""
    for demand in expected.refs:
        yield _ref(source, demand)


def _ref(source: Corroborated, demand: RefDemand) -> Check:
    """Every ref that is named must be one of those expected, and one of them must be named in full."""
    wanted = {kind: one for kind, one in (("tag", demand.tags), ("branch", demand.branches)) if one is not None}
    kind = next(iter(wanted)) if len(wanted) == 1 else "ref"
    check_id = "source.tag" if kind == "tag" else "source.branch" if kind == "branch" else "source.ref"
    reason = "other-tag" if kind == "tag" else "other-branch" if kind == "branch" else "other-ref"
    either = Demand(", or ".join(one.wanted for one in wanted.values()), demand.origin, demand.meets)
    claims = _as_branches(source) if kind == "branch" else source.about("tag", "branch")
    wrong = [claim for claim in claims if claim.fact not in wanted or not wanted[claim.fact].meets(claim.value)]
    wrong.sort(key=lambda claim: claim.fact not in wanted)
    # A build from a commit names no ref: it is neither the expected one nor another.
    bare = [claim for claim in source.about("ref") if not FULL_COMMIT.fullmatch(claim.value)]
    wrong += [claim for claim in bare if not demand.meets(claim.value)]
    if not wrong and (dirty := _dirty(check_id, source, either)):
        return dirty
    check = _answer(check_id, source, either, claims, wrong, reason)
    if check.reason == "no-claim" and bare:
        name = bare[0].value
        summary = f"built from the ref {name}, and a bare name may be a branch or a tag"
        hint = f"Build from …#refs/{'heads' if kind == 'branch' else 'tags'}/{name}."
        return _check(check_id, UNKNOWN, source, summary, "ambiguous-ref", either, source.about("ref"), hint)
    return check


def _as_branches(source: Corroborated) -> tuple[Claim, ...]:
    """Where a branch is asked for: instead of a tag the branch that it was made on, if the same statement says so."""
    bases = {claim.statement: claim for claim in source.about("base")}
    of_tags = (bases.get(claim.statement, claim) for claim in source.about("tag"))
    named = (replace(claim, fact="branch") if claim.fact == "base" else claim for claim in of_tags)
    return (*source.about("branch"), *dict.fromkeys(named))


def source_clean(source: Corroborated, expected: Expectations) -> Iterator[Check]:
    """Was it built from what is committed, and nothing else? Only a git context that the builder fetched shows it."""
    if not (expected.policy and expected.policy.source.clean):
        return
    demand = Demand("a clean working tree", expected.policy.origin("source.clean"), lambda _: True)
    # A workflow names its commit and then does with the checkout what it likes: only BuildKit builds what it fetched.
    of_buildkit = [said for said in source.said if is_of_buildkit(said.build_type)]
    fetched = [said for said in of_buildkit if any(one.written_by == "builder" for one in said.sources)]
    if dirty := _dirty("source.clean", source, demand):
        yield dirty
    elif fetched and len(fetched) == len(source.said):
        yield _answer("source.clean", source, demand, source.about("commit", "object"), (), "dirty")
    else:
        summary = "nothing shows that what was built is what is committed"
        hint = "Build from a git context: attest build https://host/project.git#refs/tags/NAME."
        reason = "no-claim" if source.provenance else "untrusted"
        yield _check("source.clean", UNKNOWN, source, summary, reason, demand, hint=hint)


def _dirty(check_id: str, source: Corroborated, demand: Demand) -> Check | None:
    if not source.about("dirty"):
        return None
    summary = "built from a working tree with uncommitted changes"
    return _check(check_id, FAILED, source, summary, "dirty", demand, source.about("dirty"))


def contradictions(source: Corroborated, expected: Expectations) -> Iterator[Check]:
    """Do trusted statements contradict each other about a fact that nobody asked for? Asked only where they do."""
    exact = expected.exact
    asks_ref = bool(exact & {"tag", "branch"})
    if not asks_ref and source.values("tag") and source.values("branch"):
        names = f"the tag {source.values('tag')[0]} and the branch {source.values('branch')[0]}"
        summary = f"trusted statements name {names}"
        yield _check("source.tag", FAILED, source, summary, "contradiction", None, source.about("tag", "branch"))
    named = {*source.values("tag"), *source.values("branch")}
    bare = {ref for ref in source.values("ref") if not FULL_COMMIT.fullmatch(ref)}
    if not asks_ref and len(named | bare) > 1 and bare - named:
        summary = f"trusted statements name different refs: {', '.join(sorted(named | bare))}"
        claims = source.about("ref", "tag", "branch")
        yield _check("source.ref", FAILED, source, summary, "contradiction", None, claims)
    objects = {*source.values("object"), *source.values("commit")}
    if "commit" not in exact and source.values("object") and len(objects) > 1 and len(source.values("commit")) < 2:
        summary = f"trusted statements name the git objects {', '.join(sorted(objects))}, which may be one or several"
        claims = source.about("object", "commit")
        yield _check("source.commit", UNKNOWN, source, summary, "not-peelable", None, claims)
    for fact, spelling in _COMPARABLE.items():
        values = source.values(fact)
        if fact not in exact and len({spelling(value) or value for value in values}) > 1:
            summary = f"trusted statements name different {fact} values: {', '.join(values)}"
            yield _check(f"source.{fact}", FAILED, source, summary, "contradiction", None, source.about(fact))


def _is_one_commit(sources: Sequence[Corroborated]) -> bool:
    """Whether the platforms are of one commit, whichever of its branches and tags each was built for."""
    commits = [{claim.value for claim in one.about("commit") if claim.counts} for one in sources]
    return all(commits) and bool(set.intersection(*commits))


def mixed(sources: Sequence[Corroborated], expected: Expectations) -> Iterator[Check]:
    """Are the platforms of one source? Genuine releases can be joined in one index by anybody. Asked only where not."""
    # A git object may be a commit or a tag's: two platforms of different ones are of one source or of two.
    named = [{*one.values("commit"), *one.values("object"), *one.values("tagObject")} for one in sources]
    known = [values for values in named if values]
    is_open = any(one.values("object") for one in sources) and "commit" not in expected.exact
    if is_open and known and not set.intersection(*known):
        claims = [claim for one in sources for claim in one.about("commit", "object")]
        told = ", ".join(dict.fromkeys(claim.value for claim in claims))
        summary = f"the platforms are of the git objects {told}, which may be one source or several"
        found = tuple(dict.fromkeys(claim.value for claim in claims))
        yield Check("source.commit", UNKNOWN, summary, "not-peelable", found=found, hint=_PEEL)
    for fact, spelling in _COMPARABLE.items():
        said = {
            one.platform: {spelling(claim.value) or claim.value for claim in one.about(fact) if claim.counts}
            for one in sources
        }
        known = [values for values in said.values() if values]
        if fact in expected.exact or not known or set.intersection(*known):
            continue
        if fact in ("tag", "branch") and _is_one_commit(sources):
            continue
        told = "; ".join(f"{platform}: {', '.join(sorted(values))}" for platform, values in said.items() if values)
        claims = [claim for one in sources for claim in one.about(fact) if claim.counts]
        yield Check(
            f"source.{fact}",
            FAILED,
            f"the platforms are of different sources: {told}",
            "contradiction",
            found=tuple(dict.fromkeys(claim.value for claim in claims)),
            vouched_by=_strongest(claims),
            evidence=tuple(dict.fromkeys(claim.statement for claim in claims)),
        )


_COMPARABLE: Final[Mapping[str, Callable[[str], str]]] = {
    "repository": canonical_repository,
    "commit": str,
    "tag": str,
    "branch": str,
}


def _answer(
    check_id: str, source: Corroborated, demand: Demand, claims: Sequence[Claim], wrong: Sequence[Claim], reason: str
) -> Check:
    """Wrong content fails, whatever else is right; what replaced part of the source makes the rest unknown."""
    noun = check_id.removeprefix("source.")
    if wrong:
        summary = f"built from {noun} {wrong[0].value}, expected {demand.wanted}"
        if claim := next((claim for claim in wrong if claim.fact != noun), None):
            summary = f"built from the {claim.fact} {claim.value}, expected the {noun} {demand.wanted}"
        hint = "It is another build, or you expect something else than you mean."
        return _check(check_id, FAILED, source, summary, reason, demand, wrong, hint)
    claims, uncounted = [claim for claim in claims if claim.counts], [claim for claim in claims if not claim.counts]
    if uncounted and not claims:
        return _not_vouched(check_id, source, demand, uncounted)
    if not claims:
        summary = f"no trusted statement names the {noun}"
        return _check(check_id, UNKNOWN, source, summary, "no-claim" if source.provenance else "untrusted", demand)
    if replaced := source.about("replaced"):
        summary = f"the {noun} does not speak for all of the source: {replaced[0].value}"
        return _check(check_id, UNKNOWN, source, summary, "source-replaced", demand, replaced)
    summary = f"built from {claims[0].fact if noun == 'ref' else noun} {claims[0].value}"
    if noun == "clean":
        summary = f"the builder fetched {claims[0].value} itself, so nothing else came in"
    return _check(check_id, PASSED, source, summary, "", demand, claims, _how_peeled(source, claims))


def _how_peeled(source: Corroborated, claims: Sequence[Claim]) -> str:
    """For a commit that stands in an annotated tag: which tag object, and where it was found."""
    values = {claim.value for claim in claims if claim.fact == "commit"}
    tags = [f"{name} ({where})" for name, where in source.found_in.items() if source.peeled[name] in values]
    return f"The builder recorded the annotated tag {', '.join(tags)}, which peels to it." if tags else ""


def _not_vouched(check_id: str, source: Corroborated, demand: Demand, uncounted: Sequence[Claim]) -> Check:
    """Somebody says it, and nobody whose word is enough."""
    noun, who = check_id.removeprefix("source."), uncounted[0].vouched_by
    summary = f"the {who} says {noun} {uncounted[0].value}, and that is not enough here"
    if who == "signer" and source.by_certificate:
        summary = f"the signer says {noun} {uncounted[0].value}, and the certificate does not"
    return _check(check_id, UNKNOWN, source, summary, "not-vouched", demand, uncounted, _NOT_VOUCHED)


def _check(
    check_id: str,
    status: Status,
    source: Corroborated,
    summary: str,
    reason: str,
    demand: Demand | None,
    claims: Sequence[Claim] = (),
    hint: str = "",
) -> Check:
    return Check(
        check_id,
        status,
        summary,
        reason,
        platform=source.platform,
        expected=demand.wanted if demand else "",
        origin=demand.origin if demand else "",
        found=tuple(dict.fromkeys(claim.value for claim in claims)),
        vouched_by=_strongest(claims),
        evidence=tuple(dict.fromkeys(claim.statement for claim in claims)),
        hint=hint,
    )


def _strongest(claims: Sequence[Claim]) -> str:
    return min((claim.vouched_by for claim in claims), key=_VOUCHERS.index, default="")


_VOUCHERS: Final = ("certificate", "builder", "signer", "client")
_NOT_VOUCHED: Final = (
    "Sign with an identity whose certificate names the source, as GitLab's and GitHub's pipelines have, "
    "from a job of that repository and commit."
)

SourceCheck = Callable[[Corroborated, Expectations], Iterator[Check]]
SOURCE_CHECKS: Final[tuple[SourceCheck, ...]] = (
    source_repository,
    source_commit,
    source_ref,
    source_clean,
    contradictions,
)
