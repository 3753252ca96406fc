"""docker buildx, as Docker's plug-in or on its own.

It asks git itself for source and revision (`vcs:*`), so the mapping of the same name is not for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attest.build.flags import arguments_of, comma_separated
from attest.build.interface import BuildRequest, Flag
from attest.build.layout import image_name


@dataclass(frozen=True, slots=True)
class Buildx:
    """`docker buildx build …` or `buildx build …`."""

    name: str
    program: tuple[str, ...]

    def command(self, request: BuildRequest, metadata_file: Path, vcs: Mapping[str, str]) -> list[str]:  # noqa: ARG002
        """The arguments to run. Raises UsageError."""
        arguments = arguments_of(request)
        return [
            *self.program,
            "build",
            f"--metadata-file={metadata_file}",
            f"--provenance={arguments.provenance}",
            *_names_and_output(request),
            *(_joined(flag) for flag in arguments.flags),
            *request.extra,
            request.context,
        ]

    def environment(self, request: BuildRequest) -> Mapping[str, str]:
        """What is added to the environment: without it no commit is recorded, or a dirty tree as the clean commit.

        buildx takes files that git ignores for changes as well, and then no project with a node_modules is ever clean
        (docs/decisions/0007-ignored-files.md).
        """
        return {"BUILDX_GIT_INFO": "1", "BUILDX_GIT_CHECK_DIRTY": "0" if request.only_ignored else "1"}


DOCKER_BUILDX: Final = Buildx("docker buildx", ("docker", "buildx"))
STANDALONE: Final = Buildx("buildx", ("buildx",))


def _names_and_output(request: BuildRequest) -> list[str]:
    layout = request.layout
    if layout is None:
        return [*(f"--tag={target}" for target in request.targets), "--push"]
    # A layout's ref.name is the tag of the image's name; without a name it would always be "latest".
    output = comma_separated({"type": "oci", "dest": str(layout.path), "tar": "false"})
    return [f"--tag={image_name(layout)}", f"--output={output}"]


def _joined(flag: Flag) -> str:
    # One word: a value that begins with a dash stays a value, and a switch can carry one.
    name, value = flag
    return name if value is None else f"{name}={value}"
