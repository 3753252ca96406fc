"""Keys: ECDSA (P-256, P-384, P-521), Ed25519 and RSA of at least 2048 bits, from PEM files or the environment.

Private keys are PKCS#8 or SEC1 PEM, encrypted or not, or cosign's own encrypted `cosign.key`. Passwords come from
ATTEST_PASSWORD or COSIGN_PASSWORD; they never appear in an argument or a message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from attest.errors import InvalidKey

_Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
_Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_CURVE_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
_COSIGN_LABELS: Final = (b"ENCRYPTED SIGSTORE PRIVATE KEY", b"ENCRYPTED COSIGN PRIVATE KEY")
_PASSWORDS: Final = ("ATTEST_PASSWORD", "COSIGN_PASSWORD")
_MAX_KEY_FILE: Final = 64 * 1024  # bytes; the largest RSA key in PEM is a few KiB
_SMALLEST_RSA: Final = 2048  # bits, NIST SP 800-57 part 1
# scrypt parameters of a hostile key file could take all memory; go-securesystemslib writes N=65536 or 32768, r=8, p=1
_MAX_SCRYPT: Final = {"N": 1 << 17, "r": 8, "p": 1}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that somebody trusts, and the name under which reports show it."""

    name: str
    key: _Public = field(repr=False)

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
    """A private key; it signs and shows its public half, nothing else."""

    public: PublicKey
    _key: _Private = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Sign a message. ECDSA nonces are deterministic (RFC 6979): signing again gives the same bundle."""
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            algorithm = ec.ECDSA(_CURVE_HASHES[self._key.curve.name], deterministic_signing=True)
            return self._key.sign(message, algorithm)
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def load_public_key(name: str, environ: Mapping[str, str]) -> PublicKey:
    """Read a public key from a PEM file or `env://NAME`. Raises InvalidKey."""
    pem = _read(name, environ)
    if b"PRIVATE KEY" in pem:
        raise InvalidKey(
            f"{name}: a private key, where the public key is needed", "", "Give the .pub file of the pair."
        )
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey(f"{name}: not a public key in PEM", "", "Expected -----BEGIN PUBLIC KEY-----.") from None
    return accepted_key(name, key)


def load_signing_key(name: str, environ: Mapping[str, str]) -> SigningKey:
    """Read a private key from a PEM file or `env://NAME`. Raises InvalidKey."""
    pem = _read(name, environ)
    password = _password(environ)
    if any(label in pem for label in _COSIGN_LABELS):
        key = _load_der(name, _open_cosign(name, pem, password))
    elif b"PRIVATE KEY" in pem:
        key = _load_pem(name, pem, password)
    else:
        raise InvalidKey(f"{name}: not a private key in PEM", "", "Expected -----BEGIN PRIVATE KEY----- or cosign.key.")
    if not isinstance(key, _Private):
        raise InvalidKey(f"{name}: a key of an unsupported kind", _SUPPORTED)
    return SigningKey(PublicKey(name, _accepted(name, key.public_key())), key)


_SUPPORTED: Final = "Supported are ECDSA P-256, P-384 and P-521, Ed25519, and RSA of at least 2048 bits."


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


def _read(name: str, environ: Mapping[str, str]) -> bytes:
    if name.startswith("env://"):
        variable = name.removeprefix("env://")
        if not environ.get(variable):
            raise InvalidKey(f"{name}: the environment variable {variable} is not set")
        return environ[variable].encode()
    try:
        with Path(name).open("rb") as file:
            content = file.read(_MAX_KEY_FILE + 1)
    except OSError as error:
        raise InvalidKey(
            f"{name}: cannot read the key file: {error.strerror}", "", "Give a PEM file, or env://NAME for a variable."
        ) from None
    if len(content) > _MAX_KEY_FILE:
        raise InvalidKey(f"{name}: not a key file, it is larger than {_MAX_KEY_FILE // 1024} KiB")
    return content


def _password(environ: Mapping[str, str]) -> bytes | None:
    for variable in _PASSWORDS:
        if variable in environ:  # an empty password is one: cosign allows it
            return environ[variable].encode()
    return None


def _load_pem(name: str, pem: bytes, password: bytes | None) -> object:
    encrypted = b"ENCRYPTED" in pem
    if encrypted and not password:
        raise InvalidKey(f"{name}: the key is encrypted", "", "Set ATTEST_PASSWORD.")
    try:
        return serialization.load_pem_private_key(pem, password if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(name, encrypted) from None


def _load_der(name: str, der: bytes) -> object:
    try:
        return serialization.load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _wrong(name, encrypted=False) from None


def _wrong(name: str, encrypted: bool) -> InvalidKey:
    if encrypted:
        return InvalidKey(f"{name}: the key does not open with the password in ATTEST_PASSWORD or COSIGN_PASSWORD")
    return InvalidKey(f"{name}: not a private key that can be read", _SUPPORTED)


def _open_cosign(name: str, pem: bytes, password: bytes | None) -> bytes:
    """cosign's format: scrypt and nacl's secretbox in JSON in PEM (go-securesystemslib, encrypted)."""
    if password is None:
        raise InvalidKey(f"{name}: the key is encrypted", "", "Set COSIGN_PASSWORD (or ATTEST_PASSWORD).")
    try:
        body = b"".join(line for line in pem.splitlines() if line and not line.startswith(b"-----"))
        document = json.loads(base64.b64decode(body, validate=True))
        return _open_secretbox(document, password)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise _wrong(name, encrypted=True) from None


def _open_secretbox(document: Mapping[str, Mapping[str, object]], password: bytes) -> bytes:
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    kdf, cipher = document["kdf"], document["cipher"]
    if kdf["name"] != "scrypt" or cipher["name"] != "nacl/secretbox":
        raise ValueError("unknown key derivation or cipher")
    parameters = dict(kdf["params"]) if isinstance(kdf["params"], Mapping) else {}
    if any(not 0 < int(parameters[letter]) <= most for letter, most in _MAX_SCRYPT.items()):
        raise ValueError("scrypt parameters out of range")
    secret = hashlib.scrypt(
        password,
        salt=base64.b64decode(str(kdf["salt"])),
        n=parameters["N"],
        r=parameters["r"],
        p=parameters["p"],
        maxmem=256 * 1024 * 1024,
        dklen=32,
    )
    try:
        return SecretBox(secret).decrypt(
            base64.b64decode(str(document["ciphertext"])), base64.b64decode(str(cipher["nonce"]))
        )
    except CryptoError:
        raise ValueError("wrong password") from None
