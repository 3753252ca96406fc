"""Taking evidence away never improves an answer: whoever can write to the registry gains nothing by deleting.

To improve means to become passed; failed and unknown rank alike. The one exception is a test of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB
from attest.oci.descriptor import OCI_INDEX, OCI_MANIFEST, Descriptor
from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.reference import Digest
from attest.trust.keys import load_public_key, load_signing_key
from attest.trust.signatures import Trust
from attest.trust.signing import sign_statement
from attest.verification import verify_reference
from tests import images
from tests.fake_store import FakeStore
from tests.recordings.conftest import Signer
from tests.recordings.expected import FEATURE, INITIAL, MAIN, ORIGIN, SERVED, TAG_OBJECT
from tests.recordings.reading import Printed

BY_THE_JOB: Final = ("--source-repository", ORIGIN, "--source-commit", MAIN, "--source-tag", "v2.0.0")
SIGNED: Final = {
    "local-v1-max": BY_THE_JOB,
    "local-v02-max": (),
    "multiplatform": BY_THE_JOB,
    "sbom-tiny": BY_THE_JOB,
    "remote-v1-max-branch": ("--source-branch", "main"),
    "buildctl-local-max": BY_THE_JOB,
    "dirty-check": ("--source-repository", ORIGIN),
    "named-ctx": BY_THE_JOB,
    "forged-vcs": (),
}
QUESTIONS: Final = {
    "commit": Expectations(ORIGIN, MAIN),
    "tag": Expectations(ORIGIN, MAIN, tag="v2.0.0"),
    "branch": Expectations(SERVED, MAIN, branch="main"),
    "other-commit": Expectations(commit=FEATURE),
    "signature": Expectations(signature_only=True),
}


@dataclass(frozen=True, order=True)
class Piece:
    """A referrer of `host`, or a statement that is embedded in the attestation manifest `host`."""

    embedded: bool
    host: str
    digest: str


class Registry:
    """A signed layout in memory, to be asked what is left when only some pieces are kept."""

    def __init__(self, layout: Path) -> None:
        self.blobs = {Digest("sha256", path.name): path.read_bytes() for path in (layout / "blobs/sha256").iterdir()}
        image, *self.referrers = json.loads((layout / "index.json").read_text())["manifests"]
        self.root = Digest.parse(image["digest"])

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        hung = [Piece(False, self.read(one["digest"])["subject"]["digest"], one["digest"]) for one in self.referrers]
        inside = [
            Piece(True, entry["digest"], layer["digest"])
            for entry in self.read(str(self.root))["manifests"]
            for layer in self.read(entry["digest"])["layers"]
            if entry["platform"]["os"] == "unknown"
        ]
        return (*hung, *inside)

    @property
    def statements(self) -> set[str]:
        """Digests of the bundles and of the embedded statements."""
        return {self.statement_of(piece) for piece in self.pieces}

    def statement_of(self, piece: Piece) -> str:
        return piece.digest if piece.embedded else str(self.read(piece.digest)["layers"][0]["digest"])

    def hanging(self, statements: frozenset[str]) -> Iterator[Piece]:
        return (piece for piece in self.pieces if self.statement_of(piece) in statements)

    def read(self, digest: str) -> Printed:
        document: Printed = json.loads(self.blobs[Digest.parse(digest)])
        return document

    def keeping(self, kept: frozenset[Piece]) -> FakeStore:
        store = FakeStore()
        store.contents = dict(self.blobs)
        for piece in kept:
            if not piece.embedded:
                content = self.blobs[Digest.parse(piece.digest)]
                store.list_referrer(Digest.parse(piece.host), Descriptor.of(content, OCI_MANIFEST))
        store.root = Descriptor.of(self.blobs[self.root], OCI_INDEX)
        if removed := {piece for piece in self.pieces if piece.embedded} - kept:
            index = self.read(str(self.root))
            index["manifests"] = list(self._entries(index, removed, store))
            store.root = store.put(images.encode(index), OCI_INDEX)
        return store

    def _entries(self, index: Printed, removed: set[Piece], store: FakeStore) -> Iterator[Printed]:
        """The index's entries; attestation manifests without the removed statements, or not at all."""
        for entry in index["manifests"]:
            manifest = self.read(entry["digest"])
            layers = [
                layer for layer in manifest["layers"] if Piece(True, entry["digest"], layer["digest"]) not in removed
            ]
            if layers == manifest["layers"]:
                yield entry
            elif layers:
                changed = store.put(images.encode({**manifest, "layers": layers}), OCI_MANIFEST)
                yield {**entry, "digest": str(changed.digest), "size": changed.size}


def passes(store: FakeStore, signer: Signer, expected: Expectations) -> bool:
    trust = Trust((load_public_key(str(signer.pub), {}),))
    return verify_reference(store, trust, expected).verdict is Status.PASSED


# --- The property -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SIGNED)
@pytest.mark.parametrize("expected", QUESTIONS.values(), ids=QUESTIONS)
def test_without_any_one_piece_nothing_passes_that_did_not_before(
    name: str, expected: Expectations, signer: Signer
) -> None:
    registry = Registry(signer.signed(name, *SIGNED[name]))
    everything = frozenset(registry.pieces)
    if passes(registry.keeping(everything), signer, expected):
        return  # there is nothing to improve

    improved = [piece for piece in everything if passes(registry.keeping(everything - {piece}), signer, expected)]

    assert not improved


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("local-v1-max", "tag"),
        ("remote-v1-max-branch", "branch"),
        ("buildctl-local-max", "commit"),
        ("dirty-check", "commit"),
        ("named-ctx", "commit"),
        ("named-ctx", "tag"),
        ("forged-vcs", "commit"),
        ("sbom-tiny", "signature"),
    ],
)
def test_whatever_is_left_a_statement_less_improves_nothing(name: str, question: str, signer: Signer) -> None:
    """Every choice of statements, each taken away from all the places where it hangs."""
    registry = Registry(signer.signed(name, *SIGNED[name]))
    choices = [frozenset(some) for n in range(10) for some in combinations(sorted(registry.statements), n)]
    passed = {
        kept: passes(registry.keeping(frozenset(registry.hanging(kept))), signer, QUESTIONS[question])
        for kept in choices
    }

    improved = [(kept, less) for kept in choices for less in kept if passed[kept - {less}] > passed[kept]]

    assert not improved
    assert not passed[frozenset()]


@settings(max_examples=10)
@given(data=st.data(), question=st.sampled_from(sorted(QUESTIONS)))
def test_piece_after_piece_of_two_platforms_improves_nothing(
    data: st.DataObject, question: str, signer: Signer
) -> None:
    registry = Registry(signer.signed("multiplatform", *SIGNED["multiplatform"]))
    order = data.draw(st.permutations(registry.pieces))

    answers = [
        passes(registry.keeping(frozenset(order[removed:])), signer, QUESTIONS[question])
        for removed in range(len(order) + 1)
    ]

    assert answers == sorted(answers, reverse=True)
    assert not answers[-1]


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("local-v1-max", "tag"),
        ("multiplatform", "commit"),
        ("remote-v1-max-branch", "branch"),
        ("dirty-check", "signature"),
    ],
)
def test_some_answers_have_something_to_lose(name: str, question: str, signer: Signer) -> None:
    """The property would hold as well if nothing ever passed."""
    registry = Registry(signer.signed(name, *SIGNED[name]))
    embedded = frozenset(piece for piece in registry.pieces if piece.embedded)

    assert passes(registry.keeping(frozenset(registry.pieces)), signer, QUESTIONS[question])
    assert not passes(registry.keeping(embedded), signer, QUESTIONS[question])


@pytest.mark.parametrize("name", ["local-v1-max", "dirty-check"])
def test_evidence_that_is_listed_but_gone_is_unknown(name: str, signer: Signer) -> None:
    """Whoever deletes blobs instead of referrers gains nothing either."""
    registry = Registry(signer.signed(name, *SIGNED[name]))
    for piece in registry.pieces:
        store = registry.keeping(frozenset(registry.pieces))
        del store.contents[Digest.parse(piece.digest)]
        for expected in QUESTIONS.values():
            assert not passes(store, signer, expected)


@pytest.mark.parametrize(
    "commit",
    [INITIAL, MAIN, TAG_OBJECT],
)
def test_without_the_tag_object_nothing_passes_that_did_not_before(
    commit: str, signer: Signer, sample_repository: Path
) -> None:
    registry = Registry(signer.signed("remote-v1-max-tag", where=sample_repository))
    everything = frozenset(registry.pieces)
    claim = frozenset(piece for piece in everything if CI_JOB.encode() in registry.blobs[Digest.parse(piece.digest)])
    assert claim

    with_it = passes(registry.keeping(everything), signer, Expectations(commit=commit))
    without_it = passes(registry.keeping(everything - claim), signer, Expectations(commit=commit))

    assert with_it == (commit in (INITIAL, TAG_OBJECT))  # people take a tag's object name for its commit
    assert without_it <= with_it


# --- The exception ----------------------------------------------------------------------------------------------------


def test_a_lone_contradicting_statement_can_be_deleted(signer: Signer) -> None:
    """Nobody can tell that it was there. Whoever signs a contradiction has to hang it off twice."""
    registry = Registry(signer.signed("local-v1-max", *SIGNED["local-v1-max"]))
    store = registry.keeping(frozenset(registry.pieces))
    expected = QUESTIONS["commit"]
    assert passes(store, signer, expected)

    key = load_signing_key(str(signer.key), {})
    contradiction = images.embedded(images.local_build(FEATURE), registry.root)
    images.attach(
        store, sign_statement(contradiction, SLSA_V1, key), Descriptor.of(registry.blobs[registry.root], OCI_INDEX)
    )
    assert not passes(store, signer, expected)

    store.listed[registry.root].pop()
    assert passes(store, signer, expected)
