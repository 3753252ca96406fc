"""A timestamp authority (RFC 3161) in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.authority import Key, new_key
from tests.sigstore import der

_SHA256 = der.sequence(der.oid("2.16.840.1.101.3.4.2.1"))
_ECDSA_SHA256 = der.sequence(der.oid("1.2.840.10045.4.3.2"))
_SIGNED_DATA, _TST_INFO = der.oid("1.2.840.113549.1.7.2"), der.oid("1.2.840.113549.1.9.16.1.4")


@dataclass
class Timestamps:
    """`signing_key` may be another than the certificate's: then it lies."""

    root_key: Key = field(default_factory=new_key)
    key: Key = field(default_factory=new_key)
    signing_key: Key | None = None

    def __post_init__(self) -> None:
        self.root = self._certificate("tsa root", self.root_key, None)
        self.certificate = self._certificate("tsa", self.key, self.root)

    def answer(self, query: bytes) -> bytes:
        """A TimeStampResp for a TimeStampReq."""
        _, request, _ = der.read(query)
        _, imprint, *optional = der.items(request)
        nonce = next((whole for tag, whole in optional if tag == 2), b"")
        now = datetime.now(UTC)
        info = der.sequence(
            der.integer(1),
            der.oid("1.3.6.1.4.1.57264.2"),
            imprint[1],
            der.integer(x509.random_serial_number()),
            der.tlv(0x18, now.strftime("%Y%m%d%H%M%SZ").encode()),
            der.sequence(der.integer(1)),
            nonce,
        )
        signed = der.sequence(
            der.integer(3),
            der.tlv(0x31, _SHA256),
            der.sequence(_TST_INFO, der.tlv(0xA0, der.tlv(4, info))),
            der.tlv(0xA0, self.certificate.public_bytes(Encoding.DER)),
            der.tlv(0x31, self._signer(info, now)),
        )
        return der.sequence(der.sequence(der.integer(0)), der.sequence(_SIGNED_DATA, der.tlv(0xA0, signed)))

    def _signer(self, info: bytes, now: datetime) -> bytes:
        """SignerInfo, with the signature over its attributes (RFC 5652, section 5.3)."""
        certificate = hashlib.sha256(self.certificate.public_bytes(Encoding.DER)).digest()
        values = {
            "1.2.840.113549.1.9.3": _TST_INFO,
            "1.2.840.113549.1.9.4": der.tlv(4, hashlib.sha256(info).digest()),
            "1.2.840.113549.1.9.5": der.tlv(0x17, now.strftime("%y%m%d%H%M%SZ").encode()),
            "1.2.840.113549.1.9.16.2.47": der.sequence(der.sequence(der.sequence(der.tlv(4, certificate)))),
        }
        attributes = b"".join(
            sorted(der.sequence(der.oid(name), der.tlv(0x31, value)) for name, value in values.items())
        )
        signature = (self.signing_key or self.key).sign(der.tlv(0x31, attributes), ec.ECDSA(hashes.SHA256()))
        named = der.sequence(self.certificate.issuer.public_bytes(), der.integer(self.certificate.serial_number))
        return der.sequence(
            der.integer(1), named, _SHA256, der.tlv(0xA0, attributes), _ECDSA_SHA256, der.tlv(4, signature)
        )

    def _certificate(self, name: str, key: Key, issuer: x509.Certificate | None) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        usage = dict.fromkeys(
            [
                *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
                *("encipher_only", "decipher_only"),
            ],
            False,
        )
        is_root = issuer is None
        signed_by = self.root_key
        builder = (
            x509.CertificateBuilder(issuer.subject if issuer else subject, subject, key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_root, path_length=0 if is_root else None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key()), critical=False)
            .add_extension(
                x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage),
                critical=True,
            )
        )
        if not is_root:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        return builder.sign(signed_by, hashes.SHA256())
