"""What a hostile registry can make attest hold, measured from outside.

Under 200 MiB for all that leads to the evidence: manifests, lists, tokens, refusals. Evidence itself is held while it
is looked at, and one statement of it at a time is held parsed. What docs/hostile-registries.md says of that is measured
here, except what subjects and dependencies in very large numbers cost.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.oci import limits
from attest.oci.descriptor import IN_TOTO, OCI_INDEX
from attest.reference import Digest
from tests import images
from tests.cli import lying
from tests.cli.running import minimal
from tests.unit.oci.http.registries import NAME, listing

MiB: Final = 1024 * 1024
BOUND: Final = 200 * MiB
FLOOR: Final = 60 * MiB  # twice what the program takes that reads nothing: what holds less was refused unread
BOUND_WITH_EVIDENCE: Final = 600 * MiB

# A process of its own that starts the program and then says how much that held: children of children do not count.
MEASURE: Final = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "attest", *sys.argv[1:]], stdout=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def measured(home: Path, *arguments: str | Path) -> tuple[int, int]:
    """Exit code, and the most bytes that attest held."""
    command = [sys.executable, "-c", MEASURE, *map(str, arguments)]
    done = subprocess.run(command, env=minimal(home), capture_output=True, text=True, timeout=120, check=True)
    code, held = map(int, done.stdout.split())
    return code, held * (1 if sys.platform == "darwin" else 1024)


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", threaded=True) as running:
        yield running


def filled(piece: bytes, units: int, size: int) -> bytes:
    """JSON of this size with as many of these as are read; `units` is what one counts for."""
    most = min(limits.VALUES - 1_000, size // limits.BYTES_A_VALUE - 1_000)
    count = min(most // units, size // (len(piece) + 1) - 10)
    return (b'{"a":[' + b",".join([piece] * count) + b"]}").ljust(size)


def keys(size: int) -> bytes:
    """Different ones, so that none of them is held in common."""
    count = min(limits.VALUES // 2 - 1_000, size // 15 - 10)
    return (b"{" + b",".join(b'"%07d":1000' % at for at in range(count)) + b"}").ljust(size)


BOMBS: Final[dict[str, Callable[[int], bytes]]] = {
    "nested": lambda size: filled(b"[" * 90 + b"]" * 90, 181, size),
    "objects": lambda size: filled(b'{"a":[0]}', 6, size),
    "texts": lambda size: filled(b'"ab"', 1, size),
    "wide-text": lambda size: b'{"a":"' + "\N{GRINNING FACE}".encode().ljust(size - 8, b"x") + b'"}',
    "keys": keys,
}


@pytest.mark.parametrize(
    "case",
    [
        *("endless-manifest", "endless-bundle", "gzip-bomb", "referrers-flood", "referrers-pages-without-end"),
        *("deep-json", "many-children", "nested-indexes", "long-status-line", "header-flood", "token-endless"),
    ],
)
def test_no_lie_fills_the_memory(case: str, server: HTTPServer, tmp_path: Path) -> None:
    pushed = images.push({"linux/amd64": images.local_build()})
    key = images.new_key()
    images.sign_index(pushed, key)
    public = tmp_path / "key.pub"
    public.write_bytes(key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    server.clear()
    truth = lying.tell_truth(server, pushed)
    truth.registry.before = lying.lie(case, truth)
    named = ":1.0.0" if case in lying.DOCUMENTS else f"@{pushed.digest}"
    image = f"127.0.0.1:{server.port}/{NAME}{named}"

    code, held = measured(tmp_path, "verify", image, "--key", public, "--signature-only")

    assert code == 3
    assert held < BOUND


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_manifest_of_very_many_values_does_not_fill_the_memory(bomb: str, server: HTTPServer, tmp_path: Path) -> None:
    content = BOMBS[bomb](limits.MANIFEST)
    server.clear()
    server.expect_request(f"/v2/{NAME}/manifests/1").respond_with_data(content, content_type=OCI_INDEX)

    code, held = measured(tmp_path, "inspect", f"127.0.0.1:{server.port}/{NAME}:1")

    assert code == 3
    assert FLOOR < held < BOUND


def test_a_manifest_of_nothing_but_lists_is_not_parsed(server: HTTPServer, tmp_path: Path) -> None:
    deep = b"[" * 90 + b"]" * 90
    content = b'{"a":[' + b",".join([deep] * (limits.VALUES // 181 - 10)) + b"]}"
    server.clear()
    server.expect_request(f"/v2/{NAME}/manifests/1").respond_with_data(content, content_type=OCI_INDEX)

    code, held = measured(tmp_path, "inspect", f"127.0.0.1:{server.port}/{NAME}:1")

    assert code == 3
    assert held < FLOOR


@pytest.mark.parametrize("bomb", ["nested", "keys"])
def test_as_many_statements_as_are_read_are_not_held_parsed(bomb: str, server: HTTPServer, tmp_path: Path) -> None:
    head = json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": []})[:-1].encode()
    predicate = BOMBS[bomb](limits.STATEMENT - 1_000)
    count = limits.EVIDENCE // limits.STATEMENT
    contents = [head + b', "predicateType": "%d", "predicate": ' % at + predicate + b"}" for at in range(count)]
    pushed = images.push({"linux/amd64": None})
    statements = [pushed.store.put(content, IN_TOTO) for content in contents]
    manifest = images.push_attestation_manifest(pushed.store, statements)
    entry = images.attestation_entry(manifest, pushed.platforms["linux/amd64"].digest)
    whole = images.push({"linux/amd64": None}, pushed.store, [entry])
    serve(server, whole.store.contents)

    code, held = measured(tmp_path, "inspect", f"127.0.0.1:{server.port}/{NAME}@{whole.digest}")

    assert code == 0
    assert limits.EVIDENCE < held < BOUND_WITH_EVIDENCE


def test_very_many_large_referrers_are_not_read(server: HTTPServer, tmp_path: Path) -> None:
    pushed = images.push({"linux/amd64": None})
    asked: list[str] = []
    large = [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{at:064x}", "size": 4 * MiB}
        for at in range(900)
    ]

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return listing(large) if "/referrers/" in request.path else Response(status=404)

    serve(server, pushed.store.contents, answer)
    code, held = measured(tmp_path, "inspect", f"127.0.0.1:{server.port}/{NAME}@{pushed.digest}")

    assert code == 0
    assert held < BOUND
    assert not [path for path in asked if f"manifests/sha256:{'0' * 50}" in path]


def serve(
    server: HTTPServer,
    contents: dict[Digest, bytes],
    otherwise: Callable[[Request], Response] = lambda _: Response(status=404),
) -> None:
    """Every content under its digest, as a manifest and as a blob."""

    def answer(request: Request) -> Response:
        name = request.path.rpartition("/")[2]
        content = {str(digest): content for digest, content in contents.items()}.get(name)
        if content is None or "/referrers/" in request.path:
            return otherwise(request)
        kind = json.loads(content).get("mediaType", "") if "/manifests/" in request.path else "application/octet-stream"
        return Response(content, content_type=kind)

    server.clear()
    server.expect_request(re.compile("^/v2/.*")).respond_with_handler(answer)


def test_the_measure_measures() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    subprocess.run([sys.executable, "-c", "b'x' * 300_000_000"], check=True)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >= max(before, 250_000)
