"""`hashivault://KEY`: ECDSA P-256 keys in the transit engine of HashiCorp Vault, spoken to directly over HTTP.

The surroundings are those that cosign and vault read: VAULT_ADDR, VAULT_TOKEN or ~/.vault-token, VAULT_NAMESPACE,
VAULT_CACERT and TRANSIT_SECRET_ENGINE_PATH. The token goes to Vault's own origin and nowhere else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from attest.errors import InvalidKey, NotFound, StoreError, Throttled, Unauthorised, Unreachable, Unreadable, UsageError
from attest.oci.document import JsonObject, child, encode, integer, parse_object, text
from attest.oci.http.answer import Answer, Request, printable
from attest.oci.http.connections import is_loopback
from attest.oci.http.transport import Transport

_ADDRESS: Final = re.compile(r"hashivault://(\w(?:[\w.-]*\w)?)(?:/versions/([1-9][0-9]{0,8}))?", re.ASCII)
_SIGNATURE: Final = re.compile(r"vault:v[0-9]+:([A-Za-z0-9+/]+=*)")
_TOKEN: Final = re.compile(r"[!-~]{1,8192}")  # what an HTTP header may carry; a batch token has hundreds of characters
_MAX_TOKEN_FILE: Final = 16 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class _Vault:
    """One transit engine, and who asks it."""

    engine: str  # https://HOST/v1/MOUNT
    namespace: str
    token: str = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    def ask(self, path: str, name: str, body: JsonObject | None = None) -> JsonObject:
        """The data of an answer about the key `name`; with a body it is a POST. Raises StoreError."""
        headers = {"X-Vault-Request": "true"}  # agents may want it, against forged requests
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        url, content = f"{self.engine}/{path}", encode(body) if body is not None else None
        # To sign twice does no more than to sign once.
        request = Request("GET" if content is None else "POST", url, headers, content, repeatable=True)
        # Each question has a time limit of its own: a build may lie between the first and the next.
        certificates = self.environ.get("VAULT_CACERT")
        transport = Transport(frozenset(), Path(certificates) if certificates else None, self.environ)
        answer = transport.send(request, f"Bearer {self.token}")
        if answer.status != 200:
            raise self._refusal(answer, name)
        return child(parse_object(answer.body, name), "data")

    def _refusal(self, answer: Answer, name: str) -> StoreError:
        # Before it is cut to size, so that no half of it remains.
        said = printable(_complaint(answer).replace(self.token, "…"))
        match answer.status:
            case 401 | 403:
                remedy = "Its policies must allow read on keys/KEY and update on sign/KEY/* of the transit engine."
                return Unauthorised(f"{name}: Vault refuses our token", said, remedy)
            case 404:
                return NotFound(f"{name}: Vault has no such key", said, f"Asked at {self.engine}.")
            case 429:
                return Throttled(f"{name}: Vault asks us to come back later", said)
        return Unreachable(f"{name}: Vault answers {answer.status}", said)


@dataclass(frozen=True, slots=True)
class VaultKey:
    """One version of a key in Vault."""

    name: str
    key: str
    version: int
    public_pem: bytes = field(repr=False)
    _vault: _Vault = field(repr=False)

    def sign(self, message: bytes, /) -> bytes:
        """Have Vault sign the SHA-256 of this message. Raises StoreError."""
        body: JsonObject = {
            "input": base64.b64encode(hashlib.sha256(message).digest()).decode(),
            "prehashed": True,
            "marshaling_algorithm": "asn1",
            "key_version": self.version,  # else a rotation in the meantime would give another key's signature
        }
        answer = self._vault.ask(f"sign/{self.key}/sha2-256", self.name, body)
        signature = _SIGNATURE.fullmatch(text(answer, "signature"))
        if signature is None:
            raise Unreadable(f"{self.name}: Vault answers without a signature")
        return base64.b64decode(signature[1] + "==")


def open_vault_key(name: str, environ: Mapping[str, str]) -> VaultKey:
    """The newest version of a key, unless the address names one. Raises InvalidKey, UsageError, StoreError."""
    address = _ADDRESS.fullmatch(name)
    if address is None:
        raise InvalidKey(f"{name}: not the address of a key in Vault", "Expected hashivault://KEY[/versions/NUMBER].")
    vault = _Vault(_engine(environ), environ.get("VAULT_NAMESPACE", ""), _token(environ), environ)
    data = vault.ask(f"keys/{address[1]}", name)
    kind = text(data, "type")
    if kind != "ecdsa-p256":
        raise InvalidKey(f"{name}: a key of the type {printable(kind)!r}", "In Vault, ecdsa-p256 is supported.")
    version = int(address[2]) if address[2] else integer(data, "latest_version") or 0
    pem = text(child(data, "keys", str(version)), "public_key")
    if not pem:
        raise NotFound(f"{name}: Vault shows no public key of version {version}")
    return VaultKey(name, address[1], version, pem.encode(), vault)


def _engine(environ: Mapping[str, str]) -> str:
    """Where the transit engine is. The address itself is not shown: people put passwords everywhere."""
    address = environ.get("VAULT_ADDR", "").strip()
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        found = "It is set to something else." if address else "It is not set."
        raise UsageError("VAULT_ADDR: expected the address of Vault, https://HOST[:PORT]", found)
    if parts.scheme == "http" and not is_loopback(parts.netloc):
        raise UsageError(f"VAULT_ADDR: {parts.netloc} is to be spoken to without TLS", "", "Give its https address.")
    mount = environ.get("TRANSIT_SECRET_ENGINE_PATH", "").strip("/") or "transit"
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/v1/{quote(mount)}"


def _token(environ: Mapping[str, str]) -> str:
    token, where = environ.get("VAULT_TOKEN", "").strip(), "VAULT_TOKEN"
    if not token:
        token, where = _token_file(Path(environ.get("HOME", ""), ".vault-token")), "~/.vault-token"
    if not token:
        raise UsageError("no token for Vault", "", "Set VAULT_TOKEN, or log in with `vault login`.")
    if not _TOKEN.fullmatch(token):
        raise UsageError(f"{where}: not a token of Vault", "It has characters that no token has.")
    return token


def _token_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_TOKEN_FILE).decode("latin-1").strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"~/.vault-token: cannot be read: {error.strerror}") from None


def _complaint(answer: Answer) -> str:
    """Vault's own words: {"errors": ["permission denied"]}."""
    try:
        errors = parse_object(answer.body, answer.url).get("errors")
    except Unreadable:
        return ""
    return "; ".join(each.strip() for each in errors if isinstance(each, str)) if isinstance(errors, list) else ""
