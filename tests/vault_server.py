"""A server that answers as the transit engine of HashiCorp Vault does (developer.hashicorp.com, "Transit secrets
engine (API)"): one token, keys of ECDSA P-256 with versions. tests/e2e holds it against the client that cosign uses.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from tests.e2e.tls import Certified

TOKEN: Final = "hvs.CAESIJ-a-token-that-nobody-must-see"
_SIGN: Final = re.compile(r"sign/([^/]+)/sha2-256")
_VERIFY: Final = re.compile(r"verify/([^/]+)//?sha2-256")  # cosign's client has one slash too many
_VAULT_SIGNATURE: Final = re.compile(r"vault:v(\d+):(.+)")
_READ: Final = re.compile(r"keys/([^/]+)")
_DENIED: Final = (403, {"errors": ["permission denied"]})

Answer = tuple[int, Mapping[str, Any]]


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass
class VaultServer:
    """One transit engine; `keys` are the versions of each key, the oldest first.

    `instead` is what it answers whatever it is asked for, `moved` where it sends everybody.
    """

    address: str = ""
    mount: str = "transit"
    namespace: str = ""
    kind: str = "ecdsa-p256"
    keys: dict[str, list[ec.EllipticCurvePrivateKey]] = field(default_factory=lambda: {"release": [new_key()]})
    impostor: ec.EllipticCurvePrivateKey | None = None
    instead: tuple[int, bytes] | None = None
    moved: str = ""
    authorised: list[bool] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """What a client has to know."""
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": TOKEN}

    def public_pem(self, name: str, version: int) -> str:
        """What Vault shows of a key."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.keys[name][version - 1].public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Status and document for one question."""
        token = headers.get("X-Vault-Token") or headers.get("Authorization", "").removeprefix("Bearer ")
        self.authorised.append(token == TOKEN)
        if token != TOKEN:
            return _DENIED
        if headers.get("X-Vault-Namespace", "") != self.namespace or not path.startswith(f"/v1/{self.mount}/"):
            return 404, {"errors": [f'no handler for route "{path.removeprefix("/v1/")}". route entry not found.']}
        asked = path.removeprefix(f"/v1/{self.mount}/")
        if method == "GET" and (reading := _READ.fullmatch(asked)):
            return self._read(reading[1])
        if method in ("POST", "PUT") and (signing := _SIGN.fullmatch(asked)):
            return self._sign(signing[1], json.loads(body))
        if method in ("POST", "PUT") and (verifying := _VERIFY.fullmatch(asked)):
            return self._verify(verifying[1], json.loads(body))
        return 405, {"errors": ["unsupported operation"]}

    def _read(self, name: str) -> Answer:
        if name not in self.keys:
            return 404, {"errors": []}
        versions = {
            str(version): {
                "creation_time": "2026-01-01T00:00:00.000000000Z",
                "name": "P-256",
                "public_key": self.public_pem(name, version),
            }
            for version in range(1, len(self.keys[name]) + 1)
        }
        data = {"name": name, "type": self.kind, "latest_version": len(versions), "min_decryption_version": 1}
        return 200, {"request_id": "1", "data": {**data, "supports_signing": True, "keys": versions}}

    def _sign(self, name: str, asked: Mapping[str, Any]) -> Answer:
        if name not in self.keys:
            return 400, {"errors": ["signing key not found"]}
        version = int(asked.get("key_version") or 0) or len(self.keys[name])
        if version > len(self.keys[name]):
            return 400, {"errors": ["requested version for signing is higher than the latest key version"]}
        try:
            content = base64.b64decode(asked["input"], validate=True)
        except binascii.Error:
            return 400, {"errors": ["unable to decode input as base64"]}
        key = self.impostor or self.keys[name][version - 1]
        signature = base64.b64encode(key.sign(content, _algorithm(asked))).decode()
        return 200, {"request_id": "1", "data": {"key_version": version, "signature": f"vault:v{version}:{signature}"}}

    def _verify(self, name: str, asked: Mapping[str, Any]) -> Answer:
        """Only cosign asks for it: attest verifies with the public key."""
        found = _VAULT_SIGNATURE.fullmatch(asked["signature"])
        if name not in self.keys or found is None:
            return 400, {"errors": ["invalid signature: unknown key or no signature of ours"]}
        try:
            signature, content = base64.b64decode(found[2]), base64.b64decode(asked["input"])
            self.keys[name][int(found[1]) - 1].public_key().verify(signature, content, _algorithm(asked))
        except InvalidSignature:
            return 200, {"data": {"valid": False}}
        return 200, {"data": {"valid": True}}


def _algorithm(asked: Mapping[str, Any]) -> ec.ECDSA:
    return ec.ECDSA(Prehashed(hashes.SHA256()) if asked.get("prehashed") else hashes.SHA256())


@contextmanager
def vault_server(certified: Certified | None = None) -> Iterator[VaultServer]:
    """Answer on a port of 127.0.0.1 until the block ends, over TLS with a certificate."""
    server = VaultServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, document = server.answer(self.command, self.path, dict(self.headers), body)
            content = json.dumps(document).encode()
            if server.instead is not None:
                status, content = server.instead
            self.send_response(307 if server.moved else status)
            if server.moved:
                self.send_header("Location", f"{server.moved}{self.path}")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        if certified is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certified.certificate, certified.key)
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
        server.address = f"http{'s' if certified else ''}://127.0.0.1:{listening.server_address[1]}"
        yield server
        listening.shutdown()


def write_public_key(server: VaultServer, path: Path, name: str = "release") -> Path:
    """Export the newest public key, as `vault read` shows it."""
    path.write_text(server.public_pem(name, len(server.keys[name])))
    return path
