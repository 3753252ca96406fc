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
from attest.trust.identity import NotVerified
from attest.trust.keys import PublicKey, accepted_key

_MEDIA_TYPE: Final = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
_FOREVER: Final = datetime.max.replace(tzinfo=UTC)
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
    """An authority for certificates or for timestamps: its chain, the root last, and when it was in use."""

    certificates: tuple[x509.Certificate, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class TrustedRoot:
    """What certificates, log entries and timestamps are checked against.

    An instance may keep no log (GitHub's for private repositories): then timestamps alone say when it was signed.
    """

    logs: tuple[Log, ...]
    certificate_logs: tuple[Log, ...]
    authorities: tuple[Authority, ...]
    timestamp_authorities: tuple[Authority, ...] = ()

    @property
    def is_without_logs(self) -> bool:
        """Whether the instance keeps no logs, neither of signatures nor of certificates."""
        return not self.logs and not self.certificate_logs


def load_trusted_root(path: Path | None) -> TrustedRoot:
    """Read a trusted_root.json, or the public instance's. Raises UsageError."""
    try:
        return parse_trusted_root((path or public_root()).read_bytes(), str(path or "the public trusted root"))
    except OSError as error:
        raise unusable_root(path, f"{error.strerror}.") from None
    except (Unreadable, InvalidKey) as error:
        raise unusable_root(path, error.detail or error.summary) from None
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise unusable_root(path, str(error)[:200]) from None


def log_of(logs: tuple[Log, ...], key_id: bytes, at: datetime | None, what: str) -> Log:
    """The log of this id, in use at that time where one is known. Raises NotVerified."""
    known = [log for log in logs if log.key_id == key_id]
    if not known:
        raise NotVerified(f"{what} that this trusted root does not know ({key_id.hex()[:12]}…)")
    for log in known:
        if at is None or log.start <= at <= log.end:
            return log
    raise NotVerified(f"{what} that was not in use then")


def public_root() -> Path:
    """Where sigstore's wheel has put the public instance's root."""
    return Path(str(files("sigstore").joinpath(*_PUBLIC)))


def unusable_root(path: Path | None, why: str) -> UsageError:
    """What to say of a trusted root that is none."""
    what = f"--trusted-root {path}" if path is not None else "the public trusted root"
    return UsageError(f"{what}: not a trusted root", why, "Expected JSON as `cosign trusted-root create` writes it.")


def parse_trusted_root(raw: bytes, where: str) -> TrustedRoot:
    """Read a trusted root (protobuf-specs, sigstore_trustroot.proto). Raises ValueError, Unreadable, InvalidKey."""
    document = parse_object(raw, where)
    if text(document, "mediaType") != _MEDIA_TYPE:
        raise ValueError(f"Its media type is {text(document, 'mediaType')[:80] or 'none'}.")
    for name in _LISTS:
        if not isinstance(document.get(name, []), list):
            raise ValueError(f"Its {name} is not a list.")  # noqa: TRY004 - of a file, not of a call
    root = TrustedRoot(
        tuple(_logs(document, "tlogs")),
        tuple(_logs(document, "ctlogs")),
        tuple(_authority(item) for item in children(document, "certificateAuthorities")),
        tuple(_authority(item) for item in children(document, "timestampAuthorities")),
    )
    if not root.logs and not root.timestamp_authorities:
        raise ValueError("It names no log and no timestamp authority, so nothing could say when something was signed.")
    return root


_LISTS: Final = ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities")


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
        raise ValueError("An authority in it has no certificates.")
    return Authority(certificates, *_period(item))


def _period(item: JsonObject) -> tuple[datetime, datetime]:
    period = child(item, "validFor")
    if not isinstance(period.get("end", ""), str):
        raise ValueError("A log or authority in it has an end that is no time.")  # noqa: TRY004 - the same
    if not text(period, "start"):  # the specification requires one, and "always" must not be the default
        raise ValueError("A log or authority in it does not say since when it is in use.")
    return _time(text(period, "start")), _time(text(period, "end")) if text(period, "end") else _FOREVER


def _time(written: str) -> datetime:
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
