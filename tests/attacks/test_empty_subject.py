"""A signed statement that is about nothing is about no image, wherever it hangs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, ask, passed, refused, unknown
from tests.attacks.ways import Way


def statement(pushed: images.Pushed, subject: Any) -> bytes:
    document = json.loads(images.embedded(images.local_build(), pushed.digest))
    return images.encode({**document, "subject": subject})


@pytest.mark.parametrize("subject", [[], None, {}, [None], [{}], [{"name": "app", "digest": {}}], "all"])
def test_a_statement_without_subjects_is_about_nothing(subject: Any, way: Way, pushed: images.Pushed) -> None:
    way.attest(pushed, images.embedded(images.local_build(), pushed.digest))
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement(pushed, subject))

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "subject.digest", "subject", "about nothing, not about this image")


def test_an_embedded_statement_without_subjects_speaks_for_no_platform() -> None:
    """BuildKit writes such for output without a name; the signature over the index leads to it all the same."""
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_index(pushed, key)
    assert passed(ask(pushed, key))

    layer = pushed.store.put(images.embedded(images.local_build()), "application/vnd.in-toto+json")
    manifest = images.push_attestation_manifest(pushed.store, [layer])
    entry = images.attestation_entry(manifest, pushed.platforms["linux/amd64"].digest)
    nameless = images.push({"linux/amd64": None}, pushed.store, [entry])
    images.sign_index(nameless, key)

    unknown(ask(nameless, key), "signer.identity", "unsigned")
