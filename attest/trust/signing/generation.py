"""New key pairs: a private key as cosign writes it, encrypted, and its public half in PEM beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attest.errors import InvalidKey, NotWritable
from attest.trust.cosign_key import seal_cosign_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

ALGORITHMS: Final = ("ecdsa-p256", "ecdsa-p384", "ed25519", "rsa-3072")


def pair_of_files(prefix: str) -> tuple[Path, Path]:
    """Where a pair goes: PREFIX.key and PREFIX.pub. Raises InvalidKey where one is there: it is never overwritten."""
    private, public = Path(f"{prefix}.key"), Path(f"{prefix}.pub")
    for path in (private, public):
        if path.is_symlink() or path.exists():
            raise _there(path)
    return private, public


def write_key_pair(private: Path, public: Path, algorithm: str, password: bytes) -> None:
    """Make a key pair and write both files, or none. Raises InvalidKey, NotWritable."""
    from cryptography.hazmat.primitives import serialization

    key = _new_key(algorithm)
    der, pkcs8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
    sealed = seal_cosign_key(key.private_bytes(der, pkcs8, serialization.NoEncryption()), password)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    shown = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    with _new_file(private, sealed, 0o600), _new_file(public, shown, 0o644):
        pass


def _new_key(algorithm: str) -> PrivateKeyTypes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    match algorithm:
        case "ecdsa-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ecdsa-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "rsa-3072":
            return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    raise InvalidKey(f"{algorithm}: no such algorithm", f"Known are {', '.join(ALGORITHMS)}.")


@contextmanager
def _new_file(path: Path, content: bytes, mode: int) -> Iterator[None]:
    """Write a file that was not there; it goes again if the block does not end well."""
    try:
        # Never readable by others, not even for a moment, and never through somebody's link.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _there(path) from None
    except OSError as error:
        raise NotWritable(f"{path}: cannot write: {error.strerror}") from None
    try:
        with open(file, "wb") as opened:  # noqa: PTH123 - it is a descriptor
            opened.write(content)
        yield
    except OSError as error:
        path.unlink(missing_ok=True)
        raise NotWritable(f"{path}: cannot write: {error.strerror}") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _there(path: Path) -> InvalidKey:
    return InvalidKey(
        f"{path}: exists already; nothing was written",
        "A key that is overwritten is lost, and with it all that it could sign.",
        "Choose another name with --output-key-prefix, or move it away.",
    )
