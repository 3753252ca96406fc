"""Evidence as it was found: statements and bundles, where each lies, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from attest.errors import StoreError
from attest.evidence.bundle import Bundle
from attest.evidence.provenance import PROVENANCE_TYPES
from attest.evidence.simple_signing import SimpleSigning
from attest.evidence.statement import COSIGN_SIGN, CYCLONEDX_BOM, SPDX_DOCUMENT, Statement
from attest.oci.image import Problem
from attest.reference import Digest

Found = Literal["embedded", "referrer", "cosign-tag", "file"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece of evidence lies: in which manifest, and what that manifest hangs off; a file has neither."""

    found: Found
    manifest: Digest | None = None
    on: Digest | None = None


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement as found, bare (`bundle` is None) or signed. Untrusted: attest.trust says what it is worth."""

    digest: Digest
    size: int
    statement: Statement
    bundle: Bundle | None
    places: tuple[Place, ...]

    @property
    def about(self) -> tuple[Digest, ...]:
        """What it says that it is about."""
        return self.statement.subject_digests

    @property
    def is_image_signature(self) -> bool:
        """Only cosign's sign/v1 in a bundle is one: a signed SBOM, provenance or VSA is none, whatever tools print."""
        return self.bundle is not None and self.statement.predicate_type == COSIGN_SIGN

    @property
    def is_provenance(self) -> bool:
        """Whether its predicate type is SLSA provenance."""
        return self.statement.predicate_type in PROVENANCE_TYPES

    @property
    def is_sbom(self) -> bool:
        """Whether its predicate type is that of an SBOM."""
        return self.statement.predicate_type in (SPDX_DOCUMENT, CYCLONEDX_BOM)

    @property
    def is_spdx(self) -> bool:
        """Whether its predicate is an SPDX document, as BuildKit's scanners write it."""
        return self.statement.predicate_type == SPDX_DOCUMENT


@dataclass(frozen=True, slots=True)
class SimpleSignature:
    """An image signature as cosign 1 and 2 wrote it. Untrusted; `digest` is the payload's, which others may share."""

    digest: Digest
    signing: SimpleSigning
    places: tuple[Place, ...]

    @property
    def about(self) -> tuple[Digest, ...]:
        """What it says that it is about."""
        return (self.signing.about,)

    @property
    def is_image_signature(self) -> bool:
        """Simple signing says nothing else."""
        return True

    @property
    def is_provenance(self) -> bool:
        """Never: what it signs is the image."""
        return False

    @property
    def is_sbom(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class LooseSbom:
    """An SBOM under cosign's `.sbom` tag: no statement, no signature, and it names no image."""

    digest: Digest
    content: bytes = field(repr=False)
    predicate_type: str
    places: tuple[Place, ...]
    about: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found about an image; `unread` is what is attached but could not be looked at, and why."""

    attestations: tuple[Attestation, ...]
    problems: tuple[Problem, ...] = ()
    unread: tuple[StoreError, ...] = ()
    simple_signatures: tuple[SimpleSignature, ...] = ()
    sboms: tuple[LooseSbom, ...] = ()

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Of all statements and signatures, each once."""
        statements = (one.digest for one in self.attestations)
        return tuple(dict.fromkeys((*statements, *(one.digest for one in self.simple_signatures))))

    @property
    def embedded(self) -> Iterator[Attestation]:
        """The bare statements that BuildKit left beside the image."""
        return (attestation for attestation in self.attestations if attestation.bundle is None)

    @property
    def signed(self) -> Iterator[Attestation]:
        """What came in an envelope; whether a signature in it holds is not known here."""
        return (attestation for attestation in self.attestations if attestation.bundle is not None)
