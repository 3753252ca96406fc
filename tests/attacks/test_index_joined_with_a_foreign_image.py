"""Anybody who can push joins a good platform and a foreign one in an index of his own, or lists one platform twice."""

from __future__ import annotations

from attest.oci.descriptor import OCI_INDEX
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import sign_image
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, refused, trouble, unknown

AMD64, ARM64 = "linux/amd64", "linux/arm64"


def good(key: SigningKey) -> images.Pushed:
    """One platform that is signed, and has signed provenance, by itself."""
    pushed = images.push({AMD64: images.local_build()})
    images.sign_provenance(pushed, AMD64, images.local_build(), key)
    images.attach(pushed.store, sign_image(pushed.platforms[AMD64].digest, key), pushed.platforms[AMD64])
    assert passed(ask(pushed, key))
    assert passed(ask(pushed, key, SIGNATURE))
    return pushed


def test_the_foreign_platform_is_not_proven_by_the_good_one(key: SigningKey) -> None:
    joined = images.push({AMD64: images.local_build(), ARM64: images.local_build()}, good(key).store)

    report = ask(joined, key)
    unknown(report, "signer.identity", "unsigned", "nobody who is believed signed it")
    assert trouble(report).platform == ARM64
    unknown(ask(joined, key, SIGNATURE), "signature.valid", "unsigned", f"no signature over {joined.digest}")


def test_the_foreign_platform_may_bring_no_provenance_at_all(key: SigningKey) -> None:
    joined = images.push({AMD64: images.local_build(), ARM64: None}, good(key).store)

    report = ask(joined, key)
    unknown(report, "signer.identity", "unsigned")
    assert trouble(report).platform == ARM64


def test_a_signed_index_inside_does_not_speak_for_what_stands_beside_it(key: SigningKey) -> None:
    inner = images.push({AMD64: images.local_build()})
    images.sign_index(inner, key)
    assert passed(ask(inner, key, SIGNATURE))

    foreign = images.push_manifest(inner.store, "foreign")
    entries = [inner.root.to_json(), {**foreign.to_json(), "platform": {"os": "linux", "architecture": "arm64"}}]
    outer = images.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    inner.store.root = inner.store.put(outer, OCI_INDEX)

    report = ask(inner, key, SIGNATURE)
    unknown(report, "signature.valid", "unsigned", f"no signature over {inner.store.root.digest}")
    assert f"over {inner.digest}, not over the index" in trouble(report).hint


def test_two_manifests_for_one_platform_fail(key: SigningKey) -> None:
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.sign_index(pushed, key)
    assert passed(ask(pushed, key))

    second = images.push_manifest(pushed.store, "evil")
    entry = {**second.to_json(), "platform": {"os": "linux", "architecture": "amd64"}}
    twice = images.push({"linux/amd64": images.local_build()}, pushed.store, extra=[entry])
    images.sign_index(twice, key)

    refused(ask(twice, key), "image.platforms", "platform-repeated", "2 manifests for linux/amd64")
