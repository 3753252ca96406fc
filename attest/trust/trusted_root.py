"""A Sigstore instance's trusted root: its authorities and logs (protobuf-specs, sigstore_trustroot.proto)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from attest.errors import InvalidKey, Unreadable, UsageError
from attest.oci.document import JsonObject, child, children, parse_object, text
from attest.trust.keys import PublicKey, accepted_key

# The public instance's root, as sigstore's wheel brings it: read as a file, so that nothing is looked for elsewhere.
_PUBLIC: Final = ("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", "trusted_root.json")


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency or certificate log: its key, and when it was in use."""

    key_id: bytes
    key: PublicKey
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: its chain, the root last, and when it was in use."""

    certificates: tuple[x509.Certificate, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """What certificates and log entries are checked against."""

    logs: tuple[Log, ...]
    certificate_logs: tuple[Log, ...]
    authorities: tuple[Authority, ...]


def load_trusted_root(path: Path | None) -> TrustedRoot:
    """Read a trusted_root.json, or the public instance's. Raises UsageError."""
    try:
        return _parse((path or public_root()).read_bytes(), str(path or "the public trusted root"))
    except OSError as error:
        raise unusable_root(path, f"{error.strerror}.") from None
    except (Unreadable, InvalidKey) as error:
        raise unusable_root(path, error.detail or error.summary) from None
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise unusable_root(path, str(error)[:200]) from None


def public_root() -> Path:
    """Where sigstore's wheel has put the public instance's root."""
    return Path(str(files("sigstore").joinpath(*_PUBLIC)))


def unusable_root(path: Path | None, why: str) -> UsageError:
    """What to say of a trusted root that is none."""
    what = f"--trusted-root {path}" if path is not None else "the public trusted root"
    return UsageError(f"{what}: not a trusted root", why, "Expected JSON as `cosign trusted-root create` writes it.")


def _parse(raw: bytes, where: str) -> TrustedRoot:
    document = parse_object(raw, where)
    root = TrustedRoot(
        tuple(_logs(document, "tlogs")),
        tuple(_logs(document, "ctlogs")),
        tuple(_authority(item) for item in children(document, "certificateAuthorities")),
    )
    if not root.logs or not root.authorities:
        raise ValueError("it names no log or no certificate authority")
    return root


def _logs(document: JsonObject, name: str) -> Iterator[Log]:
    for item in children(document, name):
        described = child(item, "publicKey")
        spki = base64.b64decode(text(described, "rawBytes"), validate=True)
        where = text(item, "baseUrl")
        key = accepted_key(where, serialization.load_der_public_key(spki))
        declared = base64.b64decode(text(child(item, "logId"), "keyId"), validate=True)
        yield Log(declared or hashlib.sha256(spki).digest(), key, *_period(described))


def _authority(item: JsonObject) -> Authority:
    chain = children(child(item, "certChain"), "certificates")
    encoded = (base64.b64decode(text(certificate, "rawBytes"), validate=True) for certificate in chain)
    certificates = tuple(x509.load_der_x509_certificate(der) for der in encoded)
    if not certificates:
        raise ValueError("a certificate authority without certificates")
    return Authority(certificates, *_period(item))


def _period(item: JsonObject) -> tuple[datetime, datetime]:
    period = child(item, "validFor")
    return (
        _time(text(period, "start"), datetime.min.replace(tzinfo=UTC)),
        _time(text(period, "end"), datetime.max.replace(tzinfo=UTC)),
    )


def _time(written: str, otherwise: datetime) -> datetime:
    found = datetime.fromisoformat(written) if written else otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)
