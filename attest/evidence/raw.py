"""The exact bytes of what was found, for those who want to look for themselves or keep a copy."""

from __future__ import annotations

from attest.errors import NotFound, StoreError
from attest.evidence.attestation import Attestation, Evidence
from attest.oci import limits
from attest.oci.descriptor import Descriptor
from attest.oci.image import Image
from attest.oci.interface import Store
from attest.reference import Digest


def raw_attestation(attestation: Attestation) -> bytes:
    """The statement, or the bundle or envelope that holds it, as it was stored."""
    return attestation.bundle.raw if attestation.bundle is not None else attestation.statement.raw


def raw_content(store: Store, image: Image, evidence: Evidence, digest: Digest) -> bytes:
    """Any manifest, image config or piece of evidence of this image, layers left out. Raises StoreError."""
    known = {
        **{index.descriptor.digest: index.raw for index in image.indexes},
        **{platform.digest: platform.manifest.raw for platform in image.platforms},
        **{manifest.digest: manifest.manifest.raw for manifest in image.attestation_manifests},
        **{attestation.digest: raw_attestation(attestation) for attestation in evidence.attestations},
        **{signature.digest: signature.signing.payload for signature in evidence.simple_signatures},
        **{sbom.digest: sbom.content for sbom in evidence.sboms},
    }
    if digest in known:
        return known[digest]
    for platform in image.platforms:
        config = platform.manifest.config
        if config is not None and config.digest == digest:
            return store.blob(config, limits.CONFIG)
    return store.manifest(_listed(store, image, digest))


def _listed(store: Store, image: Image, digest: Digest) -> Descriptor:
    """A manifest that hangs off the image, by its entry in the store's lists."""
    failure: StoreError = NotFound(
        f"{image.reference}: {digest} is nothing of this image",
        "It is none of its manifests, configs, referrers, statements and signatures; layers are not read.",
    )
    for subject in image.digests:
        try:
            entries = store.referrers(subject)
        except StoreError as error:
            failure = error
            continue
        for entry in entries:
            if entry.digest == digest:
                return entry
    raise failure
