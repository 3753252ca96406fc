"""Evidence of any shape, signed or not, is shown as the schemas promise and judged, and never ends in a stack trace.

tests/unit/test_parsing_properties.py has the parsers one by one; here whole images go through all that attest does.
ATTEST_EXAMPLES asks for more tries, and for other ones each time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

import jsonschema_rs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attest.errors import AttestError, StoreError
from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB, parse_statement
from attest.oci.content import checked, within
from attest.oci.descriptor import IN_TOTO, OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.oci.document import encode, parse_object
from attest.policy.expectations import Expectations
from attest.trust.signatures import Trust
from attest.trust.signing.statements import SignedBundle
from attest.verification import verify
from tests import images
from tests.fake_store import FakeStore
from tests.unit.mutated import damaged, structured

ROOT: Final = Path(__file__).parents[2]
ASKED: Final = int(os.environ.get("ATTEST_EXAMPLES", "0"))
KEY: Final = images.new_key()


def tries(count: int) -> settings:
    """The same ones each time, unless more are asked for."""
    return settings(
        max_examples=ASKED or count,
        derandomize=not ASKED,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


def recorded() -> Iterator[bytes]:
    for path in ROOT.glob("tests/assets/buildkit/*/layout/blobs/sha256/*"):
        if path.stat().st_size < 100_000:
            yield path.read_bytes()


class Seeds:
    """What the recordings hold, by kind: statements, manifests, indexes."""

    def __init__(self) -> None:
        self.statements: list[bytes] = []
        self.manifests: list[bytes] = []
        self.indexes: list[bytes] = []
        for content in sorted(set(recorded()), key=len):
            self._sort_in(content)

    def _sort_in(self, content: bytes) -> None:
        with suppress(AttestError):
            document = parse_object(content, "")
            for key, kind in (("_type", self.statements), ("layers", self.manifests), ("manifests", self.indexes)):
                if key in document:
                    kind.append(content)


@cache
def seeds() -> Seeds:
    return Seeds()


def gone_wrong(which: Callable[[], list[bytes]]) -> st.SearchStrategy[bytes]:
    """Read when the first test needs them, so that collecting tests reads no recordings."""
    return st.deferred(lambda: structured(which()) | damaged(which()))


STATEMENTS: Final = gone_wrong(lambda: seeds().statements)
MANIFESTS: Final = gone_wrong(lambda: seeds().manifests)
INDEXES: Final = gone_wrong(lambda: seeds().indexes)
BUNDLES: Final = gone_wrong(lambda: [_bundle(), _keyless_bundle()])
PREDICATES: Final[tuple[tuple[str, images.Predicate], ...]] = (
    (SLSA_V1, images.local_build()),
    (SLSA_V1, images.git_build("refs/tags/v1.0.0", args={"context:base": "docker-image://x"}, locals=[{"name": "x"}])),
    (CI_JOB, {"source": {"repository": images.REPOSITORY, "commit": images.COMMIT, "tagObject": "b2JqZWN0"}}),
)
SIGNED: Final = gone_wrong(lambda: [_about(kind, said) for kind, said in PREDICATES])


def _about(kind: str, said: images.Predicate) -> bytes:
    """A statement about the small image."""
    pushed = small_image()
    return images.embedded(said, pushed.platforms["linux/amd64"].digest, pushed.digest, predicate_type=kind)


def _bundle() -> bytes:
    """Always the same bytes, so the signature is none."""
    return images.bundle_of(seeds().statements[0], [b"signature"], "hint").content


def _keyless_bundle() -> bytes:
    """The shape that Fulcio's users write: certificates, log entries, timestamps."""
    bundle = json.loads(_bundle())
    bundle["verificationMaterial"] = {
        "x509CertificateChain": {"certificates": [{"rawBytes": "MIIB"}]},
        "certificate": {"rawBytes": "MIIB"},
        "tlogEntries": [{"logIndex": "1", "canonicalizedBody": "e30="}],
        "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "MIIB"}]},
    }
    return images.encode(bundle)


@tries(200)
@given(STATEMENTS)
def test_the_text_of_a_predicate_says_what_was_read_of_it(raw: bytes) -> None:
    """It is what gets signed: what is signed and what was looked at must be the same."""
    try:
        statement = parse_statement(raw, "here")
        signed = statement.predicate_text
    except AttestError:
        return
    value = json.loads(signed)
    assert statement.predicate == (value if isinstance(value, dict) else {})


class HonestStore(FakeStore):
    """Holds whatever it was given and keeps a store's promises about it."""

    def _read(self, descriptor: Descriptor) -> bytes:
        return checked(super()._read(descriptor), descriptor, "here")

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        within(descriptor, limit, "here")
        return self._read(descriptor)


@cache
def recordings() -> HonestStore:
    """Everything that was recorded, in one place, so that an index leads to what it names."""
    store = HonestStore()
    for content in recorded():
        store.put(content, "")
    return store


def small_image() -> images.Pushed:
    """The same one each time."""
    return images.push({"linux/amd64": images.local_build()}, HonestStore())


def look_at(store: FakeStore) -> int | None:
    """All that attest does to an image when it is asked: the exit code, or None where it cannot be read."""
    try:
        image, evidence = fetch(store)
    except StoreError:
        return None
    _schema("inspect.v1").validate(json.loads(encode(inspection(image, evidence))))
    report = verify(image, evidence, Trust((KEY.public,)), EXPECTED)
    _schema("report.v1").validate(json.loads(encode(report.to_json())))
    assert report.exit_code != 0
    return report.exit_code


@cache
def _schema(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text()))


# No seed says so, and no mutation can guess it.
EXPECTED: Final = Expectations(images.REPOSITORY, images.OTHER_COMMIT)


def with_signed(payload: bytes) -> FakeStore:
    pushed = small_image()
    bundle = images.bundle_of(payload, [images.signature_of(payload, KEY)])
    images.attach(pushed.store, bundle, pushed.platforms["linux/amd64"])
    return pushed.store


def test_what_is_mutated_is_trusted_and_judged_as_long_as_it_is_whole() -> None:
    assert look_at(with_signed(_about(*PREDICATES[0]))) == 1  # a trusted statement names another commit
    assert look_at(small_image().store) == 3  # nothing is trusted
    assert min(len(kind) for kind in (seeds().statements, seeds().manifests, seeds().indexes)) > 20


@tries(100)
@given(INDEXES)
def test_an_image_under_a_broken_index_is_read_or_refused(raw: bytes) -> None:
    store = recordings()
    store.root = store.put(raw, OCI_INDEX)
    look_at(store)


@tries(100)
@given(MANIFESTS, st.booleans())
def test_an_image_with_a_broken_manifest_is_read_or_refused(raw: bytes, of_attestations: bool) -> None:
    pushed = small_image()
    broken = pushed.store.put(raw, OCI_MANIFEST)
    about = pushed.platforms["linux/amd64"].digest
    entry = {**broken.to_json(), "platform": {"os": "linux", "architecture": "arm64"}}
    extra = images.attestation_entry(broken, about) if of_attestations else entry
    look_at(images.push({"linux/amd64": images.local_build()}, pushed.store, [extra]).store)


@tries(300)
@given(STATEMENTS)
def test_an_image_with_a_broken_statement_is_shown_and_judged(raw: bytes) -> None:
    store = HonestStore()
    image = images.push_manifest(store, "linux/amd64")
    manifest = images.push_attestation_manifest(store, [store.put(raw, IN_TOTO)])
    entries = [
        {**image.to_json(), "platform": {"os": "linux", "architecture": "amd64"}},
        images.attestation_entry(manifest, image.digest),
    ]
    store.root = store.put(images.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}), OCI_INDEX)
    look_at(store)


@tries(400)
@given(SIGNED)
def test_a_broken_statement_that_the_right_key_signed_is_judged(payload: bytes) -> None:
    """A signature makes nothing well-formed: every line that judges is reached."""
    look_at(with_signed(payload))


@tries(100)
@given(BUNDLES)
def test_an_image_with_a_broken_bundle_is_shown_and_judged(raw: bytes) -> None:
    pushed = small_image()
    images.attach(pushed.store, SignedBundle(raw, SLSA_V1), pushed.root)
    look_at(pushed.store)


@tries(60)
@given(gone_wrong(lambda: [images.encode({"os": "linux", "architecture": "arm", "variant": "v7", "config": {}})]))
def test_an_image_with_a_broken_config_is_read_or_refused(raw: bytes) -> None:
    store = HonestStore()
    config = store.put(raw, "application/vnd.oci.image.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.to_json(), "layers": []}
    store.root = store.put(images.encode(manifest), OCI_MANIFEST)
    look_at(store)
