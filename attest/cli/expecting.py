"""Options that say what is expected of an image, and the one value that they become."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from attest.cli.options import Once, parse_platforms, platform_option, source_options, stated
from attest.errors import UsageError
from attest.policy.expectations import Expectations

if TYPE_CHECKING:
    from attest.ci.source import JobSource

F = TypeVar("F", bound=Callable[..., Any])

_FACTS: Final = ("repository", "commit", "tag", "branch")


def expectation_options(command: F) -> Callable[..., int]:
    """--policy, --from-ci, --source-…, --builder-id, --require-vouched, --signature-only and --platform.

    They decide expectation, so they have no environment variables; the command gets them as one `expected`.
    """

    @functools.wraps(command)
    def bundled(
        policy_file: str | None,
        from_ci: bool,
        source_repository: str,
        source_commit: str,
        source_tag: str,
        source_branch: str,
        source_versioned_tag: str | None,
        builder_id: str | None,
        require_vouched: bool,
        signature_only: bool,
        platforms: tuple[str, ...],
        **rest: Any,
    ) -> int:
        said = dict(zip(_FACTS, (source_repository, source_commit, source_tag, source_branch), strict=True))
        origins: dict[str, str] = {}
        if from_ci:
            said, origins = _with_ci(said)
        expected = Expectations(
            **said,
            signature_only=signature_only,
            platforms=parse_platforms(platforms),
            versioned_tag=source_versioned_tag or "",
            builder=builder_id or "",
            require_vouched=require_vouched,
            policy=_policy(policy_file),
            origins={"builder": "--builder-id", **origins},
        )
        return int(command(expected=expected, **rest))

    return _declared(bundled)


def _declared(command: Callable[..., int]) -> Callable[..., int]:
    options = (
        click.option(
            "--policy",
            "policy_file",
            cls=Once,
            metavar="FILE[@DIGEST]",
            callback=stated,
            help="Hold the image against a policy; @sha256:… pins it.",
        ),
        click.option(
            "--from-ci",
            is_flag=True,
            help="Expect the source of this very job: whoever may start a pipeline may set its variables.",
        ),
        source_options,
        click.option(
            "--source-versioned-tag",
            cls=Once,
            metavar="VERSION",
            callback=stated,
            help="The git tag's version: v1 or v1.2.",
        ),
        click.option(
            "--builder-id", cls=Once, metavar="ID", callback=stated, help="The builder; without @REF any ref of it."
        ),
        click.option("--require-vouched", is_flag=True, help="The signer's own word of the source is not enough."),
        click.option(
            "--signature-only", is_flag=True, help="Ask for a signature over the image and nothing of its source."
        ),
        platform_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _policy(argument: str | None) -> Any:
    if argument is None:
        return None
    from attest.policy.language.reading import read_policy

    return read_policy(argument)


def _with_ci(said: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The job's own values beside those of flags, each with its origin. Raises UsageError where they differ."""
    job = _this_job()
    branch = job.branch if job.tag is None else None
    found = {"repository": job.repository, "commit": job.commit, "tag": job.tag}
    values = {fact: stated.value for fact, stated in found.items() if stated is not None}
    origins = {fact: f"{stated.origin} (--from-ci)" for fact, stated in found.items() if stated is not None}
    if branch and job.ref is not None:
        values["branch"], origins["branch"] = branch, f"{job.ref.origin} (--from-ci)"
    for fact, value in said.items():
        if value and fact in values and not _same(fact, value, values[fact]):
            raise UsageError(f"--source-{fact} says {value}, and {origins[fact]} {values[fact]}: both cannot be true")
    flags = {fact for fact, value in said.items() if value}
    return {**said, **{fact: value for fact, value in values.items() if fact not in flags}}, {
        fact: origin for fact, origin in origins.items() if fact not in flags
    }


def _this_job() -> JobSource:
    """What the job's variables say, or outside of a CI the git checkout here. Raises UsageError for less than all.

    A variable that is empty or cut short must not turn an expectation off.
    """
    from attest.ci.source import source_of_this_job

    platforms = [name for name in ("GITLAB_CI", "GITHUB_ACTIONS") if os.environ.get(name)]
    if len(platforms) > 1:
        raise UsageError("--from-ci: the variables of GitLab and of GitHub are set; which job is this?")
    job = source_of_this_job(os.environ, None if platforms else Path.cwd(), {})
    missing = [name for name, value in (("repository", job.repository), ("full commit", job.commit)) if value is None]
    if missing:
        where = "the job's variables name" if platforms else "no CI job here, and the git checkout names"
        remedy = "Name what you expect: --source-repository and others."
        raise UsageError(f"--from-ci: {where} no {' and no '.join(missing)}", "", remedy)
    return job


def _same(fact: str, one: str, other: str) -> bool:
    from attest.evidence.provenance import HEADS, TAGS
    from attest.evidence.repository import same_repository

    if fact == "repository":
        return same_repository(one, other)
    return one.removeprefix(TAGS if fact == "tag" else HEADS) == other
