"""A genuine signature, moved here from another image."""

from __future__ import annotations

from attest.evidence.provenance import SLSA_V1
from attest.policy.report import Status
from attest.reference import Digest
from attest.trust.signing import sign_image, sign_statement, statement_bytes
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, trouble


def test_provenance_of_another_image_fails() -> None:
    key = images.new_key()
    other = images.push({"linux/arm64": images.local_build()})
    bundle = images.sign_provenance(other, "linux/arm64", images.local_build(), key)
    assert passed(ask(other, key))

    pushed = images.push({"linux/amd64": images.local_build()})
    images.attach(pushed.store, bundle, pushed.root, pushed.platforms["linux/amd64"])
    report = ask(pushed, key)

    assert report.exit_code == 1
    assert (trouble(report).id, trouble(report).reason) == ("subject.digest", "subject")
    assert str(other.digest) in trouble(report).summary


def test_an_image_signature_of_another_image_fails() -> None:
    key = images.new_key()
    other, pushed = images.push({"linux/arm64": None}), images.push({"linux/amd64": None})
    images.sign_index(other, key)
    assert passed(ask(other, key, SIGNATURE))

    images.attach(pushed.store, sign_image(other.digest, key), pushed.root)

    assert ask(pushed, key, SIGNATURE).verdict is Status.FAILED


def test_a_foreign_statement_beside_a_good_one_changes_nothing() -> None:
    key = images.new_key()
    other, pushed = images.push({"linux/arm64": None}), images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.attach(pushed.store, images.sign_provenance(other, "linux/arm64", images.local_build(), key), pushed.root)

    assert passed(ask(pushed, key))


def test_a_subject_that_matches_by_name_only_is_not_this_image() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": None})
    statement = statement_bytes("registry.test/acme/app", [Digest.of(b"else")], SLSA_V1, "{}")
    images.attach(pushed.store, sign_statement(statement, SLSA_V1, key), pushed.root)

    assert trouble(ask(pushed, key)).reason == "subject"


def test_a_statement_without_subjects_is_about_nothing() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": None})
    payload = images.embedded(images.local_build())
    images.attach(pushed.store, sign_statement(payload, SLSA_V1, key), pushed.root)

    assert trouble(ask(pushed, key)).reason == "subject"
