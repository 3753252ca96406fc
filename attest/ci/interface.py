"""What a job says of itself, whichever platform runs it. Nothing here is proven: whoever signs it vouches for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attest.evidence.provenance import FULL_COMMIT, HEADS

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stated:
    """A value and where it was found, in words: "CI_COMMIT_SHA", "--source-commit", "git HEAD in ./app"."""

    value: str
    origin: str

    def __str__(self) -> str:
        return f"{self.value} ({self.origin})"


@dataclass(frozen=True, slots=True)
class Job:
    """The run itself, in its platform's words; "" is not known."""

    id: str = ""
    url: str = ""
    pipeline_id: str = ""
    pipeline_url: str = ""
    pipeline_source: str = ""
    runner_id: str = ""
    runner_description: str = ""
    configuration_path: str = ""


@dataclass(frozen=True, slots=True)
class JobSource:
    """The source that a job works on. None is not known.

    `platform` is gitlab, github, git, or "" where nothing is known. `repository` has no credentials, `commit` is full
    and lower-case, `ref` is full (`refs/heads/main`), `tag` is the bare name.
    """

    platform: str = ""
    repository: Stated | None = None
    commit: Stated | None = None
    ref: Stated | None = None
    tag: Stated | None = None
    protected: bool | None = None
    job: Job = Job()

    @property
    def branch(self) -> str | None:
        """The branch's name, where `ref` is one."""
        if self.ref is None or not self.ref.value.startswith(HEADS):
            return None
        return self.ref.value.removeprefix(HEADS)


def full_commit(text: str) -> str | None:
    """The commit in lower case, or None for what is no full commit."""
    lowered = text.strip().lower()
    return lowered if FULL_COMMIT.fullmatch(lowered) else None


def stated(environ: Environment, name: str) -> Stated | None:
    """A variable's value; None where it is missing or empty."""
    value = environ.get(name, "").strip()
    return Stated(value, name) if value else None


def stated_commit(environ: Environment, name: str) -> Stated | None:
    """A variable's value if it is a full commit."""
    commit = full_commit(environ.get(name, ""))
    return Stated(commit, name) if commit is not None else None


def truth(environ: Environment, name: str) -> bool | None:
    """What "true" and "false" mean; None for everything else."""
    return {"true": True, "false": False}.get(environ.get(name, "").strip().lower())
