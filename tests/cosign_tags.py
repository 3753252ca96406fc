"""What cosign 1 and 2 put under their tags, made in a FakeStore."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from attest.oci.descriptor import OCI_MANIFEST, Descriptor
from attest.oci.document import encode
from attest.oci.interface import CosignSuffix
from attest.reference import Digest
from tests.fake_store import FakeStore

SIGNATURE: Final = "dev.cosignproject.cosign/signature"
DSSE: Final = "application/vnd.dsse.envelope.v1+json"

Layer = tuple[bytes, str, dict[str, str]]


def tag(store: FakeStore, on: Digest, suffix: CosignSuffix, *layers: Layer) -> Descriptor:
    entries: list[Any] = []
    for content, media_type, beside in layers:
        entries.append({**store.put(content, media_type).to_json(), "annotations": beside})
    config = store.put(b"{}", "application/vnd.oci.image.config.v1+json")
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.to_json(),
        "layers": entries,
    }
    store.tagged[on, suffix] = store.put(encode(manifest), OCI_MANIFEST)
    return store.tagged[on, suffix]


def payload(digest: Digest, kind: str = "cosign container image signature") -> bytes:
    image = {"docker-manifest-digest": str(digest)}
    return json.dumps({"critical": {"identity": {"docker-reference": "x"}, "image": image, "type": kind}}).encode()


def signature_layer(digest: Digest, *, signature: bytes = b"sig") -> Layer:
    annotations = {SIGNATURE: base64.b64encode(signature).decode()}
    return payload(digest), "application/vnd.dev.cosign.simplesigning.v1+json", annotations


def envelope(statement: bytes, *signatures: bytes) -> Layer:
    """A DSSE envelope, as it lies under an `.att` tag."""
    encoded = base64.b64encode(statement).decode()
    sigs = [{"keyid": "", "sig": base64.b64encode(signature).decode()} for signature in signatures]
    document = {"payloadType": "application/vnd.in-toto+json", "payload": encoded, "signatures": sigs}
    return json.dumps(document).encode(), DSSE, {"predicateType": "x"}
