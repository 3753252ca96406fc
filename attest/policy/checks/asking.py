"""Putting one question to every trusted provenance statement of a platform: one that is right excuses no other one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from attest.evidence.provenance import Provenance
from attest.policy.corroboration import Corroborated
from attest.policy.report import Check, Status
from attest.reference import Digest
from attest.trust.authentication import VerifiedStatement

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


@dataclass(frozen=True, slots=True)
class Answer:
    """What one provenance statement says to a question."""

    status: Status
    summary: str
    reason: str = ""
    found: str = ""
    vouched_by: str = "signer"


Question = Callable[[VerifiedStatement, Provenance], Answer]


def ask(check_id: str, source: Corroborated, origin: str, wanted: str, question: Question) -> Check:
    """The worst of what the platform's provenance statements answer; unknown where there is none."""
    if not source.provenance:
        summary = f"no trusted provenance, so nothing is known of {_NOUNS.get(check_id, check_id)}"
        return Check(check_id, UNKNOWN, summary, "untrusted", source.platform, expected=wanted, origin=origin)
    pairs = zip(source.provenance, source.said, strict=True)
    answers: list[tuple[Answer, Digest]] = [(question(one, said), one.digest) for one, said in pairs]
    worst = min((answer for answer, _ in answers), key=lambda answer: _GRAVITY.index(answer.status))
    return Check(
        check_id,
        worst.status,
        worst.summary,
        worst.reason,
        platform=source.platform,
        expected=wanted,
        origin=origin,
        found=(worst.found,) if worst.found else (),
        vouched_by=worst.vouched_by,
        evidence=tuple(digest for answer, digest in answers if answer.status is worst.status),
    )


_GRAVITY: Final = (FAILED, UNKNOWN, PASSED)
_NOUNS: Final = {
    "builder.id": "the builder",
    "build.type": "the build type",
    "parameters.allowed": "the parameters",
    "materials.complete": "the materials",
    "materials.allowed": "the images it was built from",
    "materials.pinned": "the images it was built from",
    "build.hermetic": "the network",
    "build.age": "its age",
}
