"""Small honest documents, and layouts made of them, for tests that then spoil something."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, SIGSTORE_BUNDLE, Descriptor, artifact_manifest
from attest.oci.document import Json, JsonObject

CONFIG: Final = b'{"os":"linux","architecture":"amd64"}'
EMPTY: Final = b"{}"
BUNDLE: Final = b'{"bundle":1}'


def image(number: int = 1) -> bytes:
    """An image manifest; another number, another digest."""
    config = Descriptor.of(CONFIG, "application/vnd.oci.image.config.v1+json")
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_json(),
        "layers": [],
        "annotations": {"number": str(number)},
    }
    return json.dumps(document).encode()


def referrer(subject: bytes, number: int = 1) -> bytes:
    """A bundle's manifest that refers to an image manifest."""
    named = Descriptor.of(subject, OCI_MANIFEST)
    return artifact_manifest(
        named, SIGSTORE_BUNDLE, Descriptor.of(BUNDLE, SIGSTORE_BUNDLE), {"example.number": str(number)}
    )


def index(*manifests: bytes) -> bytes:
    """An index of these manifests."""
    entries = [Descriptor.of(manifest, OCI_MANIFEST).to_json() for manifest in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()


def entry(content: bytes, name: str = "", **more: Json) -> dict[str, Json]:
    """An entry of index.json, with a ref.name or without."""
    media_type = OCI_INDEX if b'"manifests"' in content else OCI_MANIFEST
    named: JsonObject = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
    return {**Descriptor.of(content, media_type).to_json(), **named, **more}


def write_layout(root: Path, blobs: Sequence[bytes], entries: Sequence[Mapping[str, Json]], **more: Json) -> Path:
    """A layout that holds these blobs and lists these entries."""
    root.mkdir(exist_ok=True)
    (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    for content in (CONFIG, EMPTY, BUNDLE, *blobs):
        blob_path(root, content).parent.mkdir(parents=True, exist_ok=True)
        blob_path(root, content).write_bytes(content)
    (root / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": list(entries), **more}))
    return root


def blob_path(root: Path, content: bytes) -> Path:
    """Where a blob lies in a layout."""
    return root / "blobs" / "sha256" / Descriptor.of(content, "").digest.hex
