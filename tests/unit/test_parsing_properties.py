"""Whatever strangers write, reading it ends in a value or in one of our errors.

Seeds are what BuildKit wrote and what attest signs; they are changed in structure and in bytes. More examples:
ATTEST_EXAMPLES=10000 pytest tests/unit/test_parsing_properties.py
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attest.errors import AttestError, MalformedStatement, StoreError
from attest.evidence.bundle import parse_bundle, parse_envelope
from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.evidence.provenance import read_provenance
from attest.evidence.simple_signing import parse_simple_signing
from attest.evidence.statement import parse_statement
from attest.oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, Descriptor, parse_manifest
from attest.oci.disk.layout import Layout
from attest.reference import LayoutReference, parse_reference
from attest.trust.authentication import authenticate
from attest.trust.signatures import Trust
from attest.trust.signing.statements import sign_image
from tests import images
from tests.fake_store import FakeStore

ASSETS: Final = Path(__file__).parents[1] / "assets" / "buildkit"
COUNT: Final = int(os.environ.get("ATTEST_EXAMPLES", "150"))
LARGEST: Final = 60_000  # bytes of a seed: what is larger has nothing in it that smaller ones have not

bounded = settings(
    max_examples=COUNT, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)

SURPRISES: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**70), max_value=2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", "sha256:", "sha256:" + "0" * 64, "refs/tags/", "\ud800", "a" * 5000, "://", "git@", "#", ":"]),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=5), max_size=3),
    st.just([[[[[[]]]]]]),
)


@cache
def seeds(wanted: str) -> list[bytes]:
    """Documents of one kind: statement, index, manifest or bundle."""
    found = {content for path in ASSETS.glob("*/layout/blobs/sha256/*") if (content := seed(path, wanted))}
    if wanted == "bundle":
        found = {sign_image(images.push({"linux/amd64": None}).digest, images.new_key()).content}
    assert found
    return sorted(found)


def seed(path: Path, wanted: str) -> bytes:
    content = path.read_bytes() if path.stat().st_size < LARGEST else b""
    if not content.startswith(b"{"):
        return b""
    document = json.loads(content)
    media_type = document.get("mediaType", "")
    kind = "index" if media_type in INDEX_TYPES else "manifest" if media_type in MANIFEST_TYPES else ""
    return content if (kind or ("statement" if "predicateType" in document else "")) == wanted else b""


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a document with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@st.composite
def changed(draw: st.DrawFn, kind: str) -> bytes:
    """A document in which some values are others, missing, or there twice; or some bytes."""
    content = draw(st.sampled_from(seeds(kind)))
    if draw(st.integers(0, 3)) == 0:
        return damaged(draw, content)
    document = copy.deepcopy(json.loads(content))
    for _ in range(draw(st.integers(1, 4))):
        inside = places(document)
        if inside:
            change(draw, *inside[draw(st.integers(0, len(inside) - 1))])
    written = json.dumps(document)
    return written.encode()


def change(draw: st.DrawFn, container: Any, key: Any) -> None:
    action = draw(st.sampled_from(["replace", "drop", "rename"]))
    if action == "replace" or isinstance(container, list):
        container[key] = copy.deepcopy(draw(SURPRISES))  # it may be changed in its turn
    elif action == "drop":
        del container[key]
    else:
        name = draw(st.sampled_from([str(key).upper(), str(key) + " ", "", "mediaType", "digest"]))
        container[name] = container.pop(key)


def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    at, end = sorted((draw(st.integers(0, len(content))), draw(st.integers(0, len(content)))))
    return content[:at] + draw(st.binary(max_size=8)) + content[draw(st.sampled_from([at, end])) :]


def only_ours(read: Callable[[], object], kind: type[AttestError] = AttestError) -> object:
    """What reading gives; an error of another kind goes on and fails the test."""
    try:
        return read()
    except kind:
        return None


@bounded
@given(changed("statement"))
def test_a_statement_is_read_or_malformed(content: bytes) -> None:
    def read() -> None:
        statement = parse_statement(content, "here")
        read_provenance(statement)
        assert statement.subject_digests is not None
        assert not statement.predicate or json.loads(statement.predicate_text) is not None

    only_ours(read, MalformedStatement)


@bounded
@given(changed("index") | changed("manifest"), st.sampled_from(["", *sorted(INDEX_TYPES | MANIFEST_TYPES)]))
def test_a_manifest_is_read_or_unreadable(content: bytes, media_type: str) -> None:
    only_ours(lambda: parse_manifest(Descriptor.of(content, media_type), content, "here"), StoreError)


@bounded
@given(changed("bundle"))
def test_a_bundle_is_read_or_malformed(content: bytes) -> None:
    only_ours(lambda: parse_bundle(content, "here"), MalformedStatement)
    only_ours(lambda: parse_envelope(content, "here"), MalformedStatement)


@bounded
@given(changed("statement") | st.binary(max_size=50), st.dictionaries(st.text(max_size=9), st.text(max_size=9)))
def test_simple_signing_is_read_or_malformed(content: bytes, annotations: dict[str, str]) -> None:
    annotations["dev.cosignproject.cosign/signature"] = "c2ln"
    only_ours(lambda: parse_simple_signing(content, annotations, "here"), MalformedStatement)


@bounded
@given(changed("index"), st.lists(changed("manifest"), max_size=3), st.lists(changed("statement"), max_size=2))
def test_an_image_of_changed_documents_is_shown_and_judged_or_unreadable(
    index: bytes, manifests: list[bytes], statements: list[bytes]
) -> None:
    """The changed documents stand under the digests that the index names, as if a store had been made of them."""
    store = FakeStore()
    root = store.root = store.put(index, "application/vnd.oci.image.index.v1+json")
    entries = only_ours(lambda: parse_manifest(root, index, "here"), StoreError)
    for entry, content in zip(getattr(entries, "manifests", ()), [*manifests, *statements], strict=False):
        store.lies[entry.digest] = content
    found = only_ours(lambda: fetch(store), StoreError)
    if isinstance(found, tuple):
        image, evidence = found
        json.dumps(inspection(image, evidence))
        assert not authenticate(image, evidence, Trust()).statements


@bounded
@given(changed("index"), st.binary(max_size=30))
def test_a_layout_of_a_changed_list_is_read_or_refused(tmp_path_factory: Any, index: bytes, marker: bytes) -> None:
    root = tmp_path_factory.mktemp("layout")
    (root / "oci-layout").write_bytes(marker if marker[:1] == b"!" else b'{"imageLayoutVersion":"1.0.0"}')
    (root / "index.json").write_bytes(index)
    reference = parse_reference(f"oci-layout:{root}")
    assert isinstance(reference, LayoutReference)
    only_ours(lambda: fetch(Layout(reference)))


@bounded
@given(st.text(max_size=80) | st.from_regex(r"[a-z.:/@\-0-9]{0,60}", fullmatch=True))
def test_a_reference_is_read_or_a_usage_error(text: str) -> None:
    only_ours(lambda: parse_reference(text))
