"""The stand: real registries, a real BuildKit and a real cosign, on loopback alone.

Each server is a context manager that gives its address once it answers and shows its log if it never does. The
binaries are those that `make tools` builds. conftest.py makes session fixtures of them, so that a run starts each once.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shlex
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from tests.e2e.tls import Certified

ROOT: Final = Path(__file__).parents[2]
TOOLS: Final = ROOT / ".tools" / "bin"
IN_CI: Final = os.environ.get("CI") == "true"
SEARCH_PATH: Final = os.pathsep.join([str(TOOLS), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

_SECONDS_TO_START: Final = 30
_SECONDS_TO_RUN: Final = 120


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test, saying why; in CI nothing may be missing, so there it fails."""
    if IN_CI:
        pytest.fail(f"{what}: {remedy}", pytrace=False)
    pytest.skip(f"{what}: {remedy}")


def tool(name: str) -> Path:
    """One of the pinned programs."""
    path = TOOLS / name
    if not path.exists():
        missing(f"{name} is missing", "`make tools` builds it")
    return path


def program(name: str, package: str) -> Path:
    """A program of the system."""
    found = shutil.which(name, path=SEARCH_PATH)
    if found is None:
        missing(f"{name} is missing", f"`make tools` as root installs it, or apt-get install {package}")
    return Path(found)


def environment(home: Path, **more: str) -> dict[str, str]:
    """What programs see: the pinned tools first on PATH, a home of their own, and a proxy that answers nobody."""
    nowhere = "http://127.0.0.1:9"
    return {
        "PATH": SEARCH_PATH,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "HTTP_PROXY": nowhere,
        "HTTPS_PROXY": nowhere,
        "NO_PROXY": "127.0.0.1,localhost",
        **more,
    }


def run(*command: str | Path, env: Mapping[str, str], cwd: Path | None = None) -> str:
    """What the program prints. Raises AssertionError with all its words if it fails."""
    done = subprocess.run(
        command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_SECONDS_TO_RUN
    )
    if done.returncode != 0:
        words = shlex.join(map(str, command))
        raise AssertionError(f"{words}\nexit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


# --- servers ----------------------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    assert isinstance(port, int)
    return port


@contextmanager
def serving(
    *command: str | Path, folder: Path, answers: Callable[[], bool], env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a server until the block ends. Raises AssertionError with its log if it ends before that or never answers."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=env or environment(folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(process, log, answers)
        yield
        if process.poll() is not None:
            raise AssertionError(f"{_name(process)} ended with {process.returncode} too early:\n{log.read_text()}")
    finally:
        _end(process)


def _await(process: subprocess.Popen[bytes], log: Path, answers: Callable[[], bool]) -> None:
    name = _name(process)
    deadline = time.monotonic() + _SECONDS_TO_START
    while not answers():
        if process.poll() is not None:
            raise AssertionError(f"{name} ended with {process.returncode} instead of starting:\n{log.read_text()}")
        if time.monotonic() > deadline:
            raise AssertionError(f"{name} did not answer within {_SECONDS_TO_START} s:\n{log.read_text()}")
        time.sleep(0.02)


def _name(process: subprocess.Popen[bytes]) -> str:
    return Path(str(process.args[0] if isinstance(process.args, tuple) else process.args)).name


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _answers_http(host: str, ca: Path | None = None) -> Callable[[], bool]:
    """Whether a registry answers: that it wants to know who asks is an answer, too."""

    def asked() -> bool:
        trust = ssl.create_default_context(cafile=str(ca)) if ca is not None else None
        kind = partial(http.client.HTTPSConnection, context=trust) if trust else http.client.HTTPConnection
        with closing(kind(host, timeout=5)) as connection:
            try:
                connection.request("GET", "/v2/")
                return connection.getresponse().status in (200, 401)
            except OSError:
                return False

    return asked


@contextmanager
def distribution(folder: Path, certified: Certified | None = None, more: str = "") -> Iterator[str]:
    """The CNCF's registry, as most run it: no referrers API. Gives HOST:PORT.

    It speaks TLS where it is given a certificate; `more` are further lines of its configuration.
    """
    host = f"127.0.0.1:{free_port()}"
    tls = f", tls: {{certificate: {certified.certificate}, key: {certified.key}}}" if certified else ""
    answers = _answers_http(host, certified.ca if certified else None)
    configuration = folder / "config.yml"
    configuration.write_text(
        f"version: 0.1\n"
        f"log: {{level: warn}}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'storage'}}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '{host}'{tls}}}\n"
        f"{more}"
    )
    env = environment(folder, OTEL_TRACES_EXPORTER="none")
    with serving(tool("registry"), "serve", configuration, folder=folder, answers=answers, env=env):
        yield host


@contextmanager
def referrers_registry(folder: Path, certified: Certified | None = None) -> Iterator[str]:
    """A registry in memory that has the referrers API, over TLS with a certificate. Gives HOST:PORT."""
    host = f"127.0.0.1:{free_port()}"
    tls = (certified.certificate, certified.key) if certified else ()
    answers = _answers_http(host, certified.ca if certified else None)
    with serving(tool("referrers-registry"), host, *tls, folder=folder, answers=answers):
        yield host


@contextmanager
def buildkitd() -> Iterator[str]:
    """A BuildKit daemon that reads no settings of the machine. Gives unix://SOCKET."""
    daemon = tool("buildkitd")
    program("runc", "runc")
    if os.geteuid() != 0:
        missing("BuildKit needs root here", "run the tests as root")
    # Not pytest's folder: a socket's path holds 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="attest-bk-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "buildkitd.toml").touch()
        listening, telemetry = folder / "bk.sock", folder / "otel.sock"
        options = [f"--config={folder}/buildkitd.toml", f"--root={folder}/root", f"--addr=unix://{listening}"]
        options += [f"--otel-socket-path={telemetry}", "--oci-worker=true", "--containerd-worker=false"]
        options += ["--oci-worker-net=host"]
        with serving(daemon, *options, folder=folder, answers=lambda: _listens(listening)):
            yield f"unix://{listening}"


def _listens(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


# --- clients ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Builder:
    """buildx with a builder of its own; `environment` lets `docker buildx` and `buildx` find it."""

    name: str
    address: str
    environment: Mapping[str, str]

    def build(self, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run `buildx build` with these arguments on this builder."""
        return run(tool("buildx"), "build", *arguments, env=self.environment, cwd=cwd)


def make_builder(folder: Path, address: str) -> Builder:
    """A builder of the remote driver for the daemon at `address`; all its settings stay in `folder`."""
    plugin = folder / "cli-plugins" / "docker-buildx"
    plugin.parent.mkdir(parents=True)
    plugin.symlink_to(tool("buildx"))
    env = environment(folder, DOCKER_CONFIG=str(folder), BUILDX_CONFIG=str(folder / "buildx"))
    run(tool("buildx"), "create", "--name=stand", "--driver=remote", "--use", address, env=env)
    return Builder("stand", address, env)


@dataclass(frozen=True, slots=True)
class Cosign:
    """cosign with a key pair and without a network: no log, no timestamps, no trust root."""

    key: Path
    public_key: Path
    signing_config: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str | Path) -> str:
        """Run cosign with these arguments; it knows the key's password."""
        return run(tool("cosign"), *arguments, env=self.environment, cwd=self.key.parent)

    def sign(self, reference: str) -> None:
        """Sign NAME@sha256:… with the key."""
        self.run("sign", "--key", self.key, "--signing-config", self.signing_config, "--yes", reference)

    def verify(self, reference: str, public_key: Path | None = None) -> list[Any]:
        """The payloads that cosign verified. Raises AssertionError with its words if it verified nothing."""
        key = public_key or self.public_key
        payloads = json.loads(self.run("verify", "--key", key, "--insecure-ignore-tlog", reference))
        assert isinstance(payloads, list)
        return payloads

    def verify_attestation(self, kind: str, reference: str, public_key: Path | None = None) -> list[bytes]:
        """The statements of this type that cosign verified. Raises AssertionError with its words if there are none."""
        key = public_key or self.public_key
        options = ("--key", key, "--type", kind, "--insecure-ignore-tlog")
        envelopes = self.run("verify-attestation", *options, reference).splitlines()
        return [base64.b64decode(json.loads(envelope)["payload"]) for envelope in envelopes]


def make_cosign(folder: Path) -> Cosign:
    """Generate a key pair and a signing configuration without services in `folder`."""
    env = environment(folder, COSIGN_PASSWORD="correct horse", TUF_ROOT=str(folder / "tuf"))
    cosign = Cosign(folder / "cosign.key", folder / "cosign.pub", folder / "signing-config.json", env)
    cosign.run("generate-key-pair")
    cosign.run("signing-config", "create", "--out", cosign.signing_config)
    return cosign
