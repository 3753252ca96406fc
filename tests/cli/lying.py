"""A registry that holds a signed image and lies about it: one function a lie, listed in docs/hostile-registries.md."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.errors import Unreadable
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.oci.document import parse_object, text
from attest.reference import Digest
from tests import images
from tests.unit.oci.http.registries import NAME, MemoryRegistry, error, listing

MiB: Final = 1024 * 1024
Lie = Callable[[Request], Response | None]


@dataclass(frozen=True, slots=True)
class Truth:
    """What an honest registry would answer with."""

    registry: MemoryRegistry
    pushed: images.Pushed
    bundle: str  # digest of the image signature's bundle
    port: int

    def is_manifest(self, request: Request) -> bool:
        return request.path == f"/v2/{NAME}/manifests/{self.pushed.digest}"

    def is_bundle(self, request: Request) -> bool:
        return request.path.endswith(self.bundle)

    @property
    def index(self) -> bytes:
        return self.registry.manifests[str(self.pushed.digest)][1]

    @property
    def content(self) -> bytes:
        return self.registry.blobs[self.bundle]


def tell_truth(server: HTTPServer, pushed: images.Pushed) -> Truth:
    """Serve what lies in this store, with the referrers API."""
    registry = MemoryRegistry(referrers_api=True).serve(server)
    for digest, content in pushed.store.contents.items():
        try:
            media_type = text(parse_object(content, ""), "mediaType")
        except Unreadable:
            media_type = ""
        if media_type in (OCI_INDEX, OCI_MANIFEST):
            registry.add(content, media_type=media_type)
        registry.blobs[str(digest)] = content
    (signature,) = pushed.store.listed[pushed.digest]
    layers = json.loads(pushed.store.contents[signature.digest])["layers"]
    return Truth(registry, pushed, layers[0]["digest"], server.port)


def endless(piece: bytes) -> Iterator[bytes]:
    """A body that does not end, without a length."""
    while True:
        yield piece


def redirect(target: str) -> Response:
    return Response(status=307, headers={"Location": target})


def flood(count: int) -> Response:
    """So many referrers, none of which is there."""
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": f"sha256:{number:064x}", "size": 500, "artifactType": "x"}
        for number in range(count)
    ]
    return listing(entries)


def page(request: Request, count: int) -> Response:
    """So many referrers, and the promise of another page like this."""
    at = int(request.args.get("at", 0))
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": f"sha256:{at * count + number:064x}", "size": 500}
        for number in range(count)
    ]
    return listing(entries, f"<{request.path}?at={at + 1}>; rel=next")


def json_index(**fields: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, **fields}).encode()


def entry(**fields: object) -> dict[str, object]:
    return {"mediaType": OCI_MANIFEST, "digest": f"sha256:{'1' * 64}", "size": 500, **fields}


def nested(levels: int) -> tuple[bytes, ...]:
    """Indexes in indexes, the outermost first."""
    indexes = [json_index(manifests=[entry()])]
    for _ in range(levels - 1):
        indexes.append(json_index(manifests=[Descriptor.of(indexes[-1], OCI_INDEX).to_json()]))
    return tuple(reversed(indexes))


NESTED: Final = nested(10)
# No index can hold its own digest; this one says that its own bytes stand under another one, and they do.
ITSELF: Final = json_index(manifests=[entry(mediaType=OCI_INDEX, digest=f"sha256:{'2' * 64}", size=300)]).ljust(300)


def ask_for_token(realm: str) -> Response:
    return error(401, "UNAUTHORIZED", "?", WWW_Authenticate=f'Bearer realm="{realm}"')


def token(request: Request, body: bytes | Iterator[bytes]) -> Response:
    """The registry asks for a token, and this is what its own token server gives."""
    path = f"/v2/{NAME}/blobs/token"
    return Response(body) if request.path == path else ask_for_token(f"http://{request.host}{path}")


def as_index(content: bytes, **headers: str) -> Response:
    return Response(content, headers=headers, content_type=OCI_INDEX)


Answer = Callable[[bytes], Response]
# Each kind of lie says what is answered in the place of the honest content.
ABOUT_THE_IMAGE: Final[dict[str, Answer]] = {
    "other-manifest": lambda honest: as_index(honest.replace(b"amd64", b"arm64")),
    "half-manifest": lambda honest: as_index(honest[: len(honest) // 2]),
    "endless-manifest": lambda _: Response(endless(b" " * 65536)),
    "login-page": lambda _: Response("<html>Log in</html>", content_type="text/html"),
    "other-content-type": lambda honest: Response(honest, content_type=OCI_MANIFEST),
    "redirect-nowhere": lambda _: redirect("gopher://example.test/"),
    "redirect-without-address": lambda _: Response(status=307),
    "redirect-to-plain-http": lambda _: redirect("http://registry.example.test/"),
}
ABOUT_THE_SIGNATURE: Final[dict[str, Answer]] = {
    "other-bundle": lambda honest: Response(honest.replace(b"e", b"f", 1)),
    "short-bundle": lambda honest: Response(honest[:-1]),
    "endless-bundle": lambda honest: Response(endless(honest)),
    "gzip-bomb": lambda _: Response(gzip.compress(b"0" * 64 * MiB), headers={"Content-Encoding": "gzip"}),
    "bundle-refused": lambda _: error(403, "DENIED", "not for you"),
    "bundle-gone": lambda _: error(404, "BLOB_UNKNOWN", "no such thing"),
    "bundle-throttled": lambda _: error(429, "TOOMANYREQUESTS", "slow", Retry_After="99999999"),
}
ABOUT_REFERRERS: Final[dict[str, Lie]] = {
    "referrers-refused": lambda _: error(403, "DENIED", "not for you"),
    "referrers-down": lambda _: error(503, "UNAVAILABLE", "maintenance"),
    "referrers-half": lambda _: as_index(b'{"schemaVersion": 2, "manif'),
    "referrers-flood": lambda _: flood(10_000),
    "referrers-enormous": lambda _: listing([entry(size=10 * 1024 * MiB)]),
    "referrers-pages-without-end": lambda request: page(request, 10),
    "referrers-pages-in-a-circle": lambda request: listing([], f"<{request.path}>; rel=next"),
    "referrers-elsewhere": lambda _: listing([], "<http://localhost:1/v2/>; rel=next"),
}
ABOUT_EVERYTHING: Final[dict[str, Lie]] = {
    "redirect-loop": lambda request: redirect(request.path),
    "refused": lambda _: error(403, "DENIED", "not for you"),
    "endless-question": lambda _: error(401, "UNAUTHORIZED", "?", WWW_Authenticate='Basic realm="x"'),
    "throttled": lambda _: error(429, "TOOMANYREQUESTS", "slow", Retry_After="99999999"),
    "long-status-line": lambda _: Response(status="200 " + "x" * MiB),
    "header-flood": lambda _: Response(headers=[("X-Flood", "x")] * 100_000),
    "long-header": lambda _: error(401, "UNAUTHORIZED", "?", WWW_Authenticate="Bearer " + "x" * MiB),
    "token-server-elsewhere": lambda _: ask_for_token("http://tokens.example.test/"),
    "token-login-page": lambda request: token(request, b"<html>Log in</html>"),
    "token-with-newline": lambda request: token(request, b'{"token": "a\\r\\nX-Admin: yes"}'),
    "token-endless": lambda request: token(request, endless(b" " * 65536)),
    "token-refused": lambda request: token(request, b'{"token": "worthless"}'),
    "down": lambda _: error(503, "UNAVAILABLE", "maintenance"),
    "absent": lambda _: error(404, "MANIFEST_UNKNOWN", "no such thing"),
}
# What an index may be that is asked for by tag, so that nothing says which bytes it should have.
DOCUMENTS: Final[dict[str, bytes]] = {
    "deep-json": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "duplicate-keys": b'{"schemaVersion": 2, "manifests": [], "manifests": []}',
    "other-spelling": b'{"schemaVersion": 2, "Manifests": [], "manifests": []}',
    "long-number": b'{"schemaVersion": ' + b"9" * 100_000 + b"}",
    "not-utf-8": b'{"schemaVersion": 2, "mediaType": "\xff"}',
    "index-and-manifest": json_index(manifests=[], layers=[], config={}),
    "no-image": json_index(manifests=[]),
    "many-children": json_index(manifests=[entry(digest=f"sha256:{at:064x}") for at in range(10_000)]),
    "size-negative": json_index(manifests=[entry(size=-1)]),
    "size-fraction": json_index(manifests=[entry(size=1.5)]),
    "size-text": json_index(manifests=[entry(size="500")]),
    "size-enormous": json_index(manifests=[entry(size=2**63)]),
    "digest-none": json_index(manifests=[entry(digest="sha256:..")]),
    "digest-weak": json_index(manifests=[entry(digest=f"md5:{'0' * 32}")]),
    "child-missing": json_index(manifests=[entry()]),
    "nested-indexes": NESTED[0],
    "names-itself": ITSELF,
}
# What stands under the digests that those name.
BELOW: Final[dict[str, bytes]] = {f"sha256:{'2' * 64}": ITSELF} | {str(Digest.of(index)): index for index in NESTED}
CASES: Final = (*ABOUT_THE_IMAGE, *ABOUT_THE_SIGNATURE, *ABOUT_REFERRERS, *ABOUT_EVERYTHING, *DOCUMENTS)


def lie(case: str, truth: Truth) -> Lie:
    """What answers in the registry's place: it gives None where the registry may tell the truth."""

    def answer(request: Request) -> Response | None:
        if case in ABOUT_THE_IMAGE and truth.is_manifest(request):
            return ABOUT_THE_IMAGE[case](truth.index)
        if case in ABOUT_THE_SIGNATURE and truth.is_bundle(request):
            return ABOUT_THE_SIGNATURE[case](truth.content)
        if case in ABOUT_REFERRERS and "/referrers/" in request.path:
            return ABOUT_REFERRERS[case](request)
        if case in DOCUMENTS and request.path.endswith("/manifests/1.0.0"):
            return as_index(DOCUMENTS[case])
        if case in DOCUMENTS and (below := BELOW.get(request.path.rpartition("/")[2])):
            return as_index(below)
        return ABOUT_EVERYTHING[case](request) if case in ABOUT_EVERYTHING else None

    return answer
