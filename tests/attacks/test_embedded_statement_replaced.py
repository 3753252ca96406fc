"""The index is signed and stays as it is; a store answers with another statement, or another manifest, below it."""

from __future__ import annotations

import pytest

from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused, unknown
from tests.attacks.ways import Way

AMD64 = "linux/amd64"


@pytest.fixture
def pushed() -> images.Pushed:
    """What is embedded is not what is wanted; the forgery says that it is."""
    return images.push({AMD64: images.local_build(images.OTHER_COMMIT)})


@pytest.fixture
def forged(pushed: images.Pushed) -> bytes:
    return images.embedded(images.local_build(), pushed.platforms[AMD64].digest)


def test_an_index_with_the_forgery_in_it_would_pass(way: Way) -> None:
    honest = images.push({AMD64: images.local_build()})
    way.sign(honest)
    assert passed(way.ask(honest, REPOSITORY_AND_COMMIT))


def test_another_statement_under_the_same_digest_is_a_change(way: Way, pushed: images.Pushed, forged: bytes) -> None:
    way.sign(pushed)

    pushed.store.contents[pushed.statements[AMD64].digest] = forged

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "evidence.complete", "changed", "another digest")


def test_the_path_is_computed_again_where_a_store_checks_nothing(
    way: Way, pushed: images.Pushed, forged: bytes
) -> None:
    way.sign(pushed)

    pushed.store.lies[pushed.statements[AMD64].digest] = forged

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "unsigned", "nobody who is believed signed it")


def test_neither_may_the_manifest_between_them_be_another(way: Way, pushed: images.Pushed, forged: bytes) -> None:
    way.sign(pushed)
    statement = pushed.store.put(forged, "application/vnd.in-toto+json")
    manifest = images.push_attestation_manifest(pushed.store, [statement])

    listed = pushed.attestation_manifests[AMD64].digest
    pushed.store.lies[listed] = pushed.store.contents[manifest.digest]

    unknown(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "unsigned", "nobody who is believed signed it")
