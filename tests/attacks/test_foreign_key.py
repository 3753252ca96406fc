"""Somebody signs with a key of their own."""

from __future__ import annotations

from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.attacks.asking import ask, passed

ASKED = Expectations(images.REPOSITORY, images.COMMIT)


def test_a_signature_by_another_key_fails_and_names_its_hint() -> None:
    ours, theirs = images.new_key(), images.new_key("theirs.pub")
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), theirs)

    assert verify_reference(pushed.store, Trust((theirs.public,)), ASKED).verdict is Status.PASSED
    report = verify_reference(pushed.store, Trust((ours.public,)), ASKED)

    assert report.verdict is Status.FAILED
    assert report.exit_code == 1
    assert report.trouble is not None
    assert (report.trouble.id, report.trouble.reason) == ("signer.identity", "other-key")
    assert theirs.public.hint in report.trouble.summary


def test_a_foreign_signature_beside_a_good_one_changes_nothing() -> None:
    ours, theirs = images.new_key(), images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), ours)
    images.sign_provenance(pushed, "linux/amd64", images.local_build(images.OTHER_COMMIT), theirs)

    assert verify_reference(pushed.store, Trust((ours.public,)), ASKED).verdict is Status.PASSED


def test_a_foreign_signature_beside_a_good_one_is_reported() -> None:
    ours, theirs = images.new_key(), images.new_key("theirs.pub")
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), ours)
    images.sign_provenance(pushed, "linux/amd64", images.local_build(images.OTHER_COMMIT), theirs)

    report = ask(pushed, ours)

    assert passed(report)
    told = " ".join(text for check in report.checks for text in (check.summary, *check.found, check.hint))
    assert theirs.public.hint in told


def test_without_any_key_nothing_passes() -> None:
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), images.new_key())

    report = verify_reference(pushed.store, Trust(), ASKED)

    assert (report.verdict, report.exit_code) == (Status.UNKNOWN, 3)
    assert report.trouble is not None
    assert report.trouble.reason == "no-trust"
