"""What is to be built and what came out of it, whichever program builds.

A request holds what the user typed. It is checked when it is made, so that a builder only has to translate it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from attest.errors import UsageError
from attest.reference import Digest, ImageReference, LayoutReference, RegistryReference

Flag = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """A build as it was asked for; raises UsageError for one that cannot be.

    `targets` are registry references with a tag, which are pushed to, or one OCI layout with a tag, which is written
    into. `flags` are buildx's, in the order typed: `("--build-arg", "A=b")`, `("--no-cache", None)`. `extra` is what
    stood after `--`, handed on as it is. `only_ignored` says that git ignores everything that is not in the commit.
    """

    context: str
    targets: tuple[ImageReference, ...]
    flags: tuple[Flag, ...] = ()
    extra: tuple[str, ...] = ()
    only_ignored: bool = False

    def __post_init__(self) -> None:
        if not self.context:
            raise UsageError("no build context", "", "Give a directory, a Git address or - for standard input.")
        if self.context.startswith("-") and self.context != "-":
            raise UsageError(f"{self.context}: a flag where the build context belongs", "", f"Or ./{self.context}?")
        _check_targets(self.targets)

    @property
    def layout(self) -> LayoutReference | None:
        """The OCI layout that is written into; None for a push."""
        first = self.targets[0]
        return first if isinstance(first, LayoutReference) else None

    @property
    def every_flag(self) -> tuple[Flag, ...]:
        """`flags`, and those among `extra`, where a value may stand in the next word: what could be published."""
        return self.flags + tuple(_flags_among(self.extra))

    def into(self, layout: LayoutReference) -> BuildRequest:
        """The same build, written into another layout."""
        return replace(self, targets=(layout,))


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What was built: the digest of the index, and where it now is."""

    digest: Digest
    targets: tuple[ImageReference, ...]


class Builder(Protocol):
    """A program that builds by BuildKit."""

    @property
    def name(self) -> str:
        """As people say it: "docker buildx"."""

    def command(self, request: BuildRequest, metadata_file: Path, vcs: Mapping[str, str]) -> list[str]:
        """The arguments to run, the program first. Raises UsageError for a flag that it cannot honour.

        `vcs` holds `vcs:source` and `vcs:revision` for a builder that does not ask git itself.
        """

    def environment(self, request: BuildRequest) -> Mapping[str, str]:
        """What is added to the environment."""


def _check_targets(targets: tuple[ImageReference, ...]) -> None:
    if not targets:
        raise UsageError("no name for the image", "", "Give one: -t HOST/REPOSITORY:TAG or -t oci-layout:DIR:TAG.")
    for target in targets:
        if target.digest is not None:
            raise UsageError(f"{target}: a digest cannot be built, it is the answer", "", "Give a tag instead.")
        if target.tag is None:
            raise UsageError(f"{target}: no tag", "", f"Expected {target}:TAG.")
    if len(targets) > 1 and not all(isinstance(target, RegistryReference) for target in targets):
        raise UsageError(
            "a build goes into one OCI layout, or is pushed under any number of names, never both",
            "Given: " + ", ".join(str(target) for target in targets),
            "Build into the layout and copy from there.",
        )


def _flags_among(words: Sequence[str]) -> list[Flag]:
    found: list[Flag] = []
    for word, following in zip(words, (*words[1:], ""), strict=False):
        name, equals, value = word.partition("=")
        if name.startswith("-"):
            found.append((name, value if equals else (following or None)))
    return found
