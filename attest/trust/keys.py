"""Keys: ECDSA (P-256, P-384, P-521), Ed25519 and RSA of at least 2048 bits, from PEM files or the environment.

Private keys are PKCS#8, SEC1 or PKCS#1 PEM, encrypted or not, or cosign's own encrypted `cosign.key`. Or the key stays
in a service that signs for us (kms.py). Passwords never appear in an argument or a message.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from attest.errors import InvalidKey, Unreadable
from attest.trust.cosign_key import is_cosign_key, open_cosign_key
from attest.trust.held.kms import HeldKey, is_address, open_held_key
from attest.trust.passwords import find_password
from attest.trust.scope import ANYWHERE, Scope, widest

_Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_CURVE_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_MAX_KEY_FILE: Final = 64 * 1024  # bytes; the largest RSA key in PEM is a few KiB
_SMALLEST_RSA: Final = 2048  # bits, NIST SP 800-57 part 1
_SUPPORTED: Final = "Supported are ECDSA P-256, P-384 and P-521, Ed25519, and RSA of at least 2048 bits."
# What people give instead of a key in PEM: how it begins, what it is, and how a public key is made of it.
_SSH_KEYGEN: Final = "ssh-keygen -e -m PKCS8 -f FILE prints it as attest reads it."
_OTHERS: Final = (
    (b"-----BEGIN CERTIFICATE", "a certificate", "openssl x509 -in FILE -noout -pubkey prints the public key in it."),
    (b"-----BEGIN OPENSSH", "a key of OpenSSH", _SSH_KEYGEN),
    (b"ssh-", "a key of OpenSSH", _SSH_KEYGEN),
    (b"ecdsa-sha2-", "a key of OpenSSH", _SSH_KEYGEN),
    (b"-----BEGIN PGP", "a key of OpenPGP", "Ask its holder for a key of his that signs images."),
)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that somebody trusts, how far, and the name under which reports show it."""

    name: str
    key: _Public = field(repr=False)
    scope: Scope = ANYWHERE
    other_scopes: tuple[Scope, ...] = field(default=(), repr=False)

    @property
    def all_scopes(self) -> tuple[Scope, ...]:
        """Each way in which its holder is believed."""
        return (self.scope, *self.other_scopes)

    def with_scopes(self, scopes: tuple[Scope, ...]) -> PublicKey:
        """The same key, its holder believed in these ways."""
        return replace(self, scope=scopes[0], other_scopes=scopes[1:])

    def scope_for(self, builder: str) -> Scope:
        """How far its holder is believed about what this builder built; a policy may name one key several times."""
        return widest((self.scope, *self.other_scopes), builder)

    @property
    def fingerprint(self) -> str:
        """`sha256:<hex>` of the SubjectPublicKeyInfo."""
        return f"sha256:{hashlib.sha256(self._spki()).hexdigest()}"

    @property
    def hint(self) -> str:
        """What cosign writes as the hint of a bundle: base64 of the SHA-256 of the SubjectPublicKeyInfo."""
        return base64.b64encode(hashlib.sha256(self._spki()).digest()).decode()

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made this signature over this message."""
        try:
            if isinstance(self.key, ec.EllipticCurvePublicKey):
                self.key.verify(signature, message, ec.ECDSA(_CURVE_HASHES[self.key.curve.name]))
            elif isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def _spki(self) -> bytes:
        return self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, or one that a service holds; it signs and shows its public half, nothing else."""

    public: PublicKey
    _key: _Private | HeldKey = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Sign a message. ECDSA nonces of our own are deterministic (RFC 6979): signing again gives the same bundle.

        Raises StoreError where a service does not sign, or with another key.
        """
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            algorithm = ec.ECDSA(_CURVE_HASHES[self._key.curve.name], deterministic_signing=True)
            return self._key.sign(message, algorithm)
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        signature = self._key.sign(message)
        if not self.public.verifies(signature, message):
            raise Unreadable(f"{self.public.name}: the signature that came back is not one of this key")
        return signature


def load_public_key(name: str, environ: Mapping[str, str]) -> PublicKey:
    """Read a public key from a PEM file, `env://NAME` or a service. Raises InvalidKey, UsageError, StoreError."""
    if is_address(name):
        return _held(name, open_held_key(name, environ)).public
    return parse_public_key(name, _read(name, environ))


def parse_public_key(name: str, pem: bytes) -> PublicKey:
    """A public key of PEM that is here already; reports show it under `name`. Raises InvalidKey."""
    if b"PRIVATE KEY-----" in pem:
        raise InvalidKey(
            f"{name}: a private key, where the public key is needed", "", "Give the .pub file of the pair."
        )
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(name, pem, "public", "Expected -----BEGIN PUBLIC KEY-----.") from None
    return accepted_key(name, key)


def load_signing_key(name: str, environ: Mapping[str, str]) -> SigningKey:
    """Read a private key from a PEM file or `env://NAME`, or find one in a service.

    Raises InvalidKey, UsageError, StoreError.
    """
    if is_address(name):
        return _held(name, open_held_key(name, environ))
    key = _load_private(name, _read(name, environ), environ)
    if not isinstance(key, _Private):
        raise InvalidKey(f"{name}: a key of an unsupported kind", _SUPPORTED)
    return SigningKey(PublicKey(name, _accepted(name, key.public_key())), key)


def accepted_key(name: str, key: object) -> PublicKey:
    """A key that was found in a certificate or trusted root. Raises InvalidKey for kinds that are not supported."""
    if not isinstance(key, _Public):
        raise InvalidKey(f"{name}: a key of an unsupported kind", _SUPPORTED)
    return PublicKey(name, _accepted(name, key))


def _accepted(name: str, key: _Public) -> _Public:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in _CURVE_HASHES:
        raise InvalidKey(f"{name}: a key on the curve {key.curve.name}", _SUPPORTED)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _SMALLEST_RSA:
        raise InvalidKey(f"{name}: an RSA key of {key.key_size} bits", _SUPPORTED)
    return key


def _held(name: str, key: HeldKey) -> SigningKey:
    """A key in a service: those sign RSA in more than one way, and P-256 in one."""
    try:
        public = serialization.load_pem_public_key(key.public_pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Unreadable(f"{name}: what came back is not a public key in PEM") from None
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise InvalidKey(f"{name}: a key of an unsupported kind", "In a KMS, ECDSA P-256 is supported.")
    return SigningKey(PublicKey(name, public), key)


def _read(name: str, environ: Mapping[str, str]) -> bytes:
    if name.startswith("env://"):
        variable = name.removeprefix("env://")
        if not environ.get(variable):
            raise InvalidKey(f"{name}: the environment variable {variable} is not set")
        return environ[variable].encode("utf-8", "surrogateescape")
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_KEY_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = getattr(error, "strerror", "no name of a file")
        raise InvalidKey(
            f"{name}: cannot read the key file: {why}", "", "Give a PEM file, or env://NAME for a variable."
        ) from None
    if len(content) > _MAX_KEY_FILE:
        raise InvalidKey(f"{name}: not a key file, it is larger than {_MAX_KEY_FILE // 1024} KiB")
    return content


def _load_private(name: str, pem: bytes, environ: Mapping[str, str]) -> object:
    if is_cosign_key(pem):
        der = open_cosign_key(name, pem, _password(name, environ))
        return _parsed(name, lambda: serialization.load_der_private_key(der, None))
    if b"PRIVATE KEY-----" not in pem or b"OPENSSH PRIVATE KEY" in pem:
        raise _no_key(name, pem, "private", "Expected -----BEGIN PRIVATE KEY----- or cosign.key.")
    password = _password(name, environ) if b"ENCRYPTED" in pem else None
    return _parsed(name, lambda: serialization.load_pem_private_key(pem, password), password)


def _parsed(name: str, load: Callable[[], object], password: bytes | None = None) -> object:
    try:
        return load()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if password is not None:
            raise InvalidKey(f"{name}: the key does not open with this password") from None
        raise InvalidKey(f"{name}: not a private key that can be read", _SUPPORTED) from None


def _password(name: str, environ: Mapping[str, str]) -> bytes:
    password = find_password(name, environ)
    if password is None:
        raise InvalidKey(f"{name}: the key is encrypted", "", "Set ATTEST_PASSWORD or COSIGN_PASSWORD.")
    return password


def _no_key(name: str, content: bytes, wanted: str, expected: str) -> InvalidKey:
    """What was given instead of a key, as far as it is known."""
    content = content.lstrip()
    if not content:
        return InvalidKey(f"{name}: not a {wanted} key, it is empty", expected)
    if wanted == "private" and b"PUBLIC KEY-----" in content:
        return InvalidKey(
            f"{name}: a public key, where the private key is needed", "", "Give the .key file of the pair."
        )
    for beginning, what, remedy in _OTHERS:
        if content.startswith(beginning):
            remedy = remedy if wanted == "public" else "attest key generate makes a key for signing."
            return InvalidKey(f"{name}: {what}, where a {wanted} key in PEM is needed", "", remedy)
    return InvalidKey(f"{name}: not a {wanted} key in PEM", expected)
