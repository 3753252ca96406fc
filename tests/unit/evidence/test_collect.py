from __future__ import annotations

import json

import pytest

from attest.evidence.collect import fetch
from attest.oci import limits
from attest.oci.interface import Artifact
from attest.trust.signing.statements import sign_image, sign_statement
from tests import images


def test_a_bundle_that_hangs_off_two_digests_is_one_attestation_in_two_places() -> None:
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), images.new_key())

    (signed,) = fetch(pushed.store)[1].signed

    assert {place.on for place in signed.places} == {pushed.digest, pushed.platforms["linux/amd64"].digest}


def test_nothing_is_asked_twice() -> None:
    pushed = images.push({"linux/amd64": images.local_build(), "linux/arm64": images.local_build()})
    key = images.new_key()
    for platform in pushed.platforms:
        images.sign_provenance(pushed, platform, images.local_build(), key)
    images.sign_index(pushed, key)

    fetch(pushed.store)

    blobs = [asked for asked in pushed.store.asked if not asked.startswith("manifest")]
    assert len(blobs) == len(set(blobs))


def test_an_embedded_attestation_manifest_listed_as_a_referrer_is_not_a_second_one() -> None:
    """Registries with the referrers API list BuildKit's OCI artifact form under the platform."""
    pushed = images.push({"linux/amd64": images.local_build()})
    pushed.store.list_referrer(pushed.platforms["linux/amd64"].digest, pushed.attestation_manifests["linux/amd64"])

    evidence = fetch(pushed.store)[1]

    assert [attestation.places[0].found for attestation in evidence.attestations] == ["embedded"]
    assert not evidence.problems


def test_a_referrer_of_an_unknown_kind_is_reported() -> None:
    pushed = images.push({"linux/amd64": None})
    layer = pushed.store.put(b"notation", "application/jose+json")
    from attest.oci.descriptor import artifact_manifest

    pushed.store.attach(
        [Artifact(artifact_manifest(pushed.root, "application/vnd.cncf.notary.signature", layer, {}), pushed.digest)]
    )

    (problem,) = fetch(pushed.store)[1].problems

    assert problem.id == "artifact-unknown"
    assert "notary" in problem.message


def test_what_the_index_and_the_statement_disagree_about_is_a_problem() -> None:
    pushed = images.push({"linux/amd64": None, "linux/arm64": None})
    statement = pushed.store.put(
        images.embedded(images.local_build(), pushed.platforms["linux/arm64"].digest), "application/vnd.in-toto+json"
    )
    manifest = images.push_attestation_manifest(pushed.store, [statement])
    entry = images.attestation_entry(manifest, pushed.platforms["linux/amd64"].digest)
    wrong = images.push({"linux/amd64": None, "linux/arm64": None}, pushed.store, [entry])

    problems = fetch(wrong.store)[1].problems

    assert [problem.id for problem in problems] == ["subject-elsewhere"]


def test_an_embedded_statement_about_several_digests_is_a_problem() -> None:
    honest = images.push({"linux/amd64": None})
    platform = honest.platforms["linux/amd64"].digest
    document = json.loads(images.embedded(images.local_build(), platform))
    document["subject"] += [*document["subject"], {"name": "other", "digest": {"sha256": "0" * 64}}]
    statement = honest.store.put(json.dumps(document).encode(), "application/vnd.in-toto+json")
    manifest = images.push_attestation_manifest(honest.store, [statement])
    pushed = images.push({"linux/amd64": None}, honest.store, [images.attestation_entry(manifest, platform)])

    problems = fetch(pushed.store)[1].problems

    assert [problem.id for problem in problems] == ["subject-several"]
    assert "2 digests" in problems[0].message


def test_a_listed_referrer_that_is_gone_is_unread_and_hides_nothing() -> None:
    pushed = images.push({"linux/amd64": images.local_build()})
    images.attach(pushed.store, sign_image(pushed.digest, images.new_key()), pushed.root)
    (signature,) = pushed.store.listed[pushed.digest]
    del pushed.store.contents[signature.digest]

    evidence = fetch(pushed.store)[1]

    assert [error.reason for error in evidence.unread] == ["absent"]
    assert len(evidence.attestations) == 1


@pytest.mark.parametrize("cap", ["VALUES", "DENSE_VALUES", "SUBJECTS"])
def test_a_statement_too_large_to_look_at_is_unread_for_it_may_contradict(
    cap: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = images.push({"linux/amd64": None})
    key = images.new_key()
    numbers = {f"a number with a long name, {number}": number for number in range(2000)}
    large = images.embedded(numbers if cap == "VALUES" else {"of": [0] * 20_000}, *[pushed.digest] * 100)
    images.attach(pushed.store, sign_statement(large, "https://example.com/large", key), pushed.root)
    assert not fetch(pushed.store)[1].unread

    monkeypatch.setattr(limits, cap, 50 if cap == "SUBJECTS" else 1000)
    evidence = fetch(pushed.store)[1]

    assert [error.reason for error in evidence.unread] == ["unreadable"]
    assert not evidence.problems
