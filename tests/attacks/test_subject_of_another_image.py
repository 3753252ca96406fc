"""A genuine signature or statement, moved here from another image."""

from __future__ import annotations

import pytest

from attest.evidence.statement import COSIGN_SIGN
from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, SIGNATURE, ask, passed, refused
from tests.attacks.ways import Way
from tests.cosign_tags import signature_layer, tag


@pytest.fixture
def other(pushed: images.Pushed) -> images.Pushed:
    there = images.push({"linux/arm64": None})
    assert there.digest != pushed.digest
    return there


def test_an_image_signature_of_another_image_fails(way: Way, pushed: images.Pushed, other: images.Pushed) -> None:
    way.sign(other)
    assert passed(way.ask(other, SIGNATURE))

    way.sign(pushed, about=other.digest)

    refused(way.ask(pushed, SIGNATURE), "subject.digest", "subject", f"about {other.digest}, not about this image")


def test_provenance_of_another_image_fails(way: Way, pushed: images.Pushed, other: images.Pushed) -> None:
    statement = images.embedded(images.local_build(), other.digest)
    way.attest(other, statement)
    assert passed(way.ask(other, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement)

    report = way.ask(pushed, REPOSITORY_AND_COMMIT)
    refused(report, "subject.digest", "subject", f"about {other.digest}, not about this image")
    assert report.exit_code == 1


def test_a_foreign_statement_beside_a_good_one_changes_nothing(other: images.Pushed) -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.attach(pushed.store, images.sign_provenance(other, "linux/arm64", images.local_build(), key), pushed.root)

    assert passed(ask(pushed, key))


def test_rubbish_about_another_image_is_not_called_genuine(key: SigningKey, pushed: images.Pushed) -> None:
    """Reason `subject` says that an accepted one signed it, and nobody has."""
    other = images.push({"linux/arm64": None})
    rubbish = images.bundle_of(images.embedded({}, other.digest, predicate_type=COSIGN_SIGN), [b"rubbish"])
    images.attach(pushed.store, rubbish, pushed.root)
    refused(ask(pushed, key, SIGNATURE), "signature.valid", "other-key", "another key")

    pushed.store.listed.clear()
    tag(pushed.store, pushed.digest, "sig", signature_layer(other.digest, signature=b"rubbish"))

    refused(ask(pushed, key, SIGNATURE), "signature.valid", "other-key", "another key")
