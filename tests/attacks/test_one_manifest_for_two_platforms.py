"""One manifest listed twice, under two platforms, or under another one than its own: the same bytes, another label."""

from __future__ import annotations

from typing import Any

from attest.policy.expectations import Expectations
from attest.reference import Platform
from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, refused, trouble, unknown

AMD64 = "linux/amd64"


def entry(pushed: images.Pushed, architecture: str) -> dict[str, Any]:
    return {**pushed.platforms[AMD64].to_json(), "platform": {"os": "linux", "architecture": architecture}}


def proven(key: SigningKey) -> images.Pushed:
    pushed = images.push({AMD64: images.local_build()})
    images.sign_provenance(pushed, AMD64, images.local_build(), key)
    assert passed(ask(pushed, key))
    return pushed


def test_proven_bytes_stay_proven_under_another_label(key: SigningKey) -> None:
    """Whoever pulls for arm64 gets amd64's bytes, which do not run there: a nuisance, and no other program."""
    pushed = proven(key)
    both = images.push({AMD64: images.local_build()}, pushed.store, [entry(pushed, "arm64")])

    report = ask(both, key)

    assert passed(report)
    assert report.platforms == (AMD64, "linux/arm64")


def test_an_index_of_them_is_not_signed_for_that(key: SigningKey) -> None:
    pushed = proven(key)
    images.sign_index(pushed, key)
    assert passed(ask(pushed, key, SIGNATURE))

    both = images.push({AMD64: images.local_build()}, pushed.store, [entry(pushed, "arm64")])

    unknown(ask(both, key, SIGNATURE), "signature.valid", "unsigned", f"no signature over {both.digest}")


def test_the_platform_that_was_relabelled_is_missed(key: SigningKey) -> None:
    pushed = proven(key)
    relabelled = images.push({}, pushed.store, [entry(pushed, "arm64")])
    narrowed = Expectations(commit=images.COMMIT, platforms=(Platform.parse(AMD64),))

    report = ask(relabelled, key, narrowed)

    unknown(report, "image.platforms", "absent", "no platform linux/amd64")


def test_the_same_entry_twice_is_one_too_many(key: SigningKey) -> None:
    pushed = proven(key)
    twice = images.push({AMD64: images.local_build()}, pushed.store, [entry(pushed, "amd64")])

    refused(ask(twice, key), "image.platforms", "platform-repeated")
    assert trouble(ask(twice, key)).summary.startswith("2 manifests for linux/amd64")
