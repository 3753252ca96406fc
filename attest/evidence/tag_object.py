"""Annotated tags: from the tag object to the commit that it names, proven by hashing the raw object again."""

from __future__ import annotations

import hashlib
import re
from typing import Final

# git's data model, "tag": headers in this order, the commit first
_HEADERS: Final = re.compile(rb"object ([0-9a-f]{40}|[0-9a-f]{64})\ntype commit\ntag ([^\n\0]+)\n")
_HASHES: Final = {40: "sha1", 64: "sha256"}


def peel(raw: bytes, object_id: str) -> tuple[str, str] | None:
    """The commit and tag name in a raw tag object, if it hashes to `object_id` and names a commit; otherwise None.

    `raw` is the object's body as `git cat-file tag` gives it. A map from tag to commit is no evidence; this is.
    """
    algorithm = _HASHES.get(len(object_id))
    match = _HEADERS.match(raw)
    if algorithm is None or match is None:
        return None
    computed = hashlib.new(algorithm, b"tag %d\0" % len(raw) + raw, usedforsecurity=False).hexdigest()
    if computed != object_id:
        return None
    return match[1].decode(), match[2].decode("utf-8", "replace")
