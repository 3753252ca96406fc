"""What the verifier's user expects of an image's source. Expectations never come from the image or the environment."""

from __future__ import annotations

from dataclasses import dataclass

from attest.errors import UsageError
from attest.evidence.provenance import FULL_COMMIT
from attest.evidence.repository import canonical_repository, without_credentials
from attest.reference import Platform


@dataclass(frozen=True, slots=True)
class Expectations:
    """What must be true; an empty string means that it was not asked for. Raises UsageError for what cannot be true.

    `signature_only` says that a signature over the image is all that is asked; it excludes every source expectation.
    """

    repository: str = ""
    commit: str = ""
    tag: str = ""
    branch: str = ""
    signature_only: bool = False
    platforms: tuple[Platform, ...] = ()

    def __post_init__(self) -> None:
        # CI_REPOSITORY_URL holds the job's token, and reports are shown to many.
        object.__setattr__(self, "repository", without_credentials(self.repository))
        if self.repository and not canonical_repository(self.repository):
            raise UsageError(
                f"--source-repository {self.repository}: not a repository address",
                "",
                "Expected something like https://gitlab.com/acme/app.",
            )
        if self.commit and not FULL_COMMIT.fullmatch(self.commit):
            raise UsageError(
                f"--source-commit {self.commit}: not a full commit",
                "A short commit can be forged in minutes.",
                "Give all 40 lower-case hex digits: git rev-parse HEAD.",
            )
        if self.tag and self.branch:
            raise UsageError("--source-tag and --source-branch exclude each other: a build comes from one ref")
        if self.signature_only and self.of_source:
            raise UsageError("--signature-only asks for nothing of the source; leave out --source-…")

    @property
    def of_source(self) -> bool:
        """Whether anything is expected of the source."""
        return bool(self.repository or self.commit or self.tag or self.branch)
