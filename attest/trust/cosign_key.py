"""cosign's encrypted private key: PKCS#8 in nacl's secretbox under a key from scrypt, as JSON in PEM.

The format is go-securesystemslib's (package encrypted); cosign up to 2.0 wrote another label above it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import textwrap
from typing import Final

from attest.errors import InvalidKey, Unreadable
from attest.oci.document import JsonObject, child, encode, integer, parse_object, text

_BLOCK: Final = re.compile(
    rb"-----BEGIN (ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY)-----([A-Za-z0-9+/=\s]+)-----END \1-----"
)
_LABEL: Final = "ENCRYPTED SIGSTORE PRIVATE KEY"  # as cosign 3 writes it
_PARAMETERS: Final = {"N": 1 << 16, "r": 8, "p": 1}  # as cosign 3 writes them: 64 MiB
# What a hostile file may ask for: N = 2^17 is twice what cosign ever wrote, 2^40 would be a petabyte.
_MOST: Final = {"N": 1 << 17, "r": 8, "p": 1}
_MEMORY: Final = 256 * 1024 * 1024
_SALT: Final = 32
_NONCE: Final = 24  # of nacl's secretbox


def is_cosign_key(pem: bytes) -> bool:
    """Whether this is cosign's own format, and so encrypted."""
    return _BLOCK.search(pem) is not None


def open_cosign_key(name: str, pem: bytes, password: bytes) -> bytes:
    """The private key in PKCS#8 DER. Raises InvalidKey."""
    from nacl.exceptions import CryptoError
    from nacl.secret import SecretBox

    block = _BLOCK.search(pem)
    try:
        document = parse_object(base64.b64decode(block[2]) if block else b"", name)
        kdf, cipher = child(document, "kdf"), child(document, "cipher")
        if (text(kdf, "name"), text(cipher, "name")) != ("scrypt", "nacl/secretbox"):
            raise InvalidKey(f"{name}: not encrypted as cosign does", "Expected scrypt and nacl/secretbox.")
        secret = _derive(name, password, base64.b64decode(text(kdf, "salt")), child(kdf, "params"))
        nonce, sealed = base64.b64decode(text(cipher, "nonce")), base64.b64decode(text(document, "ciphertext"))
    except (ValueError, Unreadable):
        raise InvalidKey(f"{name}: damaged, not a key as cosign writes it") from None
    try:
        return SecretBox(secret).decrypt(sealed, nonce)
    except CryptoError:
        raise InvalidKey(f"{name}: the key does not open with this password") from None


def seal_cosign_key(der: bytes, password: bytes) -> bytes:
    """The PEM file of a private key in PKCS#8 DER, as cosign 3 writes it."""
    from nacl.secret import SecretBox

    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    sealed = SecretBox(_scrypt(password, salt, **_PARAMETERS)).encrypt(der, nonce).ciphertext
    document = encode(
        {
            "kdf": {"name": "scrypt", "params": _PARAMETERS, "salt": _text(salt)},
            "cipher": {"name": "nacl/secretbox", "nonce": _text(nonce)},
            "ciphertext": _text(sealed),
        }
    )
    lines = textwrap.wrap(_text(document), 64)
    return "\n".join((f"-----BEGIN {_LABEL}-----", *lines, f"-----END {_LABEL}-----", "")).encode()


def _derive(name: str, password: bytes, salt: bytes, parameters: JsonObject) -> bytes:
    found = {letter: integer(parameters, letter) or 0 for letter in _MOST}
    if any(not 0 < found[letter] <= most for letter, most in _MOST.items()):
        asked, most = (", ".join(f"{letter}={number}" for letter, number in some.items()) for some in (found, _MOST))
        raise InvalidKey(f"{name}: asks for scrypt with {asked[:80]}, and at most {most} is done")
    return _scrypt(password, salt, **found)


def _scrypt(password: bytes, salt: bytes, N: int, r: int, p: int) -> bytes:  # noqa: N803 - RFC 7914's letters
    return hashlib.scrypt(password, salt=salt, n=N, r=r, p=p, maxmem=_MEMORY, dklen=32)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
