"""What looking at a far registry costs: attest, crane, buildx and cosign through a proxy that counts and delays.

Run it as root after `make tools`: `python bench/rounds.py`. BuildKit builds an image, attest signs it on a registry
without the referrers API and on one with it, and every program reads it by its tag through a proxy where each request
is 50 ms on its way; making a connection costs nothing. Of three runs the one in the middle counts. What is asked only
to learn how to log in is a request, but no round.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from sys import executable
from typing import Any, Final

from tests.e2e import samples, stand
from tests.e2e.attest_command import Attest

RUNS: Final = 3
SECONDS_ON_ITS_WAY: Final = 0.05
LOGIN: Final = "/v2/"

Command = Sequence[str | Path]


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, when it came, and when its answer was complete."""

    path: str
    start: float
    end: float


def rounds(requests: Iterable[Request]) -> int:
    """The length of the longest chain in which each request came after the one before had been answered."""
    length, answered = 0, float("-inf")
    for request in sorted(requests, key=lambda request: request.end):
        if request.path != LOGIN and request.start >= answered:
            length, answered = length + 1, request.end
    return length


# --- the proxy --------------------------------------------------------------------------------------------------------


class Proxy(ThreadingHTTPServer):
    """Passes everything on to a registry, HOST:PORT, and remembers what came through."""

    request_queue_size = 64  # a client may open many connections at once

    def __init__(self, registry: str) -> None:
        super().__init__(("127.0.0.1", 0), Connection)
        self.registry = registry
        self.address = f"127.0.0.1:{self.server_address[1]}"
        self.requests: list[Request] = []
        self.connections = 0

    def clear(self) -> None:
        """Forget what came before."""
        self.requests.clear()
        self.connections = 0

    def finish_request(self, request: Any, client_address: Any) -> None:
        with suppress(ConnectionResetError):  # how some programs end
            super().finish_request(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class Connection(BaseHTTPRequestHandler):
    """One connection of a client, and one to the registry."""

    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or a body waits 40 ms for the acknowledgement of its headers

    def handle(self) -> None:
        with closing(http.client.HTTPConnection(self.server.registry)) as self.registry:
            super().handle()

    def do_GET(self) -> None:
        start = time.monotonic()
        time.sleep(SECONDS_ON_ITS_WAY)
        self.registry.request(self.command, self.path, headers=dict(self.headers))
        answer = self.registry.getresponse()
        body = answer.read()
        # Before it is sent: the next request may be here before this thread goes on.
        self.server.requests.append(Request(self.path, start, time.monotonic()))
        self.send(answer, body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def send(self, answer: http.client.HTTPResponse, body: bytes) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.headers.get("Content-Length", str(len(body))))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """What came is written down by the proxy."""


@contextmanager
def proxy(registry: str) -> Iterator[Proxy]:
    """A proxy for HOST:PORT until the block ends."""
    with Proxy(registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


# --- measuring --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """What one job cost; costs are compared by their seconds."""

    requests: int
    connections: int
    rounds: int
    seconds: float


def cost(through: Proxy, commands: Sequence[Command], env: Mapping[str, str]) -> Cost:
    """Run the commands one after the other, as a script does. Raises AssertionError with their words if one fails."""
    costs = [once(through, commands, env) for _ in range(RUNS)]
    return sorted(costs, key=lambda cost: cost.seconds)[RUNS // 2]


def once(through: Proxy, commands: Sequence[Command], env: Mapping[str, str]) -> Cost:
    through.clear()
    start = time.monotonic()
    for command in commands:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    seconds = time.monotonic() - start
    return Cost(len(through.requests), through.connections, rounds(through.requests), seconds)


def table(title: str, costs: Mapping[str, Cost]) -> str:
    """One line for each program, with how many times the cost of the first it is."""
    ours = next(iter(costs.values()))
    lines = [f"{title:<42}{'connections':>12}{'requests':>18}{'rounds':>18}{'seconds':>18}"]
    for name, theirs in costs.items():
        figures = [
            f"{theirs.requests} = {theirs.requests / ours.requests:.1f} x",
            f"{theirs.rounds} = {theirs.rounds / ours.rounds:.1f} x",
            f"{theirs.seconds:.2f} = {theirs.seconds / ours.seconds:.1f} x",
        ]
        lines.append(f"  {name:<40}{theirs.connections:>12}" + "".join(f"{figure:>18}" for figure in figures))
    return "\n".join(lines)


# --- who is measured --------------------------------------------------------------------------------------------------


def readers(tag: str, evidence: Mapping[str, Any]) -> Mapping[str, Sequence[Command]]:
    """Who shows what is attached. crane is told the digests, which a script would first have to look for."""
    crane, name = stand.tool("crane"), tag.rpartition(":")[0]
    attached = [*evidence["platforms"][0]["attestations"], *evidence["attestations"], *evidence["signatures"]]
    manifests = {place["manifest"] for one in attached for place in one["places"]}
    blobs = {one["digest"] for one in attached}
    script = [
        (crane, "manifest", tag),
        *((crane, "manifest", f"{name}@{digest}") for digest in sorted(manifests)),
        *((crane, "blob", f"{name}@{digest}") for digest in sorted(blobs)),
    ]
    inspect = (executable, "-m", "attest", "inspect", "--platform", samples.host_platform(), tag)
    imagetools = (stand.tool("buildx"), "imagetools", "inspect", "--format", "{{json .Provenance}}", tag)
    return {
        "attest inspect": [inspect],
        "crane manifest, crane blob": script,
        "buildx imagetools inspect (no referrers)": [imagetools],
    }


def verifiers(tag: str, key: Path, checkout: samples.Repository) -> Mapping[str, Sequence[Command]]:
    """Who says whether to believe it. cosign looks at the signature alone, attest at the source as well."""
    source = ("--source-commit", checkout.commit, "--source-tag", "v1.0.0")
    return {
        "attest verify": [(executable, "-m", "attest", "verify", tag, "--key", key, *source)],
        "cosign verify": [(stand.tool("cosign"), "verify", "--key", key, "--insecure-ignore-tlog", tag)],
    }


def compare(kind: str, registry: str, attest: Attest, checkout: samples.Repository) -> None:
    """Build and sign on the registry itself, then print what reading it through the proxy costs."""
    attest.build(f"{registry}/acme/app:1.0.0", ".", cwd=checkout.path)
    with proxy(registry) as through:
        tag = f"{through.address}/acme/app:1.0.0"
        evidence = json.loads(attest.run("inspect", "--format", "json", tag).out)
        for job, programs in (
            ("reading", readers(tag, evidence)),
            ("verifying", verifiers(tag, attest.public_key, checkout)),
        ):
            costs = {name: cost(through, commands, attest.environment) for name, commands in programs.items()}
            print(table(f"{job}, {kind}", costs), end="\n\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as name, stand.buildkitd() as daemon:
        folders = [Path(name, each) for each in ("registry", "referrers", "docker", "cosign", "base")]
        for folder in folders:
            folder.mkdir()
        plain, referrers, docker, keys, base = folders
        builder, cosign = stand.make_builder(docker, daemon), stand.make_cosign(keys)
        env = {**builder.environment, "COSIGN_PASSWORD": cosign.environment["COSIGN_PASSWORD"]}
        attest = Attest(env, cosign.key, cosign.public_key)
        with stand.distribution(plain) as without, stand.referrers_registry(referrers) as having:
            image = samples.push_base_image(without, base)
            checkout = samples.make_repository(Path(name, "app"), image)
            compare("fallback tag", without, attest, checkout)
            compare("referrers API", having, attest, checkout)


if __name__ == "__main__":
    main()
