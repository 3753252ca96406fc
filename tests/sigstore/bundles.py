"""Sigstore bundles of every shape, from the authorities and logs of one instance that nobody has to ask over a network.

The kinds of log entries are Rekor's. What a test wants to be wrong, it changes in the document.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rfc3161_client import TimestampRequestBuilder

from attest.evidence.statement import PAYLOAD_TYPE
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.keys import PublicKey
from tests.authority import new_key, text
from tests.sigstore.instance import Instance
from tests.sigstore.logs import Entry

Document = dict[str, Any]
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

MEDIA_TYPES: Final = {
    "0.1": "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "0.2": "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "0.3": "application/vnd.dev.sigstore.bundle.v0.3+json",
}
OF_ENVELOPES: Final = ("dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.2", "hashedrekord 0.0.1", "hashedrekord 0.0.2")
OF_FILES: Final = ("hashedrekord 0.0.1", "hashedrekord 0.0.2")
FILE: Final = b"a file that somebody signs\n"
_DETAILS: Final = {256: "PKIX_ECDSA_P256_SHA_256", 384: "PKIX_ECDSA_P384_SHA_384"}


def statement(**digests: str) -> bytes:
    """A statement about a file: this one, unless digests are given."""
    subject = {"name": "file", "digest": digests or {"sha256": hashlib.sha256(FILE).hexdigest()}}
    kind = {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://example.com/predicate"}
    return json.dumps({**kind, "subject": [subject], "predicate": {}}).encode()


@dataclass(frozen=True, slots=True)
class Made:
    """What a log is told: a signature, what it is over, the envelope's text, and certificate or key in DER and PEM."""

    signature: bytes
    message: bytes
    envelope: Document
    der: bytes
    pem: bytes
    is_certificate: bool
    bits: int


@dataclass
class Bundles:
    """`by_key` signs with a key alone; `lies` go to Authority.certify; with a `key` it certifies another one."""

    instance: Instance = field(default_factory=lambda: Instance(url="https://tsa.example.test"))
    by_key: bool = False
    key: PrivateKey = field(default_factory=new_key)
    lies: Document = field(default_factory=dict)

    @property
    def public(self) -> PublicKey:
        return PublicKey("signer.pub", self.key.public_key())

    def trusted_root(self, folder: Path, **changes: Any) -> Path:
        """trusted_root.json, with some of its members changed."""
        path = folder / "trusted_root.json"
        path.write_text(json.dumps({**self.instance.trusted_root(), **changes}))
        return path

    def envelope(
        self, payload: bytes, kind: str = "dsse 0.0.1", payload_type: str = PAYLOAD_TYPE, **options: Any
    ) -> Document:
        """A bundle with a DSSE envelope; options are those of `_bundle`."""
        message = pre_authentication_encoding(payload_type, payload)
        signature = self._sign(message)
        signatures = [{"keyid": "", "sig": text(signature)}]
        envelope = {"payloadType": payload_type, "payload": text(payload), "signatures": signatures}
        return {**self._bundle(self._made(signature, message, envelope), kind, **options), "dsseEnvelope": envelope}

    def file(self, content: bytes = FILE, kind: str = "hashedrekord 0.0.1", **options: Any) -> Document:
        """A bundle with a signature over a file."""
        signature = self._sign(content)
        digest = {"algorithm": "SHA2_256", "digest": text(hashlib.sha256(content).digest())}
        message = {"messageDigest": digest, "signature": text(signature)}
        return {**self._bundle(self._made(signature, content, {}), kind, **options), "messageSignature": message}

    def stamp(self, signature: bytes) -> Document:
        """A timestamp of these bytes."""
        request = TimestampRequestBuilder().data(signature).build()
        return {"signedTimestamp": text(self.instance.timestamps.answer(request.as_bytes()))}

    def _bundle(self, made: Made, kind: str, *, version: str = "0.3", stamps: int = 1, proof: bool = True) -> Document:
        """A bundle of this version; `kind` "" leaves the log out, `proof` says whether there is more than a promise."""
        encoded = {"rawBytes": text(made.der)}
        by: Document = (
            {"certificate": encoded} if version == "0.3" else {"x509CertificateChain": {"certificates": [encoded]}}
        )
        if self.by_key:
            by = {"publicKey": {"hint": self.public.hint}}
        entries = [self.entry(made, kind)] if kind else []
        for entry in entries if not proof else ():
            del entry["inclusionProof"]
        stamped = {"rfc3161Timestamps": [self.stamp(made.signature) for _ in range(stamps)]}
        material = {**by, "tlogEntries": entries, "timestampVerificationData": stamped}
        return {"mediaType": MEDIA_TYPES[version], "verificationMaterial": material}

    def entry(self, made: Made, kind: str) -> Entry:
        """A log entry as it stands in a bundle."""
        name, version = kind.split()
        if version == "0.0.2" and name == "hashedrekord":
            return self.instance.log_v2.add(_request(made))
        return in_bundle(self.instance.log_v1.keep({"apiVersion": version, "kind": name, "spec": _SPECS[kind](made)}))

    def _made(self, signature: bytes, message: bytes, envelope: Document) -> Made:
        public, bits = self.key.public_key(), getattr(self.key, "key_size", 0)
        if self.by_key:
            der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        else:
            certificate: x509.Certificate = self.instance.authority.certify(**{"key": self.key, **self.lies})
            der, pem = certificate.public_bytes(Encoding.DER), certificate.public_bytes(Encoding.PEM)
        return Made(signature, message, envelope, der, pem, not self.by_key, bits)

    def _sign(self, message: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA({256: hashes.SHA256(), 384: hashes.SHA384()}[self.key.key_size]))
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def in_bundle(answer: Mapping[str, Any]) -> Entry:
    """What Rekor v1 answers, as a bundle holds it."""
    (entry,) = answer.values()
    proof, kept = entry["verification"]["inclusionProof"], json.loads(base64.b64decode(entry["body"]))
    return {
        "logIndex": str(entry["logIndex"]),
        "logId": {"keyId": text(bytes.fromhex(entry["logID"]))},
        "kindVersion": {"kind": kept["kind"], "version": kept["apiVersion"]},
        "integratedTime": str(entry["integratedTime"]),
        "inclusionPromise": {"signedEntryTimestamp": entry["verification"]["signedEntryTimestamp"]},
        "inclusionProof": {
            "logIndex": str(proof["logIndex"]),
            "rootHash": text(bytes.fromhex(proof["rootHash"])),
            "treeSize": str(proof["treeSize"]),
            "hashes": [text(bytes.fromhex(each)) for each in proof["hashes"]],
            "checkpoint": {"envelope": proof["checkpoint"]},
        },
        "canonicalizedBody": entry["body"],
    }


def _hash(content: bytes) -> Document:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


def _payload(made: Made) -> bytes:
    return base64.b64decode(made.envelope["payload"])


def _text(made: Made) -> bytes:
    """As Go's programs write an envelope."""
    return json.dumps(made.envelope, separators=(",", ":")).encode()


def _intoto_2(made: Made) -> Document:
    entry = {"sig": text(text(made.signature).encode()), "publicKey": text(made.pem)}
    kept = {"payloadType": made.envelope["payloadType"], "signatures": [entry]}
    return {"content": {"envelope": kept, "hash": _hash(_text(made)), "payloadHash": _hash(_payload(made))}}


_SPECS: Final[Mapping[str, Any]] = {
    "dsse 0.0.1": lambda made: {
        "envelopeHash": _hash(_text(made)),
        "payloadHash": _hash(_payload(made)),
        "signatures": [{"signature": text(made.signature), "verifier": text(made.pem)}],
    },
    "intoto 0.0.1": lambda made: {
        "content": {"hash": _hash(_text(made)), "payloadHash": _hash(_payload(made))},
        "publicKey": text(made.pem),
    },
    "intoto 0.0.2": _intoto_2,
    "hashedrekord 0.0.1": lambda made: {
        "data": {"hash": _hash(made.message)},
        "signature": {"content": text(made.signature), "publicKey": {"content": text(made.pem)}},
    },
}


def _request(made: Made) -> Document:
    """To Rekor v2."""
    form = (
        {"x509Certificate": {"rawBytes": text(made.der)}}
        if made.is_certificate
        else {"publicKey": {"rawBytes": text(made.der)}}
    )
    verifier = {**form, "keyDetails": _DETAILS.get(made.bits, "PKIX_RSA_PKCS1V15_2048_SHA256")}
    digest = text(hashlib.sha256(made.message).digest())
    return {
        "hashedRekordRequestV002": {
            "digest": digest,
            "signature": {"content": text(made.signature), "verifier": verifier},
        }
    }
