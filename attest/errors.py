"""What can go wrong, as a caller may want to handle it; each class has the exit code that people see.

A message has up to three parts, a line each: what happened (expected against found), the detail, and what to do.
Foreign exceptions stop at the border of the room that talks to the foreign library and become one of these.
"""

from __future__ import annotations

from typing import ClassVar


class AttestError(Exception):
    """Base of every error that attest raises on purpose.

    `exit_code` is the process's exit code (documented in docs/exit-codes.md); `reason` is the stable word that stands
    in a report where the error makes a check unknown or failed.
    """

    exit_code: ClassVar[int] = 3
    reason: ClassVar[str] = "error"

    def __init__(self, summary: str, detail: str = "", remedy: str = "") -> None:
        super().__init__("\n".join(part for part in (summary, detail, remedy) if part))
        self.summary = summary
        self.detail = detail
        self.remedy = remedy


class UsageError(AttestError):
    """The command was given something it cannot work with: a short commit, an unknown key file, a bad reference."""

    exit_code = 2
    reason = "usage"


class InvalidReference(UsageError):
    """An image reference or digest that is none."""


class InvalidKey(UsageError):
    """A key file that is missing, unreadable, of an unsupported kind, or locked with another password."""


class CredentialExposed(UsageError):
    """A credential stands where the build would publish it."""

    reason = "credential"


class StoreError(AttestError):
    """A store (registry or layout) could not answer: nothing is known about what it holds."""


class NotFound(StoreError):
    """The store answered, and what was asked for is not there."""

    reason = "absent"


class Unreachable(StoreError):
    """No usable answer: connection refused or broken, time limit, server error."""

    reason = "unreachable"


class Throttled(StoreError):
    """The registry asked us to come back later (HTTP 429)."""

    reason = "throttled"


class Unauthorised(StoreError):
    """The registry refused our credentials, or asked for some (HTTP 401, 403)."""

    exit_code = 4
    reason = "unauthorised"


class Unreadable(StoreError):
    """An answer that cannot be used: too short, too large, not JSON, not the document it should be."""

    reason = "unreadable"


class TooLarge(Unreadable):
    """More than attest reads: nothing is known about what it says, so it may contradict everything else."""


class ContentMismatch(StoreError):
    """Bytes of full length whose digest is not the one they were asked for by: somebody changed them."""

    exit_code = 1
    reason = "changed"


class NotWritable(StoreError):
    """The store or file cannot be written: read-only, full, refused."""

    reason = "not-writable"


class MalformedStatement(AttestError):
    """Evidence that is not what its media type says: not an in-toto statement, not a Sigstore bundle."""

    reason = "malformed"


class NoProvenance(AttestError):
    """The image carries no provenance."""

    reason = "no-provenance"


class BuildFailed(AttestError):
    """The wrapped build failed; the message holds its own exit code."""

    exit_code = 5
    reason = "build"


class NoBuilder(BuildFailed):
    """Neither docker buildx nor buildx nor buildctl is there, or none of them can do what was asked."""


class SourceContradiction(AttestError):
    """The provenance says something else than the job that wants to sign it."""

    exit_code = 1
    reason = "contradiction"


class SourceUnproven(AttestError):
    """The provenance names something that may or may not be what the job wants to sign."""

    reason = "not-peelable"


class PublishedEvidenceRejected(AttestError):
    """What was attached does not verify when it is read back."""

    exit_code = 1
    reason = "rejected"
