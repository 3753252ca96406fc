"""Hanging signed bundles off an image, so that cosign and others find them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from attest.oci.descriptor import SIGSTORE_BUNDLE, Descriptor, artifact_manifest
from attest.oci.interface import Artifact, Store
from attest.reference import Digest
from attest.trust.signing.statements import SignedBundle

_EMPTY: Final = b"{}"
Signed = tuple[SignedBundle, tuple[Descriptor, ...]]  # a bundle, and what it will hang off


@dataclass(frozen=True, slots=True)
class Attached:
    """A bundle that was hung onto the image: its predicate type, its digest, and the digest that it hangs off."""

    predicate_type: str
    bundle: Digest
    on: Digest


def attach(store: Store, signed: Sequence[Signed]) -> tuple[Attached, ...]:
    """Hang each bundle off each of its hosts, in this order. Raises StoreError."""
    hung = [(bundle, host) for bundle, hosts in signed for host in hosts]
    store.attach([Artifact(_manifest(*one), one[1].digest, (_EMPTY, one[0].content)) for one in hung])
    return tuple(Attached(bundle.predicate_type, Digest.of(bundle.content), host.digest) for bundle, host in hung)


def _manifest(bundle: SignedBundle, host: Descriptor) -> bytes:
    """No time in it: signing the same thing again gives the same manifest, and attaches nothing new."""
    layer = Descriptor.of(bundle.content, SIGSTORE_BUNDLE)
    annotations = {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": bundle.predicate_type,
    }
    return artifact_manifest(host, SIGSTORE_BUNDLE, layer, annotations)
