"""A trusted statement contradicts another one about this very index, and names something else beside it."""

from __future__ import annotations

from attest.evidence.provenance import SLSA_V1
from attest.reference import Digest
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import sign_statement
from tests import images
from tests.attacks.asking import COMMIT, ask, passed, refused

REASON = "what names this index and something else is set aside as another build's, though it is about this index"


def attach(pushed: images.Pushed, key: SigningKey, commit: str, *subjects: Digest) -> None:
    statement = images.embedded(images.local_build(commit), *subjects)
    images.attach(pushed.store, sign_statement(statement, SLSA_V1, key), pushed.root)


def test_it_is_not_excused_by_the_one_that_passes(key: SigningKey, pushed: images.Pushed) -> None:
    attach(pushed, key, images.COMMIT, pushed.digest)
    assert passed(ask(pushed, key, COMMIT))

    attach(pushed, key, images.OTHER_COMMIT, pushed.digest, Digest.of(b"another image of the same release"))

    refused(ask(pushed, key, COMMIT), "source.commit", "other-commit")


def test_a_release_of_several_images_may_have_one_statement(key: SigningKey, pushed: images.Pushed) -> None:
    """It sets itself aside, and the report says that nobody who is believed signed it."""
    attach(pushed, key, images.COMMIT, pushed.digest, Digest.of(b"another image of the same release"))

    assert passed(ask(pushed, key, COMMIT))
