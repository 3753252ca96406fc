"""What every store can do, whether it is a registry or a directory.

A store gives bytes by digest and promises one thing: what it returns has the size and digest that it was asked for by.
It believes nothing of what it is told, and it knows nothing of what the bytes mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from attest.oci.descriptor import Descriptor
from attest.reference import Digest, ImageReference

CosignSuffix = Literal["sig", "att", "sbom"]
COSIGN_SUFFIXES: Final[tuple[CosignSuffix, ...]] = ("sig", "att", "sbom")


def cosign_tag(subject: Digest, suffix: CosignSuffix) -> str:
    """What cosign 1 and 2 tag what they say of `subject` with (SIGNATURE_SPEC.md, "Tag-based Discovery")."""
    return f"{subject.algorithm}-{subject.hex}.{suffix}"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest that refers to `subject`, and the contents of the blobs that it names, as far as they are new."""

    manifest: bytes = field(repr=False)
    subject: Digest
    blobs: tuple[bytes, ...] = field(default=(), repr=False)


class Store(Protocol):
    """One repository of a registry, or one OCI layout.

    Every method raises a StoreError: NotFound, Unreachable, Throttled, Unauthorised, Unreadable (short, too large),
    ContentMismatch (full length, other digest) or NotWritable. Reading methods may be called from several threads.
    """

    @property
    def reference(self) -> ImageReference:
        """What the user typed."""

    def resolve(self) -> Descriptor:
        """The descriptor of what the reference names; its content has been read and checked."""

    def manifest(self, descriptor: Descriptor) -> bytes:
        """The exact bytes of a manifest or index."""

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """The exact bytes of a blob of at most `limit` bytes (a cap of attest.oci.limits)."""

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """Manifests said to refer to `subject` (distribution-spec 1.1, "Listing Referrers"): hints, nothing more."""

    def cosign_tag(self, subject: Digest, suffix: CosignSuffix) -> Descriptor | None:
        """The manifest under the tag that cosign 1 and 2 give to what they say of `subject`, or None.

        The tag is `sha256-<hex>.<suffix>` (cosign's SIGNATURE_SPEC.md, "Tag-based Discovery"); its manifest names no
        subject, so that it is about this image at all must be told from what lies in it. The manifest has been read
        and checked.
        """

    def attach(self, artifacts: Sequence[Artifact]) -> tuple[Descriptor, ...]:
        """Write these manifests and their blobs so that `referrers` lists them, in this order; again is no change.

        A layout takes all of them or none. A registry has no such promise: what is listed is complete, and what is
        missing after an error comes by attaching again.
        """
