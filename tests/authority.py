"""A private Sigstore in memory: an authority that issues certificates, a certificate log, and a log that promises.

It writes what cosign 1 and 2 put beside a signature, and lies where a test asks it to.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from attest.evidence.statement import PAYLOAD_TYPE
from attest.trust.dsse import pre_authentication_encoding

ISSUER: Final = "https://gitlab.example.test"
IDENTITY: Final = f"{ISSUER}/acme/app//.gitlab-ci.yml@refs/tags/v1.0.0"
_SCT_LIST: Final = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_FULCIO: Final = "1.3.6.1.4.1.57264.1"

Key = ec.EllipticCurvePrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Key) -> bytes:
    return hashlib.sha256(spki(key)).digest()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@dataclass
class Authority:
    """Keys of the authority and both logs; `now` is when it does what it is asked."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    ca_key: Key = field(default_factory=new_key)
    ct_key: Key = field(default_factory=new_key)
    log_key: Key = field(default_factory=new_key)

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        usage = _usage(key_cert_sign=True, crl_sign=True)
        builder = self._builder(name, self.ca_key, self.now - timedelta(days=1), timedelta(days=30))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.root = builder.add_extension(usage, critical=True).sign(self.ca_key, hashes.SHA256())

    def trusted_root(self) -> bytes:
        """trusted_root.json."""

        def log(key: Key, url: str) -> dict[str, Any]:
            valid = {"start": (self.now - timedelta(days=1)).isoformat()}
            described = {"rawBytes": text(spki(key)), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
            return {
                "baseUrl": url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": described,
                "logId": {"keyId": text(key_id(key))},
            }

        chain = {"certificates": [{"rawBytes": text(self.root.public_bytes(Encoding.DER))}]}
        valid = {"start": (self.now - timedelta(days=1)).isoformat()}
        document = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log_key, "https://log.test")],
            "ctlogs": [log(self.ct_key, "https://ct.test")],
            "certificateAuthorities": [{"uri": "https://ca.test", "certChain": chain, "validFor": valid}],
        }
        return json.dumps(document).encode()

    def certify(self, key: Key, **lies: Any) -> x509.Certificate:
        """A certificate for ten minutes; what it says may be another's (`lies`).

        `start`, `names`, `eku`, `ca`, `sct`, `sct_key`, `sct_of`, `issuer`, `signer`, `claims`.
        """
        builder = self._builder(x509.Name([]), key, lies.get("start", self.now), timedelta(minutes=10))
        names = lies.get("names", [x509.UniformResourceIdentifier(IDENTITY)])
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        builder = builder.add_extension(_usage(digital_signature=True), critical=True)
        purposes = lies.get("eku", [ExtendedKeyUsageOID.CODE_SIGNING])
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.ca_key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        if lies.get("ca"):
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        for number, value in {8: lies.get("issuer", ISSUER), **lies.get("claims", {})}.items():
            encoded = value.encode()
            der = b"\x0c" + bytes([len(encoded)]) + encoded
            oid = x509.ObjectIdentifier(f"{_FULCIO}.{number}")
            builder = builder.add_extension(x509.UnrecognizedExtension(oid, der), critical=False)
        signer = lies.get("signer", self.ca_key)
        if lies.get("sct", True):
            before = lies.get("sct_of") or builder.sign(signer, hashes.SHA256())
            stamps = self._stamps(before.tbs_certificate_bytes, lies.get("sct_key", self.ct_key))
            builder = builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, stamps), critical=False)
        return builder.sign(signer, hashes.SHA256())

    def _stamps(self, tbs: bytes, ct_key: Key) -> bytes:
        """One SCT in its list, in an octet string (RFC 6962, section 3.3)."""
        milliseconds = int(self.now.timestamp()) * 1000
        message = struct.pack("!BBQH", 0, 0, milliseconds, 1) + key_id(self.ca_key)
        message += len(tbs).to_bytes(3, "big") + tbs + b"\0\0"
        signature = ct_key.sign(message, ec.ECDSA(hashes.SHA256()))
        stamp = b"\0" + key_id(ct_key) + struct.pack("!QH", milliseconds, 0) + b"\4\3"
        stamp += struct.pack("!H", len(signature)) + signature
        stamps = struct.pack("!H", len(stamp)) + stamp
        stamps = struct.pack("!H", len(stamps)) + stamps
        return b"\x04" + (bytes([len(stamps)]) if len(stamps) < 128 else b"\x81" + bytes([len(stamps)])) + stamps

    def _builder(self, subject: x509.Name, key: Key, start: datetime, validity: timedelta) -> x509.CertificateBuilder:
        issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + validity)
            .add_extension(identifier, critical=False)
        )

    def entry(self, body: dict[str, Any], *, seen: datetime | None = None, log_key: Key | None = None) -> str:
        """The log's promise to include this body (cosign's annotation `dev.sigstore.cosign/bundle`)."""
        key = log_key or self.log_key
        encoded = text(json.dumps(body).encode())
        payload = {
            "body": encoded,
            "integratedTime": int((seen or self.now + timedelta(seconds=1)).timestamp()),
            "logID": key_id(key).hex(),
            "logIndex": 7,
        }
        canonical = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
        return json.dumps(
            {"SignedEntryTimestamp": text(key.sign(canonical, ec.ECDSA(hashes.SHA256()))), "Payload": payload}
        )


def hashedrekord(message: bytes, signature: bytes, certificate: x509.Certificate) -> dict[str, Any]:
    """What the log is told of an image signature."""
    pem = certificate.public_bytes(Encoding.PEM)
    hashed = {"algorithm": "sha256", "value": hashlib.sha256(message).hexdigest()}
    signed = {"content": text(signature), "publicKey": {"content": text(pem)}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": {"hash": hashed}, "signature": signed}}


def envelope_entry(
    kind: str, envelope: bytes, payload: bytes, signature: bytes, certificate: x509.Certificate
) -> dict[str, Any]:
    """What the log is told of an attestation: kind `intoto` or `dsse`, both 0.0.1."""
    pem = text(certificate.public_bytes(Encoding.PEM))
    hashed = {"algorithm": "sha256", "value": hashlib.sha256(envelope).hexdigest()}
    inner = {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}
    if kind == "intoto":
        spec: dict[str, Any] = {"content": {"hash": hashed, "payloadHash": inner}, "publicKey": pem}
    else:
        signatures = [{"signature": text(signature), "verifier": pem}]
        spec = {"envelopeHash": hashed, "payloadHash": inner, "signatures": signatures}
    return {"apiVersion": "0.0.1", "kind": kind, "spec": spec}


def sign(key: Key, message: bytes) -> bytes:
    return key.sign(message, ec.ECDSA(hashes.SHA256()))


def sign_envelope(key: Key, payload: bytes, kind: str = PAYLOAD_TYPE) -> tuple[bytes, bytes]:
    """A DSSE envelope's text, and its signature."""
    signature = sign(key, pre_authentication_encoding(kind, payload))
    document = {"payloadType": kind, "payload": text(payload), "signatures": [{"keyid": "", "sig": text(signature)}]}
    return json.dumps(document).encode(), signature


def _usage(**on: bool) -> x509.KeyUsage:
    names = [
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ]
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})
