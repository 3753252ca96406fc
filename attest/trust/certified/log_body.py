"""What a transparency log's entry says, held against the signature that it should be about.

The log vouches for the entry's bytes alone. Whoever could show the entry of another signature would have a time for
his own (CVE-2022-36056), so everything that an entry of each kind holds is compared.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from attest.evidence.bundle import Envelope
from attest.oci.document import JsonObject, child, children, encode, text
from attest.reference import Digest
from attest.trust.identity import NotVerified
from attest.trust.keys import PublicKey

_PEM: Final = re.compile(r"\s*-----BEGIN (CERTIFICATE|PUBLIC KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----")
_HASHES: Final[Mapping[str, str]] = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
_KEY_FORMS: Final = {"x509Certificate", "publicKey"}


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature, what it is over, and the DER of the certificate or key (SubjectPublicKeyInfo) that it is by.

    `message` is the exact bytes, or the digest of a file of which nothing else is known. `envelope` is there where the
    bytes are an envelope's encoding, `envelope_text` where the text of that envelope is known as well.
    """

    signature: bytes
    message: bytes | Digest = field(repr=False)
    signer: bytes = field(repr=False)
    envelope: Envelope | None = None
    envelope_text: bytes = b""

    def hashed(self, algorithm: str) -> str:
        """The hex digest of what was signed, or "" where the file is not known by this hash."""
        if isinstance(self.message, Digest):
            return self.message.hex if self.message.algorithm == algorithm else ""
        return hashlib.new(algorithm, self.message).hexdigest() if algorithm in _HASHES.values() else ""

    def made_by(self, key: PublicKey) -> bool:
        """Whether this key made it. Files are signed by their sha256 digest as well, whatever the curve."""
        if isinstance(self.message, Digest):
            return _signs_digest(key, self.signature, self.message)
        if key.verifies(self.signature, self.message):
            return True
        return self.envelope is None and _signs_digest(key, self.signature, Digest.of(self.message))


def spki(key: PublicKey) -> bytes:
    """What stands in a log for a key: its SubjectPublicKeyInfo in DER."""
    return key.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _signs_digest(key: PublicKey, signature: bytes, digest: Digest) -> bool:
    """Ed25519 hashes for itself, so that it needs the file."""
    content, public, sha256 = bytes.fromhex(digest.hex), key.key, Prehashed(hashes.SHA256())
    if digest.algorithm != "sha256":
        return False
    try:
        if isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, content, ec.ECDSA(sha256))
        elif isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, content, padding.PKCS1v15(), sha256)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def require_about(body: JsonObject, signed: Signed) -> None:
    """That the entry is about this signature, whatever its kind. Raises NotVerified."""
    kind = f"{text(body, 'kind')} {text(body, 'apiVersion')}"
    reader = _KINDS.get(kind)
    if reader is None:
        raise NotVerified(f"its log entry is of a kind that is not read: {kind[:40]}")
    found = reader(child(body, "spec"), signed)
    if found is None or found != signed.signer:
        raise NotVerified("its log entry is another one's")


def _hashedrekord_1(spec: JsonObject, signed: Signed) -> bytes | None:
    """The hash of what was signed: a file, a payload, or an envelope's encoding."""
    hashed, entry = child(spec, "data", "hash"), child(spec, "signature")
    expected = signed.hashed(text(hashed, "algorithm"))
    same = expected and text(hashed, "value") == expected and _is(text(entry, "content"), signed.signature)
    return _der(_decoded(text(child(entry, "publicKey"), "content"))) if same else None


def _hashedrekord_2(spec: JsonObject, signed: Signed) -> bytes | None:
    """Rekor v2: the same in another form, with the bare DER of certificate or key."""
    entry = child(spec, "hashedRekordV002")
    hashed, verifier = child(entry, "data"), child(entry, "signature", "verifier")
    expected = signed.hashed(_HASHES.get(text(hashed, "algorithm"), ""))
    same = expected and _is(text(hashed, "digest"), bytes.fromhex(expected))
    forms = _KEY_FORMS & {name for name, value in verifier.items() if value}
    if not same or not _is(text(child(entry, "signature"), "content"), signed.signature) or len(forms) != 1:
        return None
    return _decoded(text(child(verifier, *forms), "rawBytes"))


def _intoto_1(spec: JsonObject, signed: Signed) -> bytes | None:
    """The hash of the envelope's text alone holds the signature, so that text must be known or found."""
    content = child(spec, "content")
    known = any(_is_hash(child(content, "hash"), written) for written in _texts(signed))
    same = signed.envelope is not None and _is_hash(child(content, "payloadHash"), signed.envelope.payload)
    return _der(_decoded(text(spec, "publicKey"))) if known and same else None


def _intoto_2(spec: JsonObject, signed: Signed) -> bytes | None:
    """The envelope without its payload. Each base64 text in it is encoded once more.

    `hash` is over whatever text the signer's program sent, with the key in it: nobody can make it again, and payload,
    type, signature and key are all that there is to an envelope.
    """
    content = child(spec, "content")
    kept, entries = child(content, "envelope"), children(child(content, "envelope"), "signatures")
    if signed.envelope is None or len(entries) != 1 or text(kept, "payloadType") != signed.envelope.payload_type:
        return None
    again = text(kept, "payload")
    same = (
        _is_hash(child(content, "payloadHash"), signed.envelope.payload)
        and _is(text(entries[0], "sig"), base64.b64encode(signed.signature))
        and (not again or _is(again, base64.b64encode(signed.envelope.payload)))
    )
    return _der(_decoded(text(entries[0], "publicKey"))) if same else None


def _dsse(spec: JsonObject, signed: Signed) -> bytes | None:
    """The envelope's hash is over its text, which a bundle does not keep; signature and payload stand there as well."""
    entries = children(spec, "signatures")
    if signed.envelope is None or len(entries) != 1:
        return None
    same = (
        _is_hash(child(spec, "payloadHash"), signed.envelope.payload)
        and _is(text(entries[0], "signature"), signed.signature)
        and (not signed.envelope_text or _is_hash(child(spec, "envelopeHash"), signed.envelope_text))
    )
    return _der(_decoded(text(entries[0], "verifier"))) if same else None


_KINDS: Final[Mapping[str, Callable[[JsonObject, Signed], bytes | None]]] = {
    "hashedrekord 0.0.1": _hashedrekord_1,
    "hashedrekord 0.0.2": _hashedrekord_2,
    "intoto 0.0.1": _intoto_1,
    "intoto 0.0.2": _intoto_2,
    "dsse 0.0.1": _dsse,
}


def _texts(signed: Signed) -> Iterator[bytes]:
    """The envelope's text; where only its parts are known, as Go's programs write it, with and without a keyid."""
    if signed.envelope_text:
        yield signed.envelope_text
    elif signed.envelope is not None:
        sig = base64.b64encode(signed.signature).decode()
        payload = base64.b64encode(signed.envelope.payload).decode()
        for keyid in ({"keyid": ""}, {}):
            entry = {**keyid, "sig": sig}
            yield encode({"payloadType": signed.envelope.payload_type, "payload": payload, "signatures": [entry]})


def _is_hash(document: JsonObject, content: bytes) -> bool:
    return text(document, "algorithm") == "sha256" and text(document, "value") == hashlib.sha256(content).hexdigest()


def _is(encoded: str, content: bytes) -> bool:
    return bool(content) and _decoded(encoded) == content


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:
        return b""


def _der(pem: bytes) -> bytes | None:
    """The first certificate or public key in it."""
    match = _PEM.match(pem.decode("ascii", "replace"))
    return _decoded("".join(match[2].split())) or None if match else None
