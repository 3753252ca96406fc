"""Checks, claims and the one verdict; as values and as the published JSON, `schemas/report.v1.schema.json`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from attest import __version__
from attest.oci.document import Json
from attest.reference import Digest

VERIFIER_ID: Final = "https://oci-attest.github.io/attest"


class Status(StrEnum):
    """The answer to a check, and to the whole."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """The answer to one question with the evidence for it. Ids and reasons are listed in docs/checks.md.

    `origin` says where the expectation came from, `hint` what to do or what was nearly right.
    """

    id: str
    status: Status
    summary: str
    reason: str = ""
    platform: str = ""
    required: bool = True
    expected: str = ""
    origin: str = ""
    found: tuple[str, ...] = ()
    vouched_by: str = ""
    evidence: tuple[Digest, ...] = ()
    hint: str = ""

    def __post_init__(self) -> None:
        if self.status is not Status.PASSED and not self.reason:
            raise ValueError(f"{self.id}: a check that did not pass has a reason")


SourceFact = Literal["repository", "commit", "object", "ref", "tag", "branch", "base", "tagObject", "dirty", "replaced"]


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that a trusted statement says about the source, and who vouches for it.

    What does not count proves nothing, but it may contradict: the word of a signer whose certificate could say more.
    """

    fact: SourceFact
    value: str
    vouched_by: Literal["certificate", "builder", "signer", "client"]
    statement: Digest
    platform: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Level:
    """The SLSA build level that the evidence supports, and why it is not higher."""

    reached: int
    why_not_higher: str


@dataclass(frozen=True, slots=True)
class Trusted:
    """A key (its fingerprint, `sha256:…` of the SubjectPublicKeyInfo) or an identity that was believed."""

    kind: Literal["key", "certificate"]
    identity: str
    issuer: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """How trust reached a statement: digests from the signature down to it."""

    platform: str
    statement: Digest
    digests: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class UsedPolicy:
    """The policy file that was held against the image: as the user named it, and the digest of its bytes."""

    uri: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was asked about one image. The verdict follows from the checks and from nothing else.

    `about` is what it speaks for, the root or the platforms asked for; `inputs` all attestations that were looked at.
    """

    reference: str
    digest: Digest | None
    platforms: tuple[str, ...]
    checks: tuple[Check, ...]
    narrowed: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    trusted: tuple[Trusted, ...] = ()
    level: Level = Level(0, "nothing was verified")
    paths: tuple[Path, ...] = ()
    time: str = ""
    policy: UsedPolicy | None = None
    about: tuple[Digest, ...] = ()
    inputs: tuple[Digest, ...] = ()

    @property
    def verdict(self) -> Status:
        """FAILED if any check failed; PASSED if there are required checks and all passed; otherwise UNKNOWN."""
        if any(check.status is Status.FAILED for check in self.checks):
            return Status.FAILED
        required = [check for check in self.checks if check.required]
        passed = bool(required) and all(check.status is Status.PASSED for check in required)
        return Status.PASSED if passed else Status.UNKNOWN

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 4 if a store refused us, 3 for every other way of not knowing."""
        if self.verdict is Status.PASSED:
            return 0
        if self.verdict is Status.FAILED:
            return 1
        return 4 if any(check.reason == "unauthorised" for check in self.checks) else 3

    @property
    def summary(self) -> Check | None:
        """The answer of another verifier's summary, where one stood for the evidence; it names the verifier."""
        return next((one for one in self.checks if one.id == "summary.accepted" and one.required), None)

    @property
    def trouble(self) -> Check | None:
        """The first check that explains the verdict, or None where it passed."""
        for status in (Status.FAILED, Status.UNKNOWN):
            for check in self.checks:
                if check.status is status and (check.required or status is Status.FAILED):
                    return check
        return None

    def to_json(self) -> dict[str, Json]:
        """The `report.v1` object."""
        image: dict[str, Json] = {"reference": self.reference, "digest": str(self.digest) if self.digest else ""}
        return {
            "schema": "report.v1",
            "verdict": str(self.verdict),
            "exit": self.exit_code,
            "image": {**_known(image), "platforms": list(self.platforms)},
            "narrowed": list(self.narrowed),
            "checks": [_check(check) for check in self.checks],
            "claims": [_claim(claim) for claim in self.claims],
            "trust": [
                _known({"kind": who.kind, "identity": who.identity, "issuer": who.issuer}) for who in self.trusted
            ],
            "level": {"track": "SLSA_BUILD", "reached": self.level.reached, "whyNotHigher": self.level.why_not_higher},
            "paths": [
                {"platform": path.platform, "statement": str(path.statement), "digests": _texts(path.digests)}
                for path in self.paths
            ],
            **({"policy": {"uri": self.policy.uri, "digest": str(self.policy.digest)}} if self.policy else {}),
            "verifier": {"id": VERIFIER_ID, "version": __version__},
            "time": self.time,
        }


def _check(check: Check) -> dict[str, Json]:
    return _known(
        {
            "id": check.id,
            "status": str(check.status),
            "platform": check.platform,
            "required": check.required,
            "summary": check.summary,
            "reason": check.reason,
            "expected": check.expected,
            "origin": check.origin,
            "found": list(check.found) or "",
            "vouchedBy": check.vouched_by,
            "evidence": _texts(check.evidence),
            "hint": check.hint,
        }
    )


def _claim(claim: Claim) -> dict[str, Json]:
    return {
        "fact": f"source.{claim.fact}",
        "value": claim.value,
        "vouchedBy": claim.vouched_by,
        "statement": str(claim.statement),
        "platform": claim.platform,
    }


def _texts(values: Iterable[object]) -> list[Json]:
    return [str(value) for value in values]


def _known(document: dict[str, Json]) -> dict[str, Json]:
    return {key: value for key, value in document.items() if value != ""}
