"""Taking evidence away never improves an answer: whoever can write to the registry gains nothing by deleting.

To improve means to become passed; failed and unknown rank alike. The one exception is a test of its own. Asked of every
recording, with and without a policy; each is signed so that something is passed which can be lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
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
from attest.policy.language.reading import read_policy
from attest.policy.report import Status
from attest.policy.roots import believed
from attest.reference import Digest
from attest.trust.keys import PublicKey, load_public_key, load_signing_key
from attest.trust.signing.statements import sign_statement
from attest.verification import verify_reference
from tests import images
from tests.fake_store import FakeStore
from tests.recordings.conftest import Signer
from tests.recordings.expected import (
    BRANCH_AND_A_LOCAL_FILE,
    DIRTY,
    FEATURE,
    FORGED,
    INITIAL,
    MAIN,
    ORIGIN,
    RECORDINGS,
    SERVED,
    TAG,
    TAG_OBJECT,
    WITH_A_CREDENTIAL,
    Recording,
)
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
    WITH_A_CREDENTIAL: ("--allow-build-arg", "TOKEN"),
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

    @property
    def losses(self) -> set[frozenset[Piece]]:
        """Any one piece, and any one statement wherever it hangs."""
        whole = {frozenset(self.hanging(frozenset({statement}))) for statement in self.statements}
        return {frozenset({piece}) for piece in self.pieces} | whole

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
    trust = believed(expected.policy, (key_in(str(signer.pub)),), (), None, {})
    return verify_reference(store, trust, expected).verdict is Status.PASSED


@cache
def key_in(path: str) -> PublicKey:
    return load_public_key(path, {})


# --- Every recording --------------------------------------------------------------------------------------------------

POLICY: Final = """\
schema = "policy.v1"
signature_required = {signed}

[[trust.keys]]
key = "cosign.pub"

[source]
repository = "{repository}"
{accepted}
[build]
types = ["{type}"]
complete = {complete}

{sbom}
"""
DEMANDED: Final = '[sbom]\nrequired = true\nformats = ["spdx"]'

ACCEPTED: Final = """
[[source.accepted]]
name = "context:127.0.0.1:5000/base:1"
digest = "sha256:2c3751fb1e520d12f8df5030af2af3e4380a97903acff59b51f4ff0fa3777447"
"""


def is_replaced(recording: Recording) -> bool:
    return recording.name == "syntax-max" or recording.context is BRANCH_AND_A_LOCAL_FILE


def right(recording: Recording) -> Expectations:
    """What is true of it and can be proven."""
    if is_replaced(recording) or recording.name == "named-ctx":
        return Expectations(signature_only=True)
    said = {fact: str(value.value) for fact, value in recording.context.source.items()}
    if recording.context is FORGED:
        return Expectations(said["repository"], said["commit"])
    return Expectations(recording.context.repository, "" if recording.context is DIRTY else recording.context.commit)


def under_policy(recording: Recording, signer: Signer, **other: str) -> Expectations:
    """What is true of it, demanded by a policy; `other` demands something else."""
    repository = recording.context.source.get("repository")
    demanded = {
        "signed": "true",
        "repository": str(repository.value) if repository else ORIGIN,
        "accepted": ACCEPTED if recording.name == "named-ctx" else "",
        "type": recording.form.build_type,
        "complete": str(recording.context.complete).lower(),
        "sbom": DEMANDED if recording.sbom else "",
    }
    path = signer.folder / "policy.toml"
    path.write_text(POLICY.format(**{**demanded, **other}))
    return Expectations(policy=read_policy(str(path)))


def registry_of(recording: Recording, signer: Signer, repository: Path) -> Registry:
    where = repository if recording.context is TAG else None
    arguments = BY_THE_JOB if not recording.context.source else SIGNED.get(recording.name, ())
    return Registry(signer.signed(recording.name, *arguments, where=where))


def answers_of(registry: Registry, order: Sequence[Piece], signer: Signer, expected: Expectations) -> list[bool]:
    """What is answered when one piece after the other is taken away."""
    return [passes(registry.keeping(frozenset(order[removed:])), signer, expected) for removed in range(len(order) + 1)]


each_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)


@each_recording
def test_every_recording_passes_once_and_loses_that_with_its_evidence(
    recording: Recording, signer: Signer, sample_repository: Path
) -> None:
    registry = registry_of(recording, signer, sample_repository)
    policy = under_policy(recording, signer)

    assert passes(registry.keeping(frozenset(registry.pieces)), signer, policy) is not is_replaced(recording)
    for expected, order in ((right(recording), registry.pieces), (policy, registry.pieces[::-1])):
        answers = answers_of(registry, order, signer, expected)
        assert answers == sorted(answers, reverse=True)
        assert answers[0] or expected is policy
        assert not answers[-1]


@each_recording
def test_without_any_one_piece_nothing_passes_that_did_not_before(
    recording: Recording, signer: Signer, sample_repository: Path
) -> None:
    registry = registry_of(recording, signer, sample_repository)
    everything = frozenset(registry.pieces)
    other_policies = [
        under_policy(recording, signer, signed="false", **other)
        for other in ({"type": "https://example.test/another"}, {"complete": "true"}, {"sbom": DEMANDED})
    ]
    for expected in (*QUESTIONS.values(), *other_policies):
        if passes(registry.keeping(everything), signer, expected):
            continue  # there is nothing to improve
        improved = [less for less in registry.losses if passes(registry.keeping(everything - less), signer, expected)]
        assert not improved


# --- Several pieces at once -------------------------------------------------------------------------------------------


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

    answers = answers_of(registry, order, signer, QUESTIONS[question])

    assert answers == sorted(answers, reverse=True)
    assert not answers[-1]


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
