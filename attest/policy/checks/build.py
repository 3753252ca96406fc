"""The checks of how an image was built: builder, build type, parameters, materials, age.

Each asks every trusted provenance statement of a platform: one that is right does not excuse one that is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl, unquote

from attest.evidence.provenance import Dependency, Provenance
from attest.policy.corroboration import Corroborated
from attest.policy.expectations import Expectations
from attest.policy.pattern import Pattern, any_matches, listed
from attest.policy.policy import BaseImageRules, ParameterRules
from attest.policy.report import Check, Status
from attest.reference import Digest
from attest.trust.authentication import VerifiedStatement
from attest.trust.identity import CertifiedSigner
from attest.trust.scope import same_builder

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SKEW: Final = timedelta(minutes=10)  # how far the clocks of builder and verifier may be apart


@dataclass(frozen=True, slots=True)
class _Answer:
    """What one provenance statement says to a question."""

    status: Status
    summary: str
    reason: str = ""
    found: str = ""
    vouched_by: str = "signer"


_Question = Callable[[VerifiedStatement, Provenance], _Answer]


def builder_id(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Is the builder one of those expected?"""
    if expected.builder:
        wanted = (Pattern(expected.builder),)
        yield _ask("builder.id", source, expected.origin("builder"), expected.builder, _builder(wanted, expected))
    if expected.policy and (builders := expected.policy.build.builders):
        origin = expected.policy.origin("build.builders")
        yield _ask("builder.id", source, origin, listed(builders), _builder(builders, expected))


def _builder(wanted: Sequence[Pattern], expected: Expectations) -> _Question:
    def question(verified: VerifiedStatement, said: Provenance) -> _Answer:
        voucher = _builder_voucher(verified, said)
        name = said.builder or "(unnamed)"
        if not any(one.matches(said.builder) or same_builder(said.builder, one.text) for one in wanted):
            return _Answer(FAILED, f"built by {name}, expected {listed(wanted)}", "other-builder", name, voucher)
        if expected.vouchers is not None and voucher not in expected.vouchers:
            return _Answer(
                UNKNOWN, f"the {voucher} says built by {name}, not enough here", "not-vouched", name, voucher
            )
        return _Answer(PASSED, f"built by {name}", vouched_by=voucher)

    return question


def _builder_voucher(verified: VerifiedStatement, said: Provenance) -> str:
    """The certificate where the builder itself signed, the builder where nobody else can write its provenance."""
    signer = verified.signer
    if isinstance(signer, CertifiedSigner) and said.builder and same_builder(signer.identity, said.builder):
        return "certificate"
    scope = signer.scope_for(said.builder)
    return "builder" if scope.is_isolated and scope.covers(said.builder) else "signer"


def build_type(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Is the build type one of those expected?"""
    if expected.policy is None or not (types := expected.policy.build.types):
        return

    def question(_: VerifiedStatement, said: Provenance) -> _Answer:
        if any_matches(types, said.build_type):
            return _Answer(PASSED, f"the build type is {said.build_type}")
        summary = f"the build type is {said.build_type or '(unnamed)'}, expected {listed(types)}"
        return _Answer(FAILED, summary, "other-type", said.build_type)

    yield _ask("build.type", source, expected.policy.origin("build.types"), listed(types), question)


def parameters_allowed(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Has every parameter a value that is allowed, and is every other one absent? Values are not repeated: some are
    secrets that should not have been there.
    """
    rules = expected.policy.parameters if expected.policy else ParameterRules()
    if expected.policy is None or not (rules.closed or rules.allowed):
        return

    def question(_: VerifiedStatement, said: Provenance) -> _Answer:
        for one in said.parameters:
            if one.name in rules.allowed and not any_matches(rules.allowed[one.name], one.value):
                wanted = listed(rules.allowed[one.name]) or "none"
                return _Answer(FAILED, f"{one.name} has another value than {wanted}", "parameter-value", one.name)
            if rules.closed and one.name not in rules.allowed:
                return _Answer(FAILED, f"{one.name} is a parameter that is not allowed", "parameter-unlisted", one.name)
        if not said.parameters_complete:
            return _Answer(UNKNOWN, "the provenance does not list every parameter (mode=min)", "incomplete")
        return _Answer(PASSED, "every parameter is allowed")

    origin = expected.policy.origin("parameters.closed" if rules.closed else "parameters.allowed")
    wanted = ", ".join(rules.allowed) + (" and nothing else" if rules.closed else "")
    yield _ask("parameters.allowed", source, origin, wanted.removeprefix(" and "), question)


def materials_complete(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Does the provenance list everything that the build used?"""
    if expected.policy is None or not expected.policy.build.complete:
        return

    def question(_: VerifiedStatement, said: Provenance) -> _Answer:
        if said.dependencies_complete:
            return _Answer(PASSED, "everything that the build used is listed")
        return _Answer(FAILED, "the provenance does not list everything that the build used", "incomplete")

    yield _ask("materials.complete", source, expected.policy.origin("build.complete"), "complete", question)


def build_hermetic(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Was the build without a network, and with nothing that is not listed?"""
    if expected.policy is None or not expected.policy.build.hermetic:
        return

    def question(_: VerifiedStatement, said: Provenance) -> _Answer:
        if said.hermetic:
            return _Answer(PASSED, "the build was hermetic")
        return _Answer(FAILED, "the build was not hermetic", "not-hermetic")

    yield _ask("build.hermetic", source, expected.policy.origin("build.hermetic"), "hermetic", question)


def base_images(source: Corroborated, expected: Expectations, _: datetime) -> Iterator[Check]:
    """Are the images that it was built from (frontends and scanners among them) allowed, and pinned by digest?"""
    rules = expected.policy.base_images if expected.policy else BaseImageRules()
    if expected.policy is None:
        return

    def allowed(_: VerifiedStatement, said: Provenance) -> _Answer:
        for name, _dependency in _images(said):
            if not any_matches(rules.repositories, name):
                return _Answer(FAILED, f"built from the image {name}, which is not allowed", "other-base", name)
        return _unseen(said) or _Answer(PASSED, "every image that it was built from is allowed")

    def pinned(_: VerifiedStatement, said: Provenance) -> _Answer:
        for name, dependency in _images(said):
            if not _DIGEST.fullmatch(dict(parse_qsl(dependency.uri.partition("?")[2])).get("digest", "")):
                return _Answer(FAILED, f"built from {name} by tag, not by digest", "not-pinned", name)
        return _unseen(said) or _Answer(PASSED, "every image that it was built from is pinned by digest")

    if rules.repositories:
        origin = expected.policy.origin("base_images.repositories")
        yield _ask("materials.allowed", source, origin, listed(rules.repositories), allowed)
    if rules.pinned:
        yield _ask("materials.pinned", source, expected.policy.origin("base_images.pinned"), "by digest", pinned)


def _unseen(said: Provenance) -> _Answer | None:
    """Where nothing at all is listed, and the list does not call itself complete, nothing is known."""
    if said.dependencies or said.dependencies_complete:
        return None
    return _Answer(UNKNOWN, "the provenance lists nothing that it was built from", "incomplete")


def _images(said: Provenance) -> Iterator[tuple[str, Dependency]]:
    """The images among the dependencies, by their full names: `docker.io/library/alpine`.

    What names its registry itself, or comes from a layout of the client's, keeps a name that no repository has.
    """
    for dependency in said.dependencies:
        scheme, _, rest = dependency.uri.partition("/")
        name = unquote(rest.partition("?")[0].partition("@")[0])
        qualifiers = dict(parse_qsl(dependency.uri.partition("?")[2]))
        if scheme.lower() == "pkg:docker" and "repository_url" not in qualifiers:
            yield full_name(name), dependency
        elif scheme.lower() in ("pkg:docker", "pkg:oci"):
            yield f"{scheme.lower()}/{name} of {qualifiers.get('repository_url', 'a layout')}", dependency
        elif dependency.uri.lower().startswith(("docker-image:", "oci-layout:")):
            yield dependency.uri, dependency


def full_name(name: str) -> str:
    """A repository's name with host, as docker completes it: `alpine` is `docker.io/library/alpine`."""
    host, slash, _ = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def build_age(source: Corroborated, expected: Expectations, now: datetime) -> Iterator[Check]:
    """Is the build recent enough? When it ended is the signer's word; that it was signed, a certificate proves. Neither
    makes the other younger.
    """
    if expected.policy is None or (limit := expected.policy.build.max_age) is None:
        return

    def question(verified: VerifiedStatement, said: Provenance) -> _Answer:
        ended, signer = _time(said.finished_on), verified.signer
        if ended is None:
            return _Answer(UNKNOWN, "the provenance does not say when the build ended", "no-claim")
        signed = signer.not_before if isinstance(signer, CertifiedSigner) else ended
        built = min(ended, signed)
        voucher = "certificate" if isinstance(signer, CertifiedSigner) and built == signed else "signer"
        found = f"{built:%Y-%m-%dT%H:%M:%SZ}"
        if built > now + _SKEW:
            return _Answer(FAILED, f"built at {found}, which is still to come", "future", found, voucher)
        if now - built > limit:
            return _Answer(FAILED, f"built at {found}, more than {_days(limit)} ago", "too-old", found, voucher)
        return _Answer(PASSED, f"built at {found}", vouched_by=voucher)

    yield _ask("build.age", source, expected.policy.origin("build.max_age"), f"at most {_days(limit)}", question)


def _time(written: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _days(limit: timedelta) -> str:
    return f"{limit.days} days" if limit.days and not limit.seconds else f"{int(limit.total_seconds())} seconds"


def _ask(check_id: str, source: Corroborated, origin: str, wanted: str, question: _Question) -> Check:
    """The worst of what the platform's provenance statements answer; unknown where there is none."""
    if not source.provenance:
        summary = f"no trusted provenance, so nothing is known of {_NOUNS.get(check_id, check_id)}"
        return Check(check_id, UNKNOWN, summary, "untrusted", source.platform, expected=wanted, origin=origin)
    pairs = zip(source.provenance, source.said, strict=True)
    answers: list[tuple[_Answer, Digest]] = [(question(one, said), one.digest) for one, said in pairs]
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
