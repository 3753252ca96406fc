"""Images as BuildKit pushes them, made in a FakeStore, and signed as attest and others sign them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB, PAYLOAD_TYPE, STATEMENT_V1
from attest.oci.descriptor import IN_TOTO, OCI_INDEX, OCI_MANIFEST, SIGSTORE_BUNDLE, Descriptor, artifact_manifest
from attest.oci.interface import Artifact
from attest.reference import Digest
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.keys import PublicKey, SigningKey
from attest.trust.signing.statements import SignedBundle, sign_image, sign_statement, statement_bytes
from tests.fake_store import FakeStore

REPOSITORY: Final = "https://git.example.test/acme/app"
COMMIT: Final = "1d48664a74e1311da52e2ecf2e9e71d0a04dc0fb"
OTHER_COMMIT: Final = "8dedf8a5c843d0666ef68b007798d94260e2feb3"
TAG: Final = "v1.0.0"

Predicate = dict[str, Any]


def new_key(name: str = "cosign.pub") -> SigningKey:
    key = ec.generate_private_key(ec.SECP256R1())
    return SigningKey(PublicKey(name, key.public_key()), key)


def local_build(commit: str = COMMIT, repository: str = f"{REPOSITORY}.git", **arguments: str) -> Predicate:
    """Provenance of a build from a local checkout: what it says of the source, the client said."""
    return {
        "buildDefinition": {
            "buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
            "externalParameters": {
                "configSource": {"path": "Dockerfile"},
                "request": {
                    "frontend": "dockerfile.v0",
                    "args": arguments,
                    "locals": [{"name": "context"}, {"name": "dockerfile"}],
                },
            },
        },
        "runDetails": {
            "builder": {"id": ""},
            "metadata": {"buildkit_metadata": {"vcs": {"source": repository, "revision": commit}}},
        },
    }


def git_build(ref: str, resolved: str = COMMIT, repository: str = f"{REPOSITORY}.git", **request: object) -> Predicate:
    """Provenance of a build from a git context: the builder fetched it."""
    return {
        "buildDefinition": {
            "externalParameters": {
                "configSource": {"uri": f"{repository}#{ref}", "digest": {"sha1": resolved}, "path": "Dockerfile"},
                "request": {"frontend": "dockerfile.v0", **request},
            }
        },
        "runDetails": {"builder": {"id": ""}, "metadata": {}},
    }


@dataclass
class Pushed:
    """An image in a store: its digests, and the attestation manifest of each platform."""

    store: FakeStore
    root: Descriptor
    platforms: dict[str, Descriptor]
    attestation_manifests: dict[str, Descriptor]
    statements: dict[str, Descriptor]

    @property
    def digest(self) -> Digest:
        return self.root.digest


def push(
    predicates: Mapping[str, Predicate | None], store: FakeStore | None = None, extra: Sequence[Mapping[str, Any]] = ()
) -> Pushed:
    """An index with these platforms, each with embedded provenance where there is a predicate."""
    store = store or FakeStore()
    entries: list[Mapping[str, Any]] = []
    attestations: list[Mapping[str, Any]] = []
    pushed = Pushed(store, Descriptor.of(b"{}", OCI_INDEX), {}, {}, {})
    for name, predicate in predicates.items():
        os, architecture = name.split("/")
        image = push_manifest(store, name)
        pushed.platforms[name] = image
        entries.append({**image.to_json(), "platform": {"os": os, "architecture": architecture}})
        if predicate is not None:
            statement = store.put(embedded(predicate, image.digest), IN_TOTO)
            manifest = push_attestation_manifest(store, [statement])
            pushed.attestation_manifests[name], pushed.statements[name] = manifest, statement
            attestations.append(attestation_entry(manifest, image.digest))
    root = store.put(
        encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*entries, *attestations, *extra]}), OCI_INDEX
    )
    pushed.root = store.root = root
    return pushed


def push_manifest(store: FakeStore, what: str) -> Descriptor:
    config = store.put(
        encode({"os": "linux", "architecture": "amd64", "what": what}), "application/vnd.oci.image.config.v1+json"
    )
    layer = store.put(what.encode(), "application/vnd.oci.image.layer.v1.tar+gzip")
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": [layer.to_json()]}
    return store.put(encode(manifest), OCI_MANIFEST)


def push_attestation_manifest(store: FakeStore, statements: Sequence[Descriptor]) -> Descriptor:
    config = store.put(b"{}", "application/vnd.oci.empty.v1+json")
    layers = [statement.to_json() for statement in statements]
    return store.put(
        encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": layers}),
        OCI_MANIFEST,
    )


def attestation_entry(manifest: Descriptor, about: Digest) -> dict[str, Any]:
    return {
        **manifest.to_json(),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": str(about),
        },
    }


def embedded(predicate: Predicate, *subjects: Digest, predicate_type: str = SLSA_V1) -> bytes:
    """A statement with any subjects, none among them: BuildKit writes that for output without a name."""
    subject = [{"name": "pkg:docker/app@1", "digest": {digest.algorithm: digest.hex}} for digest in subjects]
    statement = {"_type": STATEMENT_V1, "subject": subject, "predicateType": predicate_type, "predicate": predicate}
    return encode(statement)


def attach(store: FakeStore, bundle: SignedBundle, *hosts: Descriptor) -> None:
    """Hang a bundle off each of these."""
    layer = store.put(bundle.content, SIGSTORE_BUNDLE)
    for host in hosts:
        store.attach([Artifact(artifact_manifest(host, SIGSTORE_BUNDLE, layer, {}), host.digest)])


def sign_index(pushed: Pushed, key: SigningKey, certificate: bytes = b"") -> None:
    """An image signature over the index; with a certificate instead of the key's hint where one is given."""
    attach(pushed.store, _with_certificate(sign_image(pushed.digest, key), certificate), pushed.root)


def _with_certificate(bundle: SignedBundle, certificate: bytes) -> SignedBundle:
    """The same signature, with a certificate where the key's hint was."""
    if not certificate:
        return bundle
    document = json.loads(bundle.content)
    document["verificationMaterial"] = {"certificate": {"rawBytes": base64.b64encode(certificate).decode()}}
    return SignedBundle(encode(document), bundle.predicate_type)


def sign_provenance(pushed: Pushed, platform: str, predicate: Predicate, key: SigningKey) -> SignedBundle:
    """A DSSE envelope about the index and the platform, hung off both."""
    image = pushed.platforms[platform]
    statement = embedded(predicate, pushed.digest, image.digest)
    bundle = sign_statement(statement, SLSA_V1, key)
    attach(pushed.store, bundle, pushed.root, image)
    return bundle


def sign_about(
    pushed: Pushed, about: Sequence[Descriptor], predicate_type: str, predicate: Predicate, key: SigningKey, cert: bytes
) -> SignedBundle:
    """Any statement about these, hung off each of them; with a certificate where one is given."""
    statement = embedded(predicate, *(one.digest for one in about), predicate_type=predicate_type)
    bundle = _with_certificate(sign_statement(statement, predicate_type, key), cert)
    attach(pushed.store, bundle, *about)
    return bundle


def sign_claim(pushed: Pushed, platform: str, source: Mapping[str, str], key: SigningKey) -> None:
    """The signing job's own source claim."""
    image = pushed.platforms[platform]
    statement = statement_bytes("app", [pushed.digest, image.digest], CI_JOB, json.dumps({"source": source}))
    attach(pushed.store, sign_statement(statement, CI_JOB, key), pushed.root, image)


def bundle_of(
    payload: bytes, signatures: Sequence[bytes], hint: str = "", payload_type: str = PAYLOAD_TYPE
) -> SignedBundle:
    """A bundle with these signatures, whatever they are worth."""
    content = {
        "mediaType": SIGSTORE_BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"sig": base64.b64encode(signature).decode()} for signature in signatures],
        },
    }
    return SignedBundle(encode(content), SLSA_V1)


def signature_of(payload: bytes, key: SigningKey, payload_type: str = PAYLOAD_TYPE) -> bytes:
    return key.sign(pre_authentication_encoding(payload_type, payload))


def encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document).encode()
