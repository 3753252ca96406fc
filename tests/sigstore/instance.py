"""A whole Sigstore on one loopback port: certificate authority, certificate log, Rekor v1 and v2, timestamps.

It needs no binaries, and each service can be told to fail.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.authority import Authority, Key, key_id, new_key, spki, text
from tests.sigstore.claims import extensions_of, gitlab_token
from tests.sigstore.logs import NAME_V1, NAME_V2, LogV1, LogV2
from tests.sigstore.timestamps import Timestamps

FULCIO: Final = "/api/v2/signingCert"
REKOR_V1: Final = "/api/v1/log/entries"
REKOR_V2: Final = "/api/v2/log/entries"
TSA: Final = "/api/v1/timestamp"


class Fault(Enum):
    """How a service fails."""

    DOWN = "closes the connection without a word"
    BUSY = "answers 503"
    HANGS = "takes the question and never answers"
    DRIPS = "answers one byte at a time, for ever"
    BABBLES = "answers 200 with something else"
    ECHOES = "answers 400 and repeats what it was sent"


class _Refused(Exception):
    """The service refuses, with 401."""


@dataclass
class Instance:
    """`faults` are by path; `once` makes each happen a single time. `asked` are the paths of all questions."""

    url: str = ""
    oidc_key: Key = field(default_factory=new_key)
    authority: Authority = field(default_factory=Authority)
    log_v1: LogV1 = field(default_factory=LogV1)
    log_v2: LogV2 = field(default_factory=LogV2)
    timestamps: Timestamps = field(default_factory=Timestamps)
    faults: dict[str, Fault] = field(default_factory=dict)
    once: bool = False
    lies: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def token(self, **claims: Any) -> str:
        """An identity token of a GitLab job."""
        return gitlab_token(self.oidc_key, self.url, **claims)

    def certify(self, request: dict[str, Any], authorization: str) -> dict[str, Any]:
        """Fulcio: `lies` go to Authority.certify; `key` certifies another key than the one that asks."""
        token = authorization.removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, self.oidc_key.public_key(), algorithms=["ES256"], audience="sigstore")
        except jwt.InvalidTokenError as error:
            raise _Refused(f"There was an error processing the identity token: {error}") from None
        asked = x509.load_pem_x509_csr(base64.b64decode(request["certificateSigningRequest"]))
        self.authority.now = datetime.now(UTC).replace(microsecond=0)
        names = [x509.UniformResourceIdentifier(f"https://{claims['ci_config_ref_uri']}")]
        honest = {"key": _Asking(asked), "names": names, "claims": extensions_of(claims)}
        leaf = self.authority.certify(**{**honest, **self.lies})
        chain = [each.public_bytes(Encoding.PEM).decode() for each in (leaf, self.authority.root)]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}

    def trusted_root(self) -> dict[str, Any]:
        """trusted_root.json."""
        root: dict[str, Any] = json.loads(self.authority.trusted_root())
        valid = {"start": (datetime.now(UTC) - timedelta(days=1)).isoformat()}
        first = root["tlogs"][0]
        first["baseUrl"] = f"https://{NAME_V1}"
        first["publicKey"]["rawBytes"] = text(spki(self.log_v1.key))
        first["logId"] = {"keyId": text(key_id(self.log_v1.key))}
        public = self.log_v2.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        second = {
            "baseUrl": f"https://{NAME_V2}",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {"rawBytes": text(public), "keyDetails": "PKIX_ED25519", "validFor": valid},
            "logId": {"keyId": text(self.log_v2.id)},
        }
        root["tlogs"].append(second)
        chain = [self.timestamps.certificate, self.timestamps.root]
        encoded = [{"rawBytes": text(each.public_bytes(Encoding.DER))} for each in chain]
        subject = {"organization": "example", "commonName": "tsa"}
        root["timestampAuthorities"] = [
            {"subject": subject, "uri": self.url, "certChain": {"certificates": encoded}, "validFor": valid}
        ]
        for authority in root["certificateAuthorities"]:
            authority["subject"] = subject
        return root

    def trust_config(self, rekor: int = 1, *, tsa: bool = True) -> str:
        """A client trust configuration with this version of Rekor, with or without timestamps."""
        valid = {"start": (datetime.now(UTC) - timedelta(days=1)).isoformat()}

        def service(path: str = "", version: int = 1) -> dict[str, Any]:
            return {"url": self.url + path, "majorApiVersion": version, "validFor": valid, "operator": "example"}

        signing = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service()],
            "oidcUrls": [service()],
            "rekorTlogUrls": [service(version=rekor)],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": [service(TSA)] if tsa else [],
            "tsaConfig": {"selector": "ANY"},
        }
        kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
        return json.dumps({"mediaType": kind, "trustedRoot": self.trusted_root(), "signingConfig": signing})


@dataclass(frozen=True, slots=True)
class _Asking:
    """The key of a certificate request, where Authority.certify expects a private key."""

    request: x509.CertificateSigningRequest

    def public_key(self) -> Any:
        assert self.request.is_signature_valid
        return self.request.public_key()


@contextmanager
def running() -> Iterator[Instance]:
    """An instance that answers until the block ends."""
    instance = Instance()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(instance))
    server.daemon_threads = True
    instance.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield instance
    finally:
        instance.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(instance: Instance) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one write an answer: otherwise each waits 40 ms for an acknowledgement

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            instance.asked.append(self.path)
            fault = instance.faults.get(self.path)
            if instance.once:
                instance.faults.pop(self.path, None)
            if fault is not None:
                self._fail(fault, content)
            elif self.path == TSA:
                self._answer(200, instance.timestamps.answer(content), "application/timestamp-reply")
            else:
                self._serve(json.loads(content))

        def _serve(self, question: dict[str, Any]) -> None:
            services: dict[str, Callable[[], Any]] = {
                FULCIO: lambda: instance.certify(question, self.headers["Authorization"]),
                REKOR_V1: lambda: instance.log_v1.add(question),
                REKOR_V2: lambda: instance.log_v2.add(question),
            }
            try:
                self._answer(201, json.dumps(services[self.path]()).encode())
            except _Refused as error:
                self._answer(401, json.dumps({"code": 16, "message": str(error)}).encode())

        def _fail(self, fault: Fault, content: bytes) -> None:
            self.close_connection = True
            if fault is Fault.BUSY:
                self._answer(503, b"{}")
            elif fault is Fault.BABBLES:
                self._answer(200, b'["nothing", "of use"]')
            elif fault is Fault.ECHOES:
                said = f"cannot use {self.headers['Authorization']} {content.decode(errors='replace')}"
                self._answer(400, json.dumps({"code": 3, "message": said}).encode())
            elif fault is Fault.HANGS:
                instance.over.wait()
            elif fault is Fault.DRIPS:
                self._drip()

        def _drip(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not instance.over.is_set():
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:  # nobody listens any more
                    return
                time.sleep(0.01)

        def _answer(self, status: int, body: bytes, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
