"""Signatures by certificate in both forms, from one Sigstore in memory: as a bundle, and as cosign 1 and 2 wrote them.

Each can lie in one thing, so that an attack differs from what is honest in that alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rfc3161_client import TimestampRequestBuilder

from attest.evidence.statement import COSIGN_SIGN, PAYLOAD_TYPE
from attest.oci.descriptor import SIGSTORE_BUNDLE
from attest.policy.expectations import Expectations
from attest.policy.report import Report
from attest.reference import Digest
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import ExpectedIdentity
from attest.trust.signatures import Trust
from attest.trust.signing.statements import SignedBundle
from attest.verification import verify_reference
from tests import authority, images
from tests.attacks.asking import SIGNATURE
from tests.authority import IDENTITY, ISSUER, text
from tests.cosign_tags import DSSE, payload, signature_layer, tag
from tests.sigstore.instance import Instance
from tests.sigstore.logs import Entry, LogV1

CERTIFICATE: Final = "dev.sigstore.cosign/certificate"
LOG_ENTRY: Final = "dev.sigstore.cosign/bundle"
CLAIMS: Final = {12: images.REPOSITORY, 13: images.COMMIT, 14: f"refs/tags/{images.TAG}"}
EXPECTED: Final = ExpectedIdentity(IDENTITY, ISSUER)

Document = dict[str, Any]
Tamper = Callable[[Document], object]


def untouched(_: Document) -> None:
    """Nothing is changed after signing."""


@dataclass
class Sigstore:
    """Authorities and logs, without services to ask; `rekor` is the log's version, `tsa` whether it is timestamped."""

    folder: Path
    rekor: int = 1
    tsa: bool = True
    instance: Instance = field(default_factory=lambda: Instance(url="https://tsa.example.test"))

    def __post_init__(self) -> None:
        self.instance.log_v1.key = self.instance.authority.log_key  # one log keeps what both forms are about

    def certify(self, key: authority.Key, lies: Document) -> x509.Certificate:
        return self.instance.authority.certify(key, **{"claims": CLAIMS, **lies})

    def ask(
        self,
        pushed: images.Pushed,
        expected: Expectations = SIGNATURE,
        *who: ExpectedIdentity,
        tamper: Tamper = untouched,
    ) -> Report:
        """As somebody who expects `who`; `tamper` changes the trusted root."""
        root = json.loads(json.dumps(self.instance.trusted_root()))  # parts of it are shared
        tamper(root)
        path = self.folder / "trusted_root.json"
        path.write_text(json.dumps(root))
        return verify_reference(pushed.store, Trust((), who or (EXPECTED,), TrustedRoots(path)), expected)


@dataclass
class CertifiedBundle:
    """A Sigstore bundle v0.3 with certificate, log entry and timestamp."""

    sigstore: Sigstore
    name: str = "bundle"

    def ask(self, pushed: images.Pushed, expected: Expectations = SIGNATURE, *who: ExpectedIdentity) -> Report:
        return self.sigstore.ask(pushed, expected, *who)

    def sign(self, pushed: images.Pushed, about: Digest | None = None, **lies: Any) -> Document:
        """An image signature, hung off the image; gives the bundle, for changing it."""
        statement = images.embedded({}, about or pushed.digest, predicate_type=COSIGN_SIGN)
        return self.attest(pushed, statement, **lies)

    def attest(
        self,
        pushed: images.Pushed,
        statement: bytes,
        tamper: Tamper = untouched,
        *,
        kind: str = PAYLOAD_TYPE,
        **lies: Any,
    ) -> Document:
        key = authority.new_key()
        certificate = self.sigstore.certify(key, lies)
        signature = authority.sign(key, pre_authentication_encoding(kind, statement))
        envelope = {"payloadType": kind, "payload": text(statement), "signatures": [{"sig": text(signature)}]}
        material: Document = {
            "certificate": {"rawBytes": text(certificate.public_bytes(Encoding.DER))},
            "tlogEntries": [self._entry(envelope, statement, signature, certificate)],
        }
        if self.sigstore.tsa:
            stamp = {"signedTimestamp": text(self.stamp(signature))}
            material["timestampVerificationData"] = {"rfc3161Timestamps": [stamp]}
        document = {"mediaType": SIGSTORE_BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}
        tamper(envelope)
        self.hang(pushed, document)
        return document

    def hang(self, pushed: images.Pushed, document: Document) -> None:
        """In place of what hung there."""
        pushed.store.listed.pop(pushed.digest, None)
        images.attach(pushed.store, SignedBundle(images.encode(document), ""), pushed.root)

    def stamp(self, signature: bytes) -> bytes:
        request = TimestampRequestBuilder().data(signature).build()
        return self.sigstore.instance.timestamps.answer(request.as_bytes())

    @staticmethod
    def entry_of(document: Document) -> Entry:
        """The log entry in a bundle."""
        entry: Entry = document["verificationMaterial"]["tlogEntries"][0]
        return entry

    def _entry(self, envelope: Document, statement: bytes, signature: bytes, certificate: x509.Certificate) -> Entry:
        kind = envelope["payloadType"]
        if self.sigstore.rekor == 2:
            encoded = {"rawBytes": text(certificate.public_bytes(Encoding.DER))}
            verifier = {"x509Certificate": encoded, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
            digest = hashlib.sha256(pre_authentication_encoding(kind, statement)).digest()
            signed = {"content": text(signature), "verifier": verifier}
            request = {"digest": text(digest), "signature": signed}
            return self.sigstore.instance.log_v2.add({"hashedRekordRequestV002": request})
        return entry_v1(self.sigstore.instance.log_v1, envelope, certificate)


def entry_v1(log: LogV1, envelope: Document, certificate: x509.Certificate) -> Entry:
    """What the log answers, as a bundle holds it."""
    proposed = {"envelope": json.dumps(envelope), "verifiers": [text(certificate.public_bytes(Encoding.PEM))]}
    request = {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": proposed}}
    (answer,) = log.add(request).values()
    proof = answer["verification"]["inclusionProof"]
    return {
        "logIndex": str(answer["logIndex"]),
        "logId": {"keyId": text(bytes.fromhex(answer["logID"]))},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": str(answer["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": answer["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": text(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [text(bytes.fromhex(each)) for each in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": answer["body"],
    }


@dataclass
class Annotated:
    """cosign 1 and 2: certificate and log entry in annotations that anybody may write."""

    sigstore: Sigstore
    name: str = "annotations"

    def ask(self, pushed: images.Pushed, expected: Expectations = SIGNATURE, *who: ExpectedIdentity) -> Report:
        return self.sigstore.ask(pushed, expected, *who)

    def sign(self, pushed: images.Pushed, about: Digest | None = None, seen: Any = None, **lies: Any) -> Document:
        """An image signature, hung under the image's tag; gives the annotations, for changing them."""
        key = authority.new_key()
        certificate = self.sigstore.certify(key, lies)
        content = payload(about or pushed.digest)
        signature = authority.sign(key, content)
        _, _, annotations = signature_layer(pushed.digest, signature=signature)
        body = authority.hashedrekord(content, signature, certificate)
        annotations |= self._beside(body, certificate, seen)
        self.hang(pushed, annotations, about)
        return annotations

    def attest(
        self,
        pushed: images.Pushed,
        statement: bytes,
        tamper: Tamper = untouched,
        *,
        kind: str = PAYLOAD_TYPE,
        entry: str = "dsse",
        **lies: Any,
    ) -> Document:
        key = authority.new_key()
        certificate = self.sigstore.certify(key, lies)
        envelope, signature = authority.sign_envelope(key, statement, kind)
        body = authority.envelope_entry(entry, envelope, statement, signature, certificate)
        document = json.loads(envelope)
        tamper(document)
        annotations = self._beside(body, certificate, None)
        tag(pushed.store, pushed.digest, "att", (json.dumps(document).encode(), DSSE, annotations))
        return annotations

    def hang(self, pushed: images.Pushed, annotations: Document, about: Digest | None = None) -> None:
        """In place of what hung there."""
        content, media_type, _ = signature_layer(about or pushed.digest)
        tag(pushed.store, pushed.digest, "sig", (content, media_type, annotations))

    def _beside(self, body: Document, certificate: x509.Certificate, seen: Any) -> dict[str, str]:
        pem = certificate.public_bytes(Encoding.PEM).decode()
        return {CERTIFICATE: pem, LOG_ENTRY: self.sigstore.instance.authority.entry(body, seen=seen)}


Certified = CertifiedBundle | Annotated
