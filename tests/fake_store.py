"""One store in memory that serves the unit tests, and can lie: give other bytes, refuse, forget."""

from __future__ import annotations

from collections.abc import Sequence

from attest.errors import ContentMismatch, NotFound, StoreError
from attest.oci.descriptor import Descriptor, Manifest, parse_manifest
from attest.oci.interface import Artifact, CosignSuffix
from attest.reference import Digest, ImageReference, RegistryReference


class FakeStore:
    """Keeps attest.oci.interface.Store's promises unless told otherwise."""

    def __init__(self, root: Descriptor | None = None) -> None:
        self.contents: dict[Digest, bytes] = {}
        self.root = root
        self.listed: dict[Digest, list[Descriptor]] = {}
        self.tagged: dict[tuple[Digest, CosignSuffix], Descriptor] = {}
        self.errors: dict[Digest, StoreError] = {}
        self.lies: dict[Digest, bytes] = {}
        self.asked: list[str] = []

    @property
    def reference(self) -> ImageReference:
        return RegistryReference("registry.test", "acme/app", "1.0.0", None)

    # --- Store

    def resolve(self) -> Descriptor:
        self.asked.append("resolve")
        if self.root is None:
            raise NotFound("registry.test/acme/app:1.0.0: not found")
        self._read(self.root)
        return self.root

    def manifest(self, descriptor: Descriptor) -> bytes:
        self.asked.append(f"manifest {descriptor.digest}")
        return self._read(descriptor)

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        self.asked.append(f"blob {descriptor.digest}")
        assert descriptor.size <= limit
        return self._read(descriptor)

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        self.asked.append(f"referrers {subject}")
        if subject in self.errors:
            raise self.errors[subject]
        return tuple(self.listed.get(subject, ()))

    def cosign_tag(self, subject: Digest, suffix: CosignSuffix) -> Descriptor | None:
        self.asked.append(f"cosign_tag {subject} {suffix}")
        return self.tagged.get((subject, suffix))

    def attach(self, artifacts: Sequence[Artifact]) -> tuple[Descriptor, ...]:
        return tuple(self._attach(artifact) for artifact in artifacts)

    def _attach(self, artifact: Artifact) -> Descriptor:
        for blob in artifact.blobs:
            self.put(blob, "")
        descriptor = self.put(artifact.manifest, "application/vnd.oci.image.manifest.v1+json")
        parsed = parse_manifest(descriptor, artifact.manifest, "attached")
        assert isinstance(parsed, Manifest)
        assert parsed.subject is not None
        assert parsed.subject.digest == artifact.subject
        if descriptor not in self.listed.setdefault(artifact.subject, []):
            self.listed[artifact.subject].append(descriptor)
        return descriptor

    # --- what tests do to it

    def put(self, content: bytes, media_type: str) -> Descriptor:
        descriptor = Descriptor.of(content, media_type)
        self.contents[descriptor.digest] = content
        return descriptor

    def list_referrer(self, on: Digest, descriptor: Descriptor) -> None:
        self.listed.setdefault(on, []).append(descriptor)

    def change(self, digest: Digest) -> None:
        """Change one byte of what is stored, as somebody with a hex editor would."""
        content = bytearray(self.contents[digest])
        content[len(content) // 2] ^= 1
        self.contents[digest] = bytes(content)

    def _read(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest in self.errors:
            raise self.errors[descriptor.digest]
        if descriptor.digest in self.lies:
            return self.lies[descriptor.digest]
        if descriptor.digest not in self.contents:
            raise NotFound(f"registry.test/acme/app@{descriptor.digest}: not found")
        content = self.contents[descriptor.digest]
        if not descriptor.digest.matches(content):
            raise ContentMismatch(f"registry.test/acme/app@{descriptor.digest}: the content has another digest")
        return content
