"""Asking of a bundle who signed it and when, and changing one thing in it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from attest.evidence.bundle import Bundle, parse_any_bundle
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import CertifiedSigner
from tests.authority import IDENTITY
from tests.sigstore.bundles import Bundles, Document, in_bundle

Change = Callable[[Document], object]


def parsed(document: Document) -> Bundle:
    return parse_any_bundle(json.dumps(document).encode(), "a bundle")


def signer(bundles: Bundles, document: Document, folder: Path, **root: Any) -> CertifiedSigner:
    return TrustedRoots(bundles.trusted_root(folder, **root)).signer_of(parsed(document))


def holds(bundles: Bundles, document: Document, folder: Path, **root: Any) -> bool:
    """Whether it was signed by who is certified."""
    return signer(bundles, document, folder, **root).identity == IDENTITY


def seen(bundles: Bundles, document: Document, folder: Path, **root: Any) -> datetime | None:
    return TrustedRoots(bundles.trusted_root(folder, **root)).time_of(parsed(document), bundles.public)


def material(document: Document) -> Document:
    found: Document = document["verificationMaterial"]
    return found


def just_now(at: datetime | None) -> bool:
    return at is not None and abs(datetime.now(UTC) - at) < timedelta(minutes=5)


def period(before: datetime, after: datetime | None = None) -> Document:
    return {"start": before.isoformat(), **({"end": after.isoformat()} if after else {})}


def put(*path: Any, value: Any) -> Change:
    """A change of one value, deep in a document."""

    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value(document[path[-1]]) if callable(value) else value

    return change


def reinclude(bundles: Bundles, document: Document, change: Change) -> None:
    """Have the log keep what was changed in its body, so that nothing but the body is wrong."""
    (entry,) = material(document)["tlogEntries"]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    change(body["spec"])
    if body["apiVersion"] == "0.0.2" and body["kind"] == "hashedrekord":
        kept = body["spec"]["hashedRekordV002"]
        request = {"digest": kept["data"]["digest"], "signature": kept["signature"]}
        material(document)["tlogEntries"] = [bundles.instance.log_v2.add({"hashedRekordRequestV002": request})]
    else:
        material(document)["tlogEntries"] = [in_bundle(bundles.instance.log_v1.keep(body))]
