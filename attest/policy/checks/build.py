"""The checks of how an image was built: builder, build type, network, age.

Each asks every trusted provenance statement of a platform: one that is right does not excuse one that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from attest.evidence.provenance import Provenance
from attest.evidence.statement import read_timestamp
from attest.policy.checks.asking import Answer, Question, ask
from attest.policy.checks.materials import base_images, materials_complete, parameters_allowed
from attest.policy.corroboration import Corroborated, is_isolated
from attest.policy.expectations import Expectations
from attest.policy.pattern import Pattern, any_matches, listed
from attest.policy.report import Check, Status
from attest.trust.authentication import VerifiedStatement
from attest.trust.identity import CertifiedSigner
from attest.trust.scope import same_builder

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
_SKEW: Final = timedelta(minutes=10)  # how far the clocks of builder and verifier may be apart


def builder_id(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Is the builder one of those expected?"""
    if expected.builder:
        wanted = (Pattern(expected.builder),)
        yield ask("builder.id", source, expected.origin("builder"), expected.builder, _builder(wanted, expected))
    if expected.policy and (builders := expected.policy.build.builders):
        origin = expected.policy.origin("build.builders")
        yield ask("builder.id", source, origin, listed(builders), _builder(builders, expected))


def _builder(wanted: Sequence[Pattern], expected: Expectations) -> Question:
    def question(verified: VerifiedStatement, said: Provenance) -> Answer:
        voucher = _builder_voucher(verified, said)
        name = said.builder or "(unnamed)"
        if not any(one.matches(said.builder) or same_builder(said.builder, one.text) for one in wanted):
            return Answer(FAILED, f"built by {name}, expected {listed(wanted)}", "other-builder", name, voucher)
        if expected.vouchers is not None and voucher not in expected.vouchers:
            return Answer(UNKNOWN, f"the {voucher} says built by {name}, not enough here", "not-vouched", name, voucher)
        return Answer(PASSED, f"built by {name}", vouched_by=voucher)

    return question


def _builder_voucher(verified: VerifiedStatement, said: Provenance) -> str:
    """The certificate where the builder itself signed, the builder where nobody else can write its provenance."""
    signer = verified.signer
    if isinstance(signer, CertifiedSigner) and said.builder and same_builder(signer.identity, said.builder):
        return "certificate"
    return "builder" if is_isolated(verified, said) else "signer"


def build_type(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Is the build type one of those expected?"""
    if expected.policy is None or not (types := expected.policy.build.types):
        return

    def question(_: VerifiedStatement, said: Provenance) -> Answer:
        if any_matches(types, said.build_type):
            return Answer(PASSED, f"the build type is {said.build_type}")
        summary = f"the build type is {said.build_type or '(unnamed)'}, expected {listed(types)}"
        return Answer(FAILED, summary, "other-type", said.build_type)

    yield ask("build.type", source, expected.policy.origin("build.types"), listed(types), question)


def build_hermetic(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Was the build without a network, and with nothing that is not listed?"""
    if expected.policy is None or not expected.policy.build.hermetic:
        return

    def question(_: VerifiedStatement, said: Provenance) -> Answer:
        if said.hermetic:
            return Answer(PASSED, "the build was hermetic")
        return Answer(FAILED, "the build was not hermetic", "not-hermetic")

    yield ask("build.hermetic", source, expected.policy.origin("build.hermetic"), "hermetic", question)


def build_age(source: Corroborated, expected: Expectations, now: datetime) -> Iterator[Check]:
    """Is the build recent enough? When it ended is the signer's word; that it was signed, a certificate proves. Neither
    makes the other younger.
    """
    if expected.policy is None or (limit := expected.policy.build.max_age) is None:
        return

    def question(verified: VerifiedStatement, said: Provenance) -> Answer:
        ended, signer = read_timestamp(said.finished_on), verified.signer
        if ended is None:
            return Answer(UNKNOWN, "the provenance does not say when the build ended", "no-claim")
        signed = signer.not_before if isinstance(signer, CertifiedSigner) else ended
        built = min(ended, signed)
        voucher = "certificate" if isinstance(signer, CertifiedSigner) and built == signed else "signer"
        found = f"{built:%Y-%m-%dT%H:%M:%SZ}"
        if built > now + _SKEW:
            return Answer(FAILED, f"built at {found}, which is still to come", "future", found, voucher)
        if now - built > limit:
            return Answer(FAILED, f"built at {found}, more than {_days(limit)} ago", "too-old", found, voucher)
        return Answer(PASSED, f"built at {found}", vouched_by=voucher)

    yield ask("build.age", source, expected.policy.origin("build.max_age"), f"at most {_days(limit)}", question)


def _days(limit: timedelta) -> str:
    return f"{limit.days} days" if limit.days and not limit.seconds else f"{int(limit.total_seconds())} seconds"


BuildCheck = Callable[[Corroborated, Expectations, datetime], Iterator[Check]]
BUILD_CHECKS: Final[tuple[BuildCheck, ...]] = (
    builder_id,
    build_type,
    parameters_allowed,
    materials_complete,
    base_images,
    build_hermetic,
    build_age,
)
