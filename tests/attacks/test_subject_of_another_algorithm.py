"""A subject with this image's hex under another algorithm, or in another spelling, is another subject."""

from __future__ import annotations

import json

import pytest

from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused, trouble
from tests.attacks.ways import Way

OTHERS = [
    "sha512:{hex}",
    "sha1:{hex}",
    "sha1:{hex:.40}",
    "SHA256:{hex}",
    "sha-256:{hex}",
    "sha256:{upper}",
    "sha256: {hex}",
]


def statement(pushed: images.Pushed, form: str) -> bytes:
    digest = form.format(hex=pushed.digest.hex, upper=pushed.digest.hex.upper())
    algorithm, _, value = digest.partition(":")
    document = json.loads(images.embedded(images.local_build(), pushed.digest))
    document["subject"][0]["digest"] = {algorithm: value}
    return images.encode(document)


@pytest.mark.parametrize("form", OTHERS)
def test_the_same_hex_of_another_algorithm_is_another_subject(form: str, way: Way, pushed: images.Pushed) -> None:
    way.attest(pushed, statement(pushed, "sha256:{hex}"))
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement(pushed, form))

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "subject.digest", "subject", "not about this image")


def test_the_subject_that_was_found_is_named(way: Way, pushed: images.Pushed) -> None:
    way.attest(pushed, statement(pushed, "sha512:{hex}"))

    assert f"sha512:{pushed.digest.hex}" in trouble(way.ask(pushed, REPOSITORY_AND_COMMIT)).summary
