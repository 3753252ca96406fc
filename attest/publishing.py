"""The whole of publishing, in the order in which it happens: fetch → hold → SBOM → sign → attach → verify again.

`attest build` runs a build first and publishes the digest that its own metadata file names; `attest sign` publishes a
digest that the caller names. Nothing that was found under a tag is ever signed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from attest.attaching import Attached, Signed, attach
from attest.build.credentials import SHORTEST_SECRET, Exposure, credentials_in, exposed_credentials
from attest.ci.predicate import ci_job_predicate
from attest.ci.source import JobSource
from attest.errors import CredentialExposed, PublishedEvidenceRejected, SourceContradiction
from attest.evidence.attestation import Attestation, Evidence, Place
from attest.evidence.bundle import parse_bundle
from attest.evidence.collect import fetch, require_readable, with_files
from attest.evidence.piece import signed_statement
from attest.evidence.provenance import read_provenance
from attest.evidence.repository import canonical_repository
from attest.evidence.statement import CI_JOB, CYCLONEDX_BOM
from attest.holding import MayBeSigned, PlatformEvidence, RawTagObject, hold, no_provenance
from attest.oci.descriptor import Descriptor
from attest.oci.document import encode
from attest.oci.image import Image, load_image
from attest.oci.interface import Store
from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.reference import Digest, Platform
from attest.sbom.cyclonedx import Sbom, Subject
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import Signer, sign_image, sign_statement, signer_of, statement_bytes
from attest.verification import verify

_MADE: Final = "what was just signed"
_EMBEDDED: Final = (
    "the signature covers the index, so it vouches for the provenance that BuildKit embedded in it as well"
)
_NO_SOURCE: Final = (
    "this job says nothing of the source (--source-…, CI variables), so only the signature was checked: "
    "verifiers find what BuildKit recorded and nothing more"
)


@dataclass(frozen=True, slots=True)
class PlatformSbom:
    """The SBOM of one platform, made from an attached SPDX document or else from the provenance alone."""

    platform: Platform
    sbom: Sbom
    from_spdx: bool

    def __str__(self) -> str:
        if self.from_spdx:
            return f"SBOM of {self.sbom.components} components, from the SPDX document that BuildKit attached"
        return f"SBOM without a package list, since none is attached: {self.sbom.components} build inputs"


@dataclass(frozen=True, slots=True)
class Publication:
    """What was made. Without a signer nothing was attached and there is no report."""

    image: Image
    sboms: tuple[PlatformSbom, ...]
    attached: tuple[Attached, ...]
    report: Report | None
    notes: tuple[str, ...]


def publish(
    open_store: Callable[[], Store],
    job: JobSource,
    raw_tag_object: RawTagObject,
    signer: SigningKey | Signer | None,
    environ: Mapping[str, str],
    allowed_arguments: frozenset[str] = frozenset(),
) -> Publication:
    """Hold, describe, sign and attach one image that has just been pushed; `open_store` opens it by digest, anew.

    `allowed_arguments` are build arguments that look like credentials and are meant to be published.

    Raises StoreError, NoProvenance, SourceContradiction, SourceUnproven, CredentialExposed or what the signer raises
    before anything is attached, and PublishedEvidenceRejected if what was attached does not verify.
    """
    by = signer_of(signer) if signer is not None else None

    # 1. Fetch the image and everything that the builder attached; every digest and size is checked on the way.
    store = open_store()
    image, evidence = _fetch(store)

    # 2. Hold what the provenance claims against this job, and look for credentials that are about to be vouched for.
    may_be_signed = hold(image, evidence, job, raw_tag_object, dirty_is_noted=by is None)
    _refuse_credentials(may_be_signed, environ, allowed_arguments)
    if by is not None:
        _refuse_second_source(image, evidence, job, by)

    # 3. Say what is in it, platform by platform.
    sboms = tuple(sbom_of(image, platform) for platform in may_be_signed.platforms)
    if by is None:
        return Publication(image, sboms, (), None, may_be_signed.notes)

    # 4. Sign, and attach: the statements first, the image signature last, so that half a job never looks whole.
    signed = [*_statements(may_be_signed, sboms, job, by), (sign_image(image.digest, by), (image.root,))]
    _refuse_other_pipeline(image, evidence, signed, job, by)
    attached = attach(store, signed)

    # 5. Read all of that back and verify it as a stranger would.
    report = _verify_again(open_store, job, by)
    notes = may_be_signed.notes if _expectations(job).of_source else (*may_be_signed.notes, _NO_SOURCE)
    return Publication(image, sboms, attached, report, notes)


def sign_only(open_store: Callable[[], Store], signer: SigningKey | Signer) -> Publication:
    """Sign an image without saying anything of its source. Raises StoreError or PublishedEvidenceRejected."""
    by = signer_of(signer)
    store = open_store()
    image = load_image(store)
    attached = attach(store, [(sign_image(image.digest, by), (image.root,))])
    report = _verify_again(open_store, None, by)
    return Publication(image, (), attached, report, (_EMBEDDED,) if image.attestation_manifests else ())


def sbom_of(image: Image, evidence: PlatformEvidence) -> PlatformSbom:
    """CycloneDX from the attached SPDX document, else from what the provenance proves. Raises NoProvenance."""
    subject = Subject.of(image.reference, evidence.platform.digest, evidence.platform.platform)
    if evidence.sboms:
        from attest.sbom.spdx import from_spdx

        sbom = from_spdx(evidence.sboms[0].statement.predicate, subject)
        return PlatformSbom(evidence.platform.platform, sbom, from_spdx=True)
    from attest.sbom.provenance import from_provenance

    provenance = read_provenance(evidence.provenance[0].statement) if evidence.provenance else None
    if provenance is None:
        raise no_provenance(image, evidence.platform)
    created = provenance.finished_on or None
    sbom = from_provenance(provenance.dependencies, provenance.dependencies_complete, subject, created)
    return PlatformSbom(evidence.platform.platform, sbom, from_spdx=False)


def _fetch(store: Store) -> tuple[Image, Evidence]:
    image, evidence = fetch(store)
    require_readable(evidence)
    return image, evidence


def _refuse_credentials(may_be_signed: MayBeSigned, environ: Mapping[str, str], allowed: frozenset[str]) -> None:
    """mode=max publishes addresses, build arguments and the Dockerfile: nobody vouches for a token in them."""
    for platform in may_be_signed.platforms:
        for attestation in (*platform.provenance, *platform.sboms):
            if found := _credentials(attestation, environ, allowed):
                raise CredentialExposed(
                    f"{may_be_signed.image.reference.name}@{attestation.digest}: holds credentials; nothing was signed",
                    "\n".join(map(str, found)),
                    "It is published already: revoke them, then build without them (--secret id=NAME). "
                    "--allow-build-arg NAME says that one is meant.",
                )


def _credentials(attestation: Attestation, environ: Mapping[str, str], allowed: frozenset[str]) -> tuple[Exposure, ...]:
    """Build arguments by name and value, then the shapes of credentials anywhere in the text."""
    provenance = read_provenance(attestation.statement)
    arguments = provenance.build_arguments if provenance else {}
    flags = [("--build-arg", f"{name}={value}") for name, value in arguments.items()]
    text = attestation.statement.raw.decode()
    for name in allowed & arguments.keys():
        if len(arguments[name]) >= SHORTEST_SECRET:  # taking out shorter ones would tear real tokens apart
            text = text.replace(json.dumps(arguments[name], ensure_ascii=False)[1:-1], "")
    return exposed_credentials("", flags, environ, allowed) or credentials_in(text, environ)


def _refuse_second_source(image: Image, evidence: Evidence, job: JobSource, signer: Signer) -> None:
    """What this signer has already said of this very image stands; saying otherwise would make both unverifiable."""
    if said := _contradictions(image, evidence, job, signer):
        raise SourceContradiction(
            f"{image.reference.name}@{image.digest}: this signer has already signed another source",
            "\n".join([f"So said {signer.name}:", *said]),
            "Nothing was attached. Build again for another source; an image has one.",
        )


def _refuse_other_pipeline(
    image: Image, evidence: Evidence, signed: Sequence[Signed], job: JobSource, signer: Signer
) -> None:
    """A certificate names the source of the pipeline that signs; hung beside another source it proves neither."""
    made = [
        signed_statement(parse_bundle(bundle.content, _MADE), Digest.of(bundle.content), Place("file"), _MADE)
        for bundle, _ in signed
    ]
    if said := _contradictions(image, with_files(image, evidence, made), job, signer):
        raise SourceContradiction(
            f"{image.reference.name}@{image.digest}: the signer's certificate tells of another source than this job",
            "\n".join([f"So says the certificate of {signer.name}:", *said]),
            "Nothing was attached. Sign in the pipeline that built the image.",
        )


def _contradictions(image: Image, evidence: Evidence, job: JobSource, signer: Signer) -> list[str]:
    """What this signer says of the source that is not what this job says."""
    expected = _expectations(job)
    if not expected.of_source:
        return []
    report = verify(image, evidence, signer.trust, expected)
    failed = (check for check in report.checks if check.status is Status.FAILED)
    return [check.summary for check in failed if check.id.startswith("source.")]


def _statements(
    may_be_signed: MayBeSigned, sboms: Iterable[PlatformSbom], job: JobSource, signer: Signer
) -> Iterator[Signed]:
    """Each statement names the index and the platform, in this order, and hangs off both."""
    image = may_be_signed.image
    claim = ci_job_predicate(job, may_be_signed.tag_object)
    for platform, sbom in zip(may_be_signed.platforms, sboms, strict=True):
        hosts = _hosts(image, platform)
        predicates = [(one.statement.predicate_type, one.statement.predicate_text) for one in platform.provenance]
        predicates.append((CYCLONEDX_BOM, sbom.sbom.content.decode()))
        if claim.get("source"):
            predicates.append((CI_JOB, encode(claim).decode()))
        name = Subject.of(image.reference, image.digest, None).name
        for predicate_type, predicate in predicates:
            statement = statement_bytes(name, [host.digest for host in hosts], predicate_type, predicate)
            yield sign_statement(statement, predicate_type, signer), hosts


def _hosts(image: Image, platform: PlatformEvidence) -> tuple[Descriptor, ...]:
    descriptor = platform.platform.manifest.descriptor
    return (image.root,) if descriptor.digest == image.digest else (image.root, descriptor)


def _verify_again(open_store: Callable[[], Store], job: JobSource | None, signer: Signer) -> Report:
    """Raises PublishedEvidenceRejected unless a stranger who believes the signer sees what was meant.

    An unknown about the source is shown, not raised: it says what verifiers will need a policy for.
    """
    image, evidence = _fetch(open_store())
    trust = signer.trust
    signature = verify(image, evidence, trust, Expectations(signature_only=True))
    expected = _expectations(job) if job is not None else Expectations()
    source = verify(image, evidence, trust, expected) if expected.of_source else signature
    for report in (signature, source):
        if report.trouble is not None and (report is signature or report.verdict is Status.FAILED):
            raise PublishedEvidenceRejected(
                f"{image.reference.name}@{image.digest}: what was attached does not verify: {report.trouble.summary}",
                report.trouble.hint,
                "The store changed it, or somebody else writes to it; run the command again.",
            )
    return source


def _expectations(job: JobSource) -> Expectations:
    repository = job.repository.value if job.repository else ""
    return Expectations(
        repository if canonical_repository(repository) else "",
        job.commit.value if job.commit else "",
        job.tag.value if job.tag else "",
        "" if job.tag else (job.branch or ""),
    )
