"""A registry that answers in every wrong way: the repository's name says how, and `signed` is what it should be."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from attest.oci.descriptor import OCI_INDEX
from tests.cli.layouts import Layout

_REFUSAL: Final = '{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}'
_ABSENT: Final = '{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'

# repository: status, body, headers
_ALWAYS: Final[Mapping[str, tuple[int, str, Mapping[str, str]]]] = {
    "absent": (404, _ABSENT, {"Content-Type": "application/json"}),
    "breaks": (500, "oops", {"Content-Type": "text/plain"}),
    "login-page": (200, "<html>Please log in</html>", {"Content-Type": "text/html"}),
    "nothing": (200, "", {"Content-Type": OCI_INDEX}),
    "other-json": (200, '{"hello": "world"}', {"Content-Type": "application/json"}),
    "wants-password": (401, _REFUSAL, {"WWW-Authenticate": 'Basic realm="registry"'}),
    "wants-nothing": (401, _REFUSAL, {}),
    "forbidden": (403, "", {}),
    "busy": (429, "", {"Retry-After": "3600"}),
}
# What it answers to whoever wants to write.
_WRITING: Final[Mapping[str, tuple[str, int]]] = {
    "only-reads": (_REFUSAL, 403),
    "only-reads-now": ('{"errors": [{"code": "UNSUPPORTED", "message": "the registry is read-only"}]}', 405),
    "has-no-room": ("", 507),
}


@dataclass
class Answers:
    """`asked` is set once somebody waits for an answer that does not come before `released` is."""

    host: str
    asked: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(signed: Path) -> Iterator[Answers]:
    with HTTPServer(host="127.0.0.1", threaded=True) as server:
        answers = Answers(f"127.0.0.1:{server.port}")
        layout = Layout(signed)
        server.expect_request(re.compile("^/v2/.*")).respond_with_handler(lambda asked: _answer(answers, layout, asked))
        server.expect_request("/token").respond_with_data(_REFUSAL, 401)
        yield answers
        answers.released.set()


def _answer(answers: Answers, layout: Layout, request: Request) -> Response:
    match = re.fullmatch(r"/v2/([^/]+)/app/(manifests|blobs|referrers)/(.*)", request.path)
    assert match is not None, request.path
    repository, kind, name = match.groups()
    if repository in _ALWAYS:
        status, body, headers = _ALWAYS[repository]
        return Response(body, status, dict(headers))
    if repository == "wants-token":
        return Response(_REFUSAL, 401, {"WWW-Authenticate": f'Bearer realm="http://{answers.host}/token"'})
    of_referrers = kind == "referrers" or name.startswith("sha256-")
    if repository == "silent" or (repository == "silent-about-referrers" and of_referrers):
        answers.asked.set()
        answers.released.wait(60)
    if of_referrers:
        return Response(_REFUSAL, 403) if repository == "hides-referrers" else _referrers(layout, name)
    if request.method == "POST":
        return Response(*_WRITING[repository])
    if kind == "blobs" and not layout.place(name).exists():
        return Response(_ABSENT, 404)
    content = layout.place(layout.image if name == "1" else name).read_bytes()
    if repository == "changes" and kind == "blobs":
        content = content.replace(b"1", b"2")
    return Response(content, content_type=_media_type(content) if kind == "manifests" else "application/octet-stream")


def _referrers(layout: Layout, subject: str) -> Response:
    if subject.startswith("sha256-"):
        return Response(_ABSENT, 404)
    listed = [entry for entry in layout.entries[1:] if layout.read(entry["digest"])["subject"]["digest"] == subject]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return Response(json.dumps(index), content_type=OCI_INDEX)


def _media_type(content: bytes) -> str:
    media_type = json.loads(content)["mediaType"]
    assert isinstance(media_type, str)
    return media_type
