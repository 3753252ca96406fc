"""What do the trusted statements say about the source of one platform, and who vouches for each fact?

With a plain key everything in a statement is the signer's word (a key can vouch no better). A certificate can say
more, so beside it the signer's word does not count: what the platform asserted of the pipeline does. The builder's
own observation counts for more only where a roots-of-trust entry says that nobody else can write its provenance.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from attest.evidence.provenance import HEADS, TAGS, Provenance, read_provenance
from attest.evidence.statement import CI_JOB
from attest.evidence.tag_object import peel
from attest.oci.document import child, text
from attest.oci.image import PlatformImage
from attest.policy.report import Claim, SourceFact
from attest.trust.authentication import VerifiedStatement
from attest.trust.identity import CertifiedSigner
from attest.trust.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Corroborated:
    """All trusted claims about one platform's source, and the provenance among the statements they come from.

    `peeled` leads from the tag objects that were proven to the commits that stand in them.
    """

    platform: str
    claims: tuple[Claim, ...]
    provenance: tuple[VerifiedStatement, ...]
    peeled: Mapping[str, str] = field(hash=False)

    def values(self, fact: str) -> tuple[str, ...]:
        """The different values claimed for a fact, in the order found."""
        return tuple(dict.fromkeys(claim.value for claim in self.claims if claim.fact == fact))

    def about(self, *facts: str) -> tuple[Claim, ...]:
        """The claims about these facts."""
        return tuple(claim for claim in self.claims if claim.fact in facts)


def corroborate(platform: PlatformImage, statements: Iterable[VerifiedStatement]) -> Corroborated:
    """Gather the claims of every trusted statement that speaks for this platform. Tag objects are peeled by hashing.

    Builds of several commits may come out at the same manifest, each under an index of its own. Where provenance is
    bound to this very index, what was said of the same manifest under another index is set aside
    (docs/decisions/0006-several-builds-of-one-manifest.md).
    """
    speaking = [statement for statement in statements if platform.digest in statement.platforms]
    if any(one.of_this_index and read_provenance(one.statement) is not None for one in speaking):
        speaking = [statement for statement in speaking if not statement.of_other_build]
    name = str(platform.platform)
    said = [(statement, list(_claims(statement, name))) for statement in speaking]
    objects = [claim.value for _, claims in said for claim in claims if claim.fact == "object"]
    peeled = _peel(objects, speaking)
    resolved = [
        (statement, [one for claim in claims for one in _resolved(claim, peeled)]) for statement, claims in said
    ]
    provenance = tuple(statement for statement in speaking if read_provenance(statement.statement) is not None)
    claims = tuple(
        claim
        for statement, found in resolved
        for claim in (*found, *_certificate_claims(statement, found, name, statement in provenance))
    )
    return Corroborated(name, claims, provenance, peeled)


def _claims(verified: VerifiedStatement, platform: str) -> Iterator[Claim]:
    provenance = read_provenance(verified.statement)
    if provenance is not None:
        pairs = _from_provenance(provenance)
    elif verified.statement.predicate_type == CI_JOB:
        pairs = _from_ci_job(verified)
    else:
        return
    by_key = isinstance(verified.signer, PublicKey)
    yield from (Claim(fact, value, "signer", verified.digest, platform, by_key) for fact, value in pairs if value)


def _certificate_claims(
    verified: VerifiedStatement, beside: Sequence[Claim], platform: str, is_provenance: bool
) -> Iterator[Claim]:
    """What the platform asserted of the pipeline that signed. That this was built from it, provenance must say as well.

    So it counts beside provenance that names the same commit; where that names another one, the two contradict.
    """
    signer = verified.signer
    if not is_provenance or not isinstance(signer, CertifiedSigner):
        return
    named = {claim.value for claim in beside if claim.fact in ("commit", "object")}
    counts = bool(signer.commit) and named == {signer.commit}
    yield from (
        Claim(fact, value, "certificate", verified.digest, platform, counts)
        for fact, value in _from_certificate(signer)
        if value
    )


def _from_certificate(signer: CertifiedSigner) -> Iterator[tuple[SourceFact, str]]:
    yield "repository", signer.repository
    yield "commit", signer.commit
    yield from _from_ref(signer.ref)


def _from_provenance(provenance: Provenance) -> Iterator[tuple[SourceFact, str]]:
    for source in provenance.sources:
        yield "repository", source.repository
        yield "commit", source.commit
        yield "object", source.object
        yield from _from_ref(source.ref)
        yield "dirty", "true" if source.dirty else ""
    for replacement in provenance.replacements:
        yield "replaced", replacement


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


def _peel(objects: Iterable[str], statements: Iterable[VerifiedStatement]) -> Mapping[str, str]:
    """The commits of those objects that one of the signed raw tag objects hashes to."""
    raw = [content for statement in statements if (content := _tag_object(statement))]
    found = ((name, peel(content, name)) for name in objects for content in raw)
    return {name: peeled[0] for name, peeled in found if peeled is not None}


def _resolved(claim: Claim, peeled: Mapping[str, str]) -> Iterator[Claim]:
    if claim.fact != "object" or claim.value not in peeled:
        yield claim
        return
    yield replace(claim, fact="tagObject")
    yield replace(claim, fact="commit", value=peeled[claim.value])


def _tag_object(verified: VerifiedStatement) -> bytes:
    encoded = text(child(verified.statement.predicate, "source"), "tagObject")
    if verified.statement.predicate_type != CI_JOB or not encoded:
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # covers binascii.Error, and text that is not ASCII
        return b""
