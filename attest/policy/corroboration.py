"""What do the trusted statements say about the source of one platform, and who vouches for each fact?

With a plain key everything in a statement is the signer's word (a key can vouch no better). A certificate can say
more, so beside it the signer's word does not count: what the platform asserted of the pipeline does. The builder's
own observation counts for more only where a roots-of-trust entry says that nobody else can write its provenance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from attest.evidence.attestation import Attestation
from attest.evidence.buildkit_request import Replacement, pinned_image
from attest.evidence.provenance import HEADS, TAGS, Provenance, Source, read_provenance
from attest.evidence.statement import CI_JOB
from attest.oci.document import child, text
from attest.oci.image import PlatformImage
from attest.policy.expectations import Expectations
from attest.policy.pattern import any_matches
from attest.policy.policy import Voucher
from attest.policy.report import Claim, SourceFact
from attest.policy.tag_objects import TagObjects, nowhere, proven_commits
from attest.trust.authentication import VerifiedStatement
from attest.trust.identity import CertifiedSigner
from attest.trust.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Corroborated:
    """All trusted claims about one platform's source, and the provenance among the statements they come from.

    `said` is what each of the provenance statements says.
    `peeled` leads from the tag objects that were proven to the commits that stand in them, `found_in` to where those
    objects were found.
    """

    platform: str
    claims: tuple[Claim, ...]
    provenance: tuple[VerifiedStatement, ...]
    peeled: Mapping[str, str] = field(hash=False)
    found_in: Mapping[str, str] = field(default_factory=dict, hash=False)
    said: tuple[Provenance, ...] = ()

    @property
    def by_certificate(self) -> bool:
        """Whether a certificate could say more than the signer does."""
        return any(isinstance(one.signer, CertifiedSigner) for one in self.provenance)

    def values(self, fact: str) -> tuple[str, ...]:
        """The different values claimed for a fact, in the order found."""
        return tuple(dict.fromkeys(claim.value for claim in self.claims if claim.fact == fact))

    def about(self, *facts: str) -> tuple[Claim, ...]:
        """The claims about these facts."""
        return tuple(claim for claim in self.claims if claim.fact in facts)


def corroborate(
    platform: PlatformImage,
    statements: Iterable[VerifiedStatement],
    expected: Expectations,
    tag_objects: TagObjects = nowhere,
) -> Corroborated:
    """Gather the claims of every trusted statement that speaks for this platform. Tag objects are peeled by hashing.

    Builds of several commits may come out at the same manifest, each under an index of its own. Where provenance is
    bound to this very index, what was said of the same manifest under another index is set aside
    (docs/decisions/0006-several-builds-of-one-manifest.md). What `expected` holds decides whose word counts.
    """
    speaking = [one for one in statements if platform.digest in one.platforms]
    read = [(one, read_provenance(one.statement)) for one in speaking]
    if any(one.of_this_index and provenance is not None for one, provenance in read):
        read = [(one, provenance) for one, provenance in read if one.of_this_index or not one.of_other_build]
    name = str(platform.platform)
    said = [(one, provenance, list(_claims(one, provenance, name, expected))) for one, provenance in read]
    objects = [claim.value for *_, claims in said for claim in claims if claim.fact == "object"]
    proven = dict(proven_commits(objects, [one for one, _ in read], expected.commit, tag_objects))
    peeled = {name: commit for name, (commit, _) in proven.items()}
    claims: list[Claim] = []
    for one, provenance, found in said:
        resolved = [each for claim in found for each in _resolved(claim, peeled)]
        claims += [*resolved, *_certificate_claims(one, provenance, resolved, name, expected)]
    pairs = [(one, provenance) for one, provenance in read if provenance is not None]
    return Corroborated(
        name,
        tuple(claims),
        tuple(one for one, _ in pairs),
        peeled,
        {name: where for name, (_, where) in proven.items()},
        tuple(provenance for _, provenance in pairs),
    )


def shown_claims(
    platforms: Sequence[PlatformImage], evidence: Iterable[Attestation], statements: Sequence[VerifiedStatement]
) -> Iterator[Claim]:
    """What statements say that nobody who is believed vouches for: to be shown beside the others, and never counted."""
    trusted = {(one.digest, digest) for one in statements for digest in one.platforms}
    shown = 0
    for attestation in evidence:
        about = set(attestation.about)
        untrusted = [
            one for one in platforms if one.digest in about and (attestation.digest, one.digest) not in trusted
        ]
        provenance = read_provenance(attestation.statement) if untrusted and shown < _SHOWN else None
        said = [pair for source in provenance.sources for pair in _from_source(source)] if provenance else []
        for platform in untrusted:
            for fact, value in ((fact, value) for fact, value in said if value):
                yield Claim(fact, value, "client", attestation.digest, str(platform.platform), counts=False)
                shown += 1


_SHOWN: Final = 1000  # claims that nobody vouches for; whoever can write to a registry can attach any number


def _claims(
    verified: VerifiedStatement, provenance: Provenance | None, platform: str, expected: Expectations
) -> Iterator[Claim]:
    vouchers = expected.vouchers
    if vouchers is None:
        by_key = isinstance(verified.signer, PublicKey)
        vouchers = frozenset({"builder", "signer"}) if by_key else frozenset({"builder"})

    def claim(fact: SourceFact, value: str, voucher: Voucher) -> Claim:
        return Claim(fact, value, voucher, verified.digest, platform, voucher in vouchers)

    if provenance is not None:
        replaced = [one for one in provenance.replacements if not _is_accepted(one, provenance, expected)]
        for source in provenance.sources:
            seen = source.written_by == "builder" and _builder_vouches(verified, provenance, replaced, expected)
            for fact, value in _from_source(source):
                told = seen or (fact == "base" and is_isolated(verified, provenance))
                if value:
                    yield claim(fact, value, "builder" if told else "signer")
        yield from (claim("replaced", str(one), "signer") for one in replaced)
    elif verified.statement.predicate_type == CI_JOB:
        yield from (claim(fact, value, "signer") for fact, value in _from_ci_job(verified) if value)


def _is_accepted(replacement: Replacement, provenance: Provenance, expected: Expectations) -> bool:
    """By name and digest; a build type by its name, which says how its provenance is written."""
    if expected.policy is None:
        return False
    if replacement.name == "build-type":
        return any_matches(expected.policy.build.types, provenance.build_type)
    accepted = expected.policy.source.accepted
    return any(one.name == replacement.name and one.digest == replacement.digest for one in accepted)


def is_isolated(verified: VerifiedStatement, provenance: Provenance) -> bool:
    """Whether, as a root of trust says, nobody but this builder writes its provenance."""
    scope = verified.signer.scope_for(provenance.builder)
    return scope.is_isolated and scope.covers(provenance.builder)


def _builder_vouches(
    verified: VerifiedStatement, provenance: Provenance, replaced: Sequence[Replacement], expected: Expectations
) -> bool:
    """Whether what the builder fetched is its own word: nobody else can write its provenance, and nothing else came in.

    Any frontend but the builder's own is something else, unless the policy accepts it by digest.
    """
    if not is_isolated(verified, provenance) or replaced or not provenance.dependencies_complete:
        return False
    accepted = expected.policy.source.accepted if expected.policy else ()
    pinned = {one.digest for one in accepted if one.name == "frontend"}
    named = [one for one in provenance.parameters if one.name in ("frontend", "build-arg:BUILDKIT_SYNTAX")]
    return all(pinned_image(one.value) in pinned for one in named)


def _certificate_claims(
    verified: VerifiedStatement,
    provenance: Provenance | None,
    beside: Sequence[Claim],
    platform: str,
    expected: Expectations,
) -> Iterator[Claim]:
    """What the platform asserted of the pipeline that signed. That this was built from it, provenance must say as well.

    So it counts beside provenance that names the same commit; where that names another one, the two contradict.
    """
    signer = verified.signer
    if provenance is None or not isinstance(signer, CertifiedSigner):
        return
    named = {claim.value for claim in beside if claim.fact in ("commit", "object")}
    alone = not named and expected.policy is not None and expected.policy.source.certificate_alone
    counts = bool(signer.commit) and (named == {signer.commit} or alone)
    counts = counts and (expected.vouchers is None or "certificate" in expected.vouchers)
    yield from (
        Claim(fact, value, "certificate", verified.digest, platform, counts)
        for fact, value in _from_certificate(signer)
        if value
    )


def _from_certificate(signer: CertifiedSigner) -> Iterator[tuple[SourceFact, str]]:
    yield "repository", signer.repository
    yield "commit", signer.commit
    yield from _from_ref(signer.ref)


def _from_source(source: Source) -> Iterator[tuple[SourceFact, str]]:
    yield "repository", source.repository
    yield "commit", source.commit
    yield "object", source.object
    yield from _from_ref(source.ref)
    yield "base", source.base
    yield "dirty", "true" if source.dirty else ""


def _from_ref(ref: str) -> Iterator[tuple[SourceFact, str]]:
    """A bare name may be a branch or a tag, so it stays a ref; only the full name says which."""
    if ref.startswith(TAGS):
        yield "tag", ref.removeprefix(TAGS)
    elif ref.startswith(HEADS):
        yield "branch", ref.removeprefix(HEADS)
    else:
        yield "ref", ref


def _from_ci_job(verified: VerifiedStatement) -> Iterator[tuple[SourceFact, str]]:
    """Predicate ci-job v1 (docs/predicates/ci-job.md)."""
    source = child(verified.statement.predicate, "source")
    yield "repository", text(source, "repository")
    yield "commit", text(source, "commit")
    yield "tag", text(source, "tag")
    yield "branch", "" if text(source, "tag") else text(source, "branch")


def _resolved(claim: Claim, peeled: Mapping[str, str]) -> Iterator[Claim]:
    if claim.fact != "object" or claim.value not in peeled:
        yield claim
        return
    yield replace(claim, fact="tagObject")
    yield replace(claim, fact="commit", value=peeled[claim.value])
