"""Which SLSA build level the evidence supports, and why not a higher one (SLSA v1.2, "Verifying artifacts", step 1).

The level is what a root of trust is believed to guarantee for a builder; a statement's own word never raises it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Level, Status
from attest.trust.authentication import VerifiedStatement
from attest.trust.keys import PublicKey

HIGHEST: Final = 3


def reached(sources: Sequence[Corroborated]) -> Level:
    """The lowest level among the platforms, each platform's being the lowest of its trusted provenance."""
    if not sources or not all(source.provenance for source in sources):
        return Level(0, "there is no trusted provenance for every platform")
    pairs = [pair for source in sources for pair in zip(source.provenance, source.said, strict=True)]
    levels = [_level(verified, said.builder) for verified, said in pairs]
    return min(levels, key=lambda level: level.reached)


def _level(verified: VerifiedStatement, builder: str) -> Level:
    scope, signer = verified.signer.scope_for(builder), verified.signer
    if not scope.covers(builder):
        named = builder or "a builder without a name"
        return Level(1, f"{scope.origin} speaks for other builders than {named}")
    if scope.level > 1:
        top = "there is no higher one" if scope.level >= HIGHEST else f"{scope.origin} is believed no further"
        return Level(scope.level, top)
    how = "reach the key that signed its provenance" if isinstance(signer, PublicKey) else "sign its provenance itself"
    return Level(1, f"the job that built the image can {how}")


def slsa_level(level: Level, expected: Expectations) -> Iterator[Check]:
    """Is the level as high as the policy demands?"""
    if expected.policy is None or not (wanted := expected.policy.build.level):
        return
    words, origin = f"at least {wanted}", expected.policy.origin("build.level")
    if level.reached >= wanted:
        yield Check("slsa.level", Status.PASSED, f"build level {level.reached}", expected=words, origin=origin)
        return
    # Without trusted provenance nothing is known; with it the level is known to be too low.
    status = Status.FAILED if level.reached else Status.UNKNOWN
    reason = "level-too-low" if level.reached else "untrusted"
    summary = f"build level {level.reached}, expected {words}: {level.why_not_higher}"
    yield Check("slsa.level", status, summary, reason, expected=words, origin=origin, found=(str(level.reached),))
