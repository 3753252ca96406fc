"""Options that say where annotated tags may be looked up that were not signed along."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attest.cli.main import say
from attest.errors import UsageError
from attest.policy.expectations import Expectations

if TYPE_CHECKING:
    from attest.policy.tag_objects import TagObject, TagObjects

F = TypeVar("F", bound=Callable[..., Any])


def tag_options(command: F) -> Callable[..., int]:
    """The command gets them as one `tags_from`, to which the expectations are still to be told."""

    @functools.wraps(command)
    def bundled(git_checkout: Path | None, fetch_tags: bool, **rest: Any) -> int:
        return int(command(tags_from=functools.partial(_tag_objects, git_checkout, fetch_tags), **rest))

    path = click.Path(exists=True, file_okay=False, path_type=Path)
    clone = click.option(
        "--git-checkout", metavar="DIR", type=path, help="Look up annotated tags in this clone; their hash proves them."
    )
    fetch = click.option(
        "--fetch-tags", is_flag=True, help="Ask the expected repository for annotated tags; their hash proves them."
    )
    return clone(fetch(bundled))


def _tag_objects(checkout: Path | None, fetch: bool, expected: Expectations, *, offline: bool) -> TagObjects:
    """Where to look. Only the repository that is expected is asked, never one that the image names.

    Raises UsageError where nobody may be asked, or it is not known whom.
    """
    from attest.policy.tag_objects import TagObject, nowhere

    repository = expected.one_repository
    if fetch and offline:
        raise UsageError("--fetch-tags and --offline exclude each other")
    if fetch and not repository:
        raise UsageError("--fetch-tags: no single repository is expected", "", "Add --source-repository URL.")
    if checkout is None and not fetch:
        return nowhere

    @functools.cache
    def look_up(name: str) -> TagObject | None:
        from attest.ci.git import GitRefused, fetched_tag_object, raw_tag_object

        try:
            raw = raw_tag_object(checkout, name, os.environ) if checkout is not None else None
            if raw is not None:
                return TagObject(raw, f"found in {checkout}")
            raw = fetched_tag_object(repository, name, os.environ) if fetch else None
        except GitRefused as error:  # a tag that cannot be looked up is one that was not found
            say(f"attest: {error}")
            return None
        return TagObject(raw, f"fetched from {repository}") if raw is not None else None

    return look_up
