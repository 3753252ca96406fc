"""The source claim of this job: flags win over the platform's variables, these over the git checkout.

The three are never mixed into a claim that none of them made: what is said of another repository or another commit
does not fill a gap, and a ref comes with its tag and its protection from one place. The flags' values belong to this
job's own claim alone; verification asks for its expectations elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from attest.ci import git, github, gitlab
from attest.ci.interface import Environment, Job, JobSource, Stated, full_commit
from attest.errors import UsageError
from attest.evidence.provenance import HEADS, TAGS
from attest.evidence.repository import same_repository, without_credentials

__all__ = ["Job", "JobSource", "Stated", "source_of_this_job"]

REPOSITORY_FLAG: Final = "--source-repository"
COMMIT_FLAG: Final = "--source-commit"
TAG_FLAG: Final = "--source-tag"
BRANCH_FLAG: Final = "--source-branch"

_PLATFORMS: Final = (gitlab.job_source, github.job_source)


def source_of_this_job(environ: Environment, directory: Path | None, stated: Mapping[str, str]) -> JobSource:
    """What this job builds, each value with its origin.

    `directory` is the checkout, None where the context is remote; `stated` maps `--source-…` flags to what was given.
    git is asked only for what is still missing. Raises UsageError for a short commit or a flag without a value, and
    GitRefused where git's answer is needed and git refuses.
    """
    flags = _from_flags(stated)
    platform = next((found for ask in _PLATFORMS if (found := ask(environ, directory)) is not None), JobSource())
    known = _beside(flags, platform)
    if known.repository and known.commit and known.ref:
        return known
    try:
        checkout = git.job_source(environ, directory)
    except git.GitRefused:
        if known.repository and known.commit:
            return known
        raise
    return _beside(known, checkout) if checkout is not None else known


def _beside(first: JobSource, second: JobSource) -> JobSource:
    """`first`, with its gaps filled from `second` as far as both speak of the same source."""
    joined = replace(
        first, platform=first.platform or second.platform, job=second.job if first.job == Job() else first.job
    )
    if first.repository and second.repository and not same_repository(first.repository.value, second.repository.value):
        return joined
    joined = replace(joined, repository=first.repository or second.repository, commit=first.commit or second.commit)
    if first.commit and (second.commit is None or first.commit.value != second.commit.value):
        return joined
    if first.ref is None:
        return replace(joined, ref=second.ref, tag=second.tag, protected=second.protected)
    same_ref = second.ref is not None and first.ref.value == second.ref.value
    return replace(joined, protected=second.protected) if same_ref and first.protected is None else joined


def _from_flags(stated: Mapping[str, str]) -> JobSource:
    for flag, value in stated.items():
        if not value.strip():
            raise UsageError(f"{flag}: no value", "A variable that is not set here?", "Leave the flag out, or fill it.")
    repository, tag, branch = (stated.get(flag, "").strip() for flag in (REPOSITORY_FLAG, TAG_FLAG, BRANCH_FLAG))
    if tag and branch:
        raise UsageError(f"{TAG_FLAG} and {BRANCH_FLAG}: a build is made from one of them")
    tag = tag.removeprefix(TAGS)
    ref = Stated(TAGS + tag, TAG_FLAG) if tag else None
    if branch:
        ref = Stated(HEADS + branch.removeprefix(HEADS), BRANCH_FLAG)
    return JobSource(
        repository=Stated(without_credentials(repository), REPOSITORY_FLAG) if repository else None,
        commit=_commit(stated),
        ref=ref,
        tag=Stated(tag, TAG_FLAG) if tag else None,
    )


def _commit(stated: Mapping[str, str]) -> Stated | None:
    given = stated.get(COMMIT_FLAG)
    if given is None:
        return None
    commit = full_commit(given)
    if commit is None:
        raise UsageError(
            f"{COMMIT_FLAG} {given}: not a full commit",
            "A short one can come to mean another commit.",
            "Expected 40 or 64 hex digits: git rev-parse HEAD.",
        )
    return Stated(commit, COMMIT_FLAG)
