"""A real Sigstore on loopback: Fulcio, Rekor v2 and a timestamp authority as upstream builds them.

Ours are the OIDC issuer, which hands out tokens shaped like GitLab's, the certificate log and a Rekor v1 for cosign's
old form, since no such servers build from the Go proxy alone.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import http.client
import json
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.authority import Key, key_id, new_key, spki, text
from tests.e2e.stand import free_port, serving, tool
from tests.sigstore import der
from tests.sigstore.claims import gitlab_token
from tests.sigstore.logs import NAME_V1, LogV1

_POISON: Final = der.oid("1.3.6.1.4.1.11129.2.4.3")
_EXTENSIONS: Final = 0xA3
_VALID: Final = {"start": "2020-01-01T00:00:00Z"}
_SUBJECT: Final = {"organization": "example", "commonName": "stand"}


@dataclass
class Ours:
    """The OIDC issuer and both logs; `url` is the address of all."""

    url: str = ""
    oidc_key: Key = field(default_factory=new_key)
    ct_key: Key = field(default_factory=new_key)
    old_log: LogV1 = field(default_factory=LogV1)

    def token(self, **claims: Any) -> str:
        """An identity token of a GitLab job."""
        return gitlab_token(self.oidc_key, self.url, **claims)

    def discovery(self) -> dict[str, Any]:
        """OpenID Connect Discovery 1.0."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def keys(self) -> dict[str, Any]:
        """The issuer's public key as a JSON Web Key."""
        point = self.oidc_key.public_key().public_numbers()
        x, y = (
            base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode() for number in (point.x, point.y)
        )
        return {"keys": [{"kty": "EC", "crv": "P-256", "kid": "k", "use": "sig", "alg": "ES256", "x": x, "y": y}]}

    def add_pre_chain(self, request: dict[str, Any]) -> dict[str, Any]:
        """A promise to log this precertificate (RFC 6962, sections 3.2 and 4.2)."""
        before, issuer = (x509.load_der_x509_certificate(base64.b64decode(each)) for each in request["chain"][:2])
        to_be_signed = without_poison(before.tbs_certificate_bytes)
        milliseconds = int(time.time() * 1000)
        public = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        message = struct.pack("!BBQH32s", 0, 0, milliseconds, 1, hashlib.sha256(public).digest())
        message += len(to_be_signed).to_bytes(3, "big") + to_be_signed + b"\0\0"
        signature = self.ct_key.sign(message, ec.ECDSA(hashes.SHA256()))
        encoded = b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        return {
            "sct_version": 0,
            "id": text(key_id(self.ct_key)),
            "timestamp": milliseconds,
            "extensions": "",
            "signature": text(encoded),
        }


def without_poison(certificate: bytes) -> bytes:
    """A TBSCertificate without the extension that marks it as not yet issued."""
    parts = []
    for tag, whole in der.items(der.read(certificate)[1]):
        if tag == _EXTENSIONS:
            extensions = der.items(der.read(der.read(whole)[1])[1])
            kept = [each for _, each in extensions if not der.read(each)[1].startswith(_POISON)]
            parts.append(der.tlv(_EXTENSIONS, der.sequence(*kept)))
        else:
            parts.append(whole)
    return der.sequence(*parts)


@dataclass(frozen=True, slots=True)
class Sigstore:
    """A running instance: addresses of its services, keys, and the files that clients need."""

    ours: Ours
    fulcio: str
    rekor: str
    timestamps: str
    rekor_key: ed25519.Ed25519PrivateKey
    folder: Path

    @property
    def trusted_root_file(self) -> Path:
        """For --trusted-root."""
        return self.folder / "trusted_root.json"

    @property
    def trust_config_file(self) -> Path:
        """For --trust-config."""
        return self.folder / "trust_config.json"

    @property
    def signing_config_file(self) -> Path:
        """For cosign's --signing-config."""
        return self.folder / "signing_config.json"

    @property
    def targets(self) -> dict[str, str]:
        """The variables by which cosign is told of the same keys where it signs in its old form."""
        names = {"SIGSTORE_ROOT_FILE": "root", "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": "ct"}
        names["SIGSTORE_REKOR_PUBLIC_KEY"] = "old_log"
        return {variable: str(self.folder / f"{name}.pem") for variable, name in names.items()}

    def write_files(self) -> None:
        """Write all files, from what the services say of themselves."""
        root = self._trusted_root()
        kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
        config = {"mediaType": kind, "trustedRoot": root, "signingConfig": self._signing_config()}
        self.trusted_root_file.write_text(json.dumps(root))
        self.trust_config_file.write_text(json.dumps(config))
        self.signing_config_file.write_text(json.dumps(config["signingConfig"]))
        (self.folder / "root.pem").write_text("".join(self._chain()))
        for name, key in {"ct": self.ours.ct_key, "old_log": self.ours.old_log.key}.items():
            pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            (self.folder / f"{name}.pem").write_bytes(pem)

    def _chain(self) -> list[str]:
        """Fulcio's certificates in PEM."""
        chains = json.loads(_get(f"{self.fulcio}/api/v2/trustBundle"))["chains"]
        certificates: list[str] = chains[0]["certificates"]
        return certificates

    def _trusted_root(self) -> dict[str, Any]:
        authority = [x509.load_pem_x509_certificate(pem.encode()) for pem in self._chain()]
        clock = x509.load_pem_x509_certificates(_get(f"{self.timestamps}/certchain"))
        public, old = self.rekor_key.public_key(), self.ours.old_log.key
        note = b"127.0.0.1\n\1" + public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        rekor = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": [_authority(self.fulcio, authority)],
            "ctlogs": [
                _log(self.ours.url, spki(self.ours.ct_key), "PKIX_ECDSA_P256_SHA_256", key_id(self.ours.ct_key))
            ],
            "tlogs": [
                _log(self.rekor, rekor, "PKIX_ED25519", hashlib.sha256(note).digest()),
                _log(f"https://{NAME_V1}", spki(old), "PKIX_ECDSA_P256_SHA_256", key_id(old)),
            ],
            "timestampAuthorities": [_authority(self.timestamps, clock)],
        }

    def _signing_config(self) -> dict[str, Any]:
        def service(url: str, version: int) -> list[dict[str, Any]]:
            return [{"url": url, "majorApiVersion": version, "validFor": _VALID, "operator": "stand"}]

        return {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": service(self.fulcio, 1),
            "oidcUrls": service(self.ours.url, 1),
            "rekorTlogUrls": service(self.rekor, 2),
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaUrls": service(self.timestamps, 1),
            "tsaConfig": {"selector": "ANY"},
        }


def _authority(url: str, chain: list[x509.Certificate]) -> dict[str, Any]:
    encoded = [{"rawBytes": text(each.public_bytes(Encoding.DER))} for each in chain]
    return {"subject": _SUBJECT, "uri": url, "certChain": {"certificates": encoded}, "validFor": _VALID}


def _log(url: str, public: bytes, details: str, identifier: bytes) -> dict[str, Any]:
    key = {"rawBytes": text(public), "keyDetails": details, "validFor": _VALID}
    return {"baseUrl": url, "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": {"keyId": text(identifier)}}


# --- servers ----------------------------------------------------------------------------------------------------------


@contextmanager
def real_sigstore(folder: Path, gitlab: str) -> Iterator[Sigstore]:
    """All services, for jobs of the GitLab at this address, until the block ends."""
    with ExitStack() as stack:
        ours = stack.enter_context(_ours())
        fulcio = stack.enter_context(_fulcio(_folder(folder, "fulcio"), ours, gitlab))
        rekor_key = ed25519.Ed25519PrivateKey.generate()
        rekor = stack.enter_context(_rekor(_folder(folder, "rekor"), rekor_key))
        timestamps = stack.enter_context(_timestamps(_folder(folder, "timestamps")))
        sigstore = Sigstore(ours, fulcio, rekor, timestamps, rekor_key, folder)
        sigstore.write_files()
        yield sigstore


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


@contextmanager
def _ours() -> Iterator[Ours]:
    ours = Ours()

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            self._answer(ours.discovery() if self.path.endswith("openid-configuration") else ours.keys())

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("log/entries"):
                # Of an image signature it keeps what it is told.
                keep = ours.old_log.keep if asked["kind"] == "hashedrekord" else ours.old_log.add
                entry = keep(asked)
                # Go's client of Rekor v1 insists on both.
                self._answer(entry, 201, ETag=next(iter(entry)), Location=f"{self.path}/{next(iter(entry))}")
            else:
                self._answer(ours.add_pre_chain(asked))

        def _answer(self, document: dict[str, Any], status: int = 200, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ours.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ours
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _fulcio(folder: Path, ours: Ours, gitlab: str) -> Iterator[str]:
    (folder / "config.yaml").write_text(_fulcio_configuration(ours.url, gitlab))
    public = ours.ct_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "ct.pub").write_bytes(public)
    port = free_port()
    options = ["--ca=ephemeralca", "--host=127.0.0.1", f"--port={port}", "--grpc-host=127.0.0.1"]
    options += [f"--grpc-port={free_port()}", f"--metrics-port={free_port()}", f"--config-path={folder}/config.yaml"]
    options += [f"--ct-log-url={ours.url}", f"--ct-log-public-key-path={folder}/ct.pub"]
    options += [f"--legacy-unix-domain-socket=@fulcio-{port}"]
    url = f"http://127.0.0.1:{port}"
    with serving(tool("fulcio"), "serve", *options, folder=folder, answers=_answers(f"{url}/healthz")):
        yield url


def _fulcio_configuration(issuer: str, gitlab: str) -> str:
    """The templates of the public instance (fulcio, config/identity/config.yaml), for one GitLab."""
    pipeline = "https://{{ .ci_config_ref_uri }}"
    extensions = {
        "build-signer-uri": pipeline,
        "build-signer-digest": "ci_config_sha",
        "runner-environment": "runner_environment",
        "source-repository-uri": "{{ .url }}/{{ .project_path }}",
        "source-repository-digest": "sha",
        "source-repository-ref": 'refs/{{if eq .ref_type "branch"}}heads/{{ else }}tags/{{end}}{{ .ref }}',
        "source-repository-identifier": "project_id",
        "source-repository-owner-uri": "{{ .url }}/{{ .namespace_path }}",
        "source-repository-owner-identifier": "namespace_id",
        "build-config-uri": pipeline,
        "build-config-digest": "ci_config_sha",
        "build-trigger": "pipeline_source",
        "run-invocation-uri": "{{ .url }}/{{ .project_path }}/-/jobs/{{ .job_id }}",
        "source-repository-visibility-at-signing": "project_visibility",
        "deployment-environment": "environment",
    }
    provider = {
        "default-template-values": {"url": gitlab, "environment": ""},
        "subject-alternative-name-template": pipeline,
        "extension-templates": extensions,
    }
    trusted = {
        "issuer-url": issuer,
        "client-id": "sigstore",
        "type": "ci-provider",
        "ci-provider": "gitlab-pipeline",
    }
    configuration = {"oidc-issuers": {issuer: trusted}, "ci-issuer-metadata": {"gitlab-pipeline": provider}}
    return f"# YAML: of a file that begins like JSON Fulcio expects other names\n{json.dumps(configuration)}"


@contextmanager
def _rekor(folder: Path, key: ed25519.Ed25519PrivateKey) -> Iterator[str]:
    """It answers after its next checkpoint, so once a second."""
    pem = folder / "key.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    port = free_port()
    options = ["--hostname=127.0.0.1", f"--http-port={port}", f"--grpc-port={free_port()}"]
    options += [f"--http-metrics-port={free_port()}", f"--signer-filepath={pem}", f"--storage-dir={folder}/storage"]
    options += ["--checkpoint-interval=1s", "--batch-max-age=50ms"]
    url = f"http://127.0.0.1:{port}"
    with serving(tool("rekor-server"), "serve", *options, folder=folder, answers=_answers(f"{url}/healthz")):
        yield url


@contextmanager
def _timestamps(folder: Path) -> Iterator[str]:
    port = free_port()
    options = [f"--port={port}", "--host=127.0.0.1", "--scheme=http", "--timestamp-signer=memory"]
    url = f"http://127.0.0.1:{port}"
    options.append("--disable-ntp-monitoring")
    with _alone(), serving(tool("timestamp-server"), "serve", *options, folder=folder, answers=_answers(f"{url}/ping")):
        yield f"{url}/api/v1/timestamp"


@contextmanager
def _alone() -> Iterator[None]:
    """timestamp-server takes port 2112 for its metrics, whatever it is told: one at a time on a machine."""
    with (Path(tempfile.gettempdir()) / "attest-tests-timestamp-server.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _answers(url: str) -> Callable[[], bool]:
    def asked() -> bool:
        try:
            _get(url)
        except (OSError, http.client.HTTPException):
            return False
        return True

    return asked


def _get(url: str) -> bytes:
    """The body of a good answer. Raises ConnectionError for another."""
    host, _, path = url.removeprefix("http://").partition("/")
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request("GET", f"/{path}")
        answer = connection.getresponse()
        if answer.status != 200:
            raise ConnectionError(f"{url}: {answer.status}")
        return answer.read()
