"""What lies in a registry, asked without any program that is being tested."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from typing import Any, Final

_ACCEPT: Final = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def _ask(host: str, path: str) -> tuple[int, bytes]:
    """The status and the body of `/v2/PATH`."""
    with closing(http.client.HTTPConnection(host, timeout=30)) as connection:
        connection.request("GET", f"/v2/{path}", headers={"Accept": _ACCEPT})
        answer = connection.getresponse()
        return answer.status, answer.read()


def manifest(reference: str) -> Any:
    """The manifest of HOST/REPOSITORY@DIGEST or HOST/REPOSITORY:TAG."""
    return json.loads(_read(reference, "manifests"))


def blob(reference: str) -> bytes:
    """The blob HOST/REPOSITORY@DIGEST."""
    return _read(reference, "blobs")


def tags(name: str) -> list[str]:
    """The tags of HOST/REPOSITORY but for those that hold referrers."""
    host, _, repository = name.partition("/")
    status, body = _ask(host, f"{repository}/tags/list")
    return [tag for tag in json.loads(body)["tags"] or () if not tag.startswith("sha256-")] if status == 200 else []


def referrers(reference: str) -> list[str]:
    """The digests of what hangs off HOST/REPOSITORY@DIGEST, by the API or by the fallback tag."""
    host, _, rest = reference.partition("/")
    repository, _, digest = rest.partition("@")
    for path in (f"referrers/{digest}", f"manifests/{digest.replace(':', '-')}"):
        status, body = _ask(host, f"{repository}/{path}")
        if status == 200:
            return [entry["digest"] for entry in json.loads(body)["manifests"]]
    return []


def _read(reference: str, kind: str) -> bytes:
    host, _, rest = reference.partition("/")
    repository, _, name = rest.partition("@") if "@" in rest else rest.rpartition(":")
    status, body = _ask(host, f"{repository}/{kind}/{name}")
    assert status == 200, f"{reference}: {status} {body.decode(errors='replace')}"
    return body
