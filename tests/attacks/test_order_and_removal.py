"""What a registry may choose: the order of its lists, and what it leaves out. Neither may make a verdict better."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Final

import pytest

from attest.evidence.provenance import SLSA_V1
from attest.oci.descriptor import OCI_INDEX
from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.reference import Platform
from attest.trust.identity import ExpectedIdentity
from attest.trust.keys import PublicKey, SigningKey
from attest.trust.signatures import Trust
from attest.trust.signing.statements import sign_statement
from attest.verification import verify_reference
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, ask, passed, trouble
from tests.attacks.test_certificate_claims import IDENTITY, ISSUER, PIPELINE
from tests.cosign_tags import envelope, tag
from tests.pretended_roots import PretendedRoots

ELSEWHERE: Final = replace(PIPELINE, commit=images.OTHER_COMMIT)


def asked(pushed: images.Pushed, authority: PretendedRoots, *keys: PublicKey, expected: Expectations) -> Report:
    trust = Trust(keys, (ExpectedIdentity(IDENTITY, ISSUER),), authority)
    return verify_reference(pushed.store, trust, expected)


def signed_by(pushed: images.Pushed, *keys: SigningKey) -> None:
    for key in keys:
        images.sign_index(pushed, key, certificate=b"a certificate")


def test_two_certificates_of_one_identity_contradict_in_any_order() -> None:
    good, other = images.new_key(), images.new_key()
    authority = PretendedRoots(((good.public, PIPELINE), (other.public, ELSEWHERE)))
    honest = images.push({"linux/amd64": images.local_build()})
    signed_by(honest, good)
    assert passed(asked(honest, authority, expected=REPOSITORY_AND_COMMIT))

    for order in permutations((good, other)):
        pushed = images.push({"linux/amd64": images.local_build()})
        signed_by(pushed, *order)
        assert asked(pushed, authority, expected=REPOSITORY_AND_COMMIT).verdict is Status.FAILED


@pytest.mark.parametrize("key_first", [True, False])
def test_a_key_and_a_certificate_that_contradict_fail_in_any_order(key_first: bool) -> None:
    key, other = images.new_key(), images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    if key_first:
        images.sign_index(pushed, key)
    signed_by(pushed, other)
    if not key_first:
        images.sign_index(pushed, key)
    authority = PretendedRoots(((other.public, ELSEWHERE),))
    assert asked(pushed, authority, key.public, expected=REPOSITORY_AND_COMMIT).verdict is Status.FAILED


@pytest.mark.parametrize("ref", ["", "refs/tags/v1.0.0"])
def test_a_certificate_counts_only_beside_provenance_of_the_same_commit(ref: str) -> None:
    key = images.new_key()
    expected = Expectations(images.REPOSITORY, tag=images.TAG)
    for resolved, verdict in ((images.COMMIT, Status.PASSED), (images.OTHER_COMMIT, Status.UNKNOWN)):
        pushed = images.push({"linux/amd64": images.git_build(ref, resolved)})
        signed_by(pushed, key)
        assert asked(pushed, PretendedRoots(((key.public, PIPELINE),)), expected=expected).verdict is verdict


@pytest.mark.parametrize(
    ("certificate", "provenance"),
    [
        ("refs/heads/main", "refs/heads/evil"),
        ("refs/tags/v1.0.0", "refs/heads/evil"),
        ("refs/heads/main", "refs/tags/v1"),
    ],
)
def test_refs_that_contradict_fail_even_if_nobody_asked(certificate: str, provenance: str) -> None:
    key = images.new_key()
    for built_from, verdict in ((certificate, Status.PASSED), (provenance, Status.FAILED)):
        pushed = images.push({"linux/amd64": images.git_build(built_from)})
        signed_by(pushed, key)
        authority = PretendedRoots(((key.public, replace(PIPELINE, ref=certificate)),))
        expected = Expectations(images.REPOSITORY) if built_from.startswith("refs/tags") else REPOSITORY_AND_COMMIT
        assert asked(pushed, authority, expected=expected).verdict is verdict


def test_git_objects_that_may_be_several_are_unknown_even_if_nobody_asked() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": None})
    images.sign_provenance(pushed, "linux/amd64", images.git_build("v1", images.COMMIT), key)
    assert passed(ask(pushed, key, Expectations(images.REPOSITORY)))
    images.sign_provenance(pushed, "linux/amd64", images.git_build("v1", images.OTHER_COMMIT), key)
    report = ask(pushed, key, Expectations(images.REPOSITORY))
    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "not-peelable")


def test_a_runnable_image_of_unknown_platform_is_asked_for_its_tags() -> None:
    key = images.new_key()
    pushed = images.push({"unknown/unknown": None})
    images.sign_provenance(pushed, "unknown/unknown", images.local_build(), key)
    assert passed(ask(pushed, key))
    platform = pushed.platforms["unknown/unknown"].digest
    statement = images.embedded(images.local_build(images.OTHER_COMMIT), platform)
    tag(pushed.store, platform, "att", envelope(statement, images.signature_of(statement, key)))
    assert ask(pushed, key).verdict is Status.FAILED


def test_a_child_without_an_operating_system_is_one_that_runs_here_too() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build(), "/amd64": images.local_build(images.OTHER_COMMIT)})
    images.sign_index(pushed, key)
    report = ask(pushed, key)
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "platform-repeated")


def wrapped(inner: images.Pushed) -> images.Pushed:
    """The same image in an index around its index, beside a platform that is somebody else's."""
    foreign = images.push({"linux/s390x": None}, inner.store)
    entries = [inner.root.to_json(), {**foreign.platforms["linux/s390x"].to_json()}]
    entries[1]["platform"] = {"os": "linux", "architecture": "s390x"}
    index = images.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    inner.store.root = inner.store.put(index, OCI_INDEX)
    return inner


def test_what_is_said_of_an_inner_index_speaks_for_what_is_below_it_and_for_nothing_else() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    inner = pushed.digest
    bundle = sign_statement(images.embedded(images.local_build(), inner), SLSA_V1, key)
    images.attach(pushed.store, bundle, pushed.root)
    outer = wrapped(pushed)
    amd64 = Expectations(images.REPOSITORY, images.COMMIT, platforms=(Platform.parse("linux/amd64"),))
    s390x = replace(amd64, platforms=(Platform.parse("linux/s390x"),))

    assert passed(ask(outer, key, amd64))
    assert not passed(ask(outer, key, s390x))
    assert not passed(ask(outer, key))

    other = sign_statement(images.embedded(images.local_build(images.OTHER_COMMIT), inner), SLSA_V1, key)
    images.attach(pushed.store, other, pushed.root)
    assert ask(outer, key, amd64).verdict is Status.FAILED
