"""Signatures of a key that a transparency log keeps as well, so that they can be found, and dated, by anybody.

The log's answer is checked like everything that a service says: its proof against the instance's root, and that the
entry is about this very signature.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.errors import InvalidKey, Unreadable
from attest.evidence.statement import PAYLOAD_TYPE
from attest.oci.document import Json, child, children, encode, parse_object, text
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.keys import PublicKey, SigningKey
from attest.trust.patience import PATIENCE, Patience
from attest.trust.signatures import Trust
from attest.trust.signing.sigstore_instance import Instance
from attest.trust.signing.statements import KeySigner, dsse_envelope, key_bundle

if TYPE_CHECKING:
    from sigstore.models import TransparencyLogEntry

# Rekor v2 takes digests, which Ed25519 does not sign; for others it wants the kind of the key by name.
_KINDS: Final = {
    "secp256r1": ("PKIX_ECDSA_P256_SHA_256", hashlib.sha256),
    "secp384r1": ("PKIX_ECDSA_P384_SHA_384", hashlib.sha384),
    "secp521r1": ("PKIX_ECDSA_P521_SHA_512", hashlib.sha512),
}


def require_loggable(key: SigningKey, instance: Instance) -> None:
    """Raises InvalidKey for a key whose signatures the log does not take."""
    if instance.log_version == 2 and not isinstance(key.public.key, ec.EllipticCurvePublicKey):
        what, remedy = "keeps signatures of ECDSA keys only", "Sign with an ECDSA key, or without --tlog-upload."
        raise InvalidKey(f"{key.public.name}: {instance.log} {what}", "", remedy)


@dataclass(frozen=True)
class LoggedKeySigner:
    """A key whose signatures go to a log. `announce` hears of the key before the log does.

    Raises InvalidKey for a key that the log does not take.
    """

    key: SigningKey
    instance: Instance
    announce: Callable[[PublicKey], None]
    patience: Patience = PATIENCE

    def __post_init__(self) -> None:
        require_loggable(self.key, self.instance)

    @property
    def name(self) -> str:
        """Where the key came from."""
        return KeySigner(self.key).name

    @property
    def trust(self) -> Trust:
        """Its public half."""
        return KeySigner(self.key).trust

    def sign_statement(self, statement: bytes) -> bytes:
        """A bundle with the key's hint, the log's entry and timestamps. Raises StoreError."""
        _ = self._announced
        signature = self.key.sign(pre_authentication_encoding(PAYLOAD_TYPE, statement))
        of_version = self._digest_entry if self.instance.log_version == 2 else self._envelope_entry
        request, expected = of_version(statement, signature)
        stamps = self.patience.persistently(lambda: self.instance.timestamp(signature, self.patience))
        entry = self.patience.persistently(lambda: self.instance.log_entry(request, self.patience))
        self._check(entry, expected)
        return key_bundle(self.key, statement, signature, [_document(entry)], stamps)

    @functools.cached_property
    def _announced(self) -> bool:
        self.announce(self.key.public)
        return True

    def _envelope_entry(self, statement: bytes, signature: bytes) -> tuple[dict[str, Json], list[str]]:
        """Rekor v1 (kind dsse 0.0.1): the request, and what the entry must hold."""
        verifier = _base64(self.key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        envelope = encode(dsse_envelope(statement, signature)).decode()
        spec: Json = {"proposedContent": {"envelope": envelope, "verifiers": [verifier]}}
        request: dict[str, Json] = {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}
        return request, [hashlib.sha256(statement).hexdigest(), _base64(signature), verifier]

    def _digest_entry(self, statement: bytes, signature: bytes) -> tuple[dict[str, Json], list[str]]:
        """Rekor v2 (kind hashedrekord 0.0.2), which keeps a digest of the pre-authentication encoding."""
        public = self.key.public.key
        assert isinstance(public, ec.EllipticCurvePublicKey)  # noqa: S101 - require_loggable has seen to it
        kind, hashed = _KINDS[public.curve.name]
        digest = _base64(hashed(pre_authentication_encoding(PAYLOAD_TYPE, statement)).digest())
        spki = _base64(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        verifier: Json = {"publicKey": {"rawBytes": spki}, "keyDetails": kind}
        signed: Json = {"content": _base64(signature), "verifier": verifier}
        return {"hashedRekordRequestV002": {"digest": digest, "signature": signed}}, [digest, _base64(signature), spki]

    def _check(self, entry: TransparencyLogEntry, expected: list[str]) -> None:
        self.instance.verify_entry(entry)
        body = parse_object(entry._inner.canonicalized_body, self.instance.log)  # noqa: SLF001 - see _document
        kept = child(body, "spec", "hashedRekordV002")
        signed = child(kept, "signature")
        found = [
            text(child(kept, "data"), "digest"),
            text(signed, "content"),
            text(child(signed, "verifier", "publicKey"), "rawBytes"),
        ]
        if text(body, "kind") == "dsse":
            first = next(iter(children(child(body, "spec"), "signatures")), {})
            payload = text(child(body, "spec", "payloadHash"), "value")
            found = [payload, text(first, "signature"), text(first, "verifier")]
        if found != expected:
            raise Unreadable(f"the transparency log {self.instance.log}: its entry is about something else")


def _document(entry: TransparencyLogEntry) -> Any:
    return entry._inner.to_dict()  # noqa: SLF001 - sigstore shows what an entry says in no other way


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
