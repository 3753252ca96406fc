"""A token server as registries have one (distribution's "Token Authentication Specification").

Alice may read and write, bob may read, nobody else gets a token. It writes down what it was asked for.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

SERVICE: Final = "registry"
ISSUER: Final = "token-server"
PASSWORD: Final = "correct horse"
_RIGHTS: Final[Mapping[str, frozenset[str]]] = {"alice": frozenset({"pull", "push"}), "bob": frozenset({"pull"})}


@dataclass
class TokenServer:
    """`realm` is its address, `scopes` are those that it gave tokens for, which live for `seconds`."""

    bundle: Path
    realm: str = ""
    seconds: float = 300
    scopes: list[str] = field(default_factory=list)
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ISSUER)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
        builder = builder.not_valid_before(now - timedelta(minutes=5)).not_valid_after(now + timedelta(days=1))
        builder = builder.public_key(self.key.public_key())
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = builder.sign(self.key, hashes.SHA256())
        self.bundle.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def answer(self, authorization: str, scopes: list[str]) -> tuple[int, Mapping[str, Any]]:
        """Status and document for one question."""
        user = self._user(authorization)
        if user is None:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]}
        self.scopes += scopes
        return 200, {"token": self._token(user, [_access(user, scope) for scope in scopes])}

    def _user(self, authorization: str) -> str | None:
        kind, _, encoded = authorization.partition(" ")
        user, _, password = base64.b64decode(encoded).decode().partition(":") if kind == "Basic" else ("", "", "")
        return user if user in _RIGHTS and password == PASSWORD else None

    def _token(self, user: str, access: list[Mapping[str, Any]]) -> str:
        now = int(time.time())
        certificate = base64.b64encode(self.certificate.public_bytes(Encoding.DER)).decode()
        header = {"alg": "ES256", "typ": "JWT", "x5c": [certificate]}
        claims = {"iss": ISSUER, "sub": user, "aud": SERVICE, "nbf": now - 60, "iat": now, "jti": str(time.time_ns())}
        claims |= {"exp": now + self.seconds, "access": access}
        signed = f"{_encoded(header)}.{_encoded(claims)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_text(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@contextmanager
def token_server(folder: Path) -> Iterator[TokenServer]:
    """Serve tokens on a port of 127.0.0.1 until the block ends."""
    server = TokenServer(folder / "issuer.pem")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scopes = parse_qs(urlsplit(self.path).query).get("scope", [])
            status, document = server.answer(self.headers.get("Authorization", ""), scopes)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """What it was asked is written down elsewhere."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        server.realm = f"http://localhost:{listening.server_address[1]}/token"
        yield server
        listening.shutdown()


def _access(user: str, scope: str) -> Mapping[str, Any]:
    kind, name, actions = scope.split(":")
    return {"type": kind, "name": name, "actions": sorted(_RIGHTS[user].intersection(actions.split(",")))}


def _encoded(document: Mapping[str, Any]) -> str:
    return _text(json.dumps(document).encode())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
