"""Shared by the attacks: ask about an image, and look at why the answer is what it is."""

from __future__ import annotations

from attest.policy.expectations import Expectations
from attest.policy.report import Check, Report, Status
from attest.trust.keys import SigningKey
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images

REPOSITORY_AND_COMMIT = Expectations(images.REPOSITORY, images.COMMIT)
COMMIT = Expectations(commit=images.COMMIT)
TAG = Expectations(tag=images.TAG)
SIGNATURE = Expectations(signature_only=True)


def ask(pushed: images.Pushed, key: SigningKey, expected: Expectations = REPOSITORY_AND_COMMIT) -> Report:
    return verify_reference(pushed.store, Trust((key.public,)), expected)


def trouble(report: Report) -> Check:
    assert report.verdict is not Status.PASSED
    assert report.trouble is not None
    return report.trouble


def refused(report: Report, check_id: str, reason: str, said: str = "", status: Status = Status.FAILED) -> None:
    """The attack did not get through, and for its own reason."""
    check = trouble(report)
    assert (report.verdict, check.id, check.reason) == (status, check_id, reason), check
    assert said in check.summary


def unknown(report: Report, check_id: str, reason: str, said: str = "") -> None:
    """Nothing was proven, and that for its own reason."""
    refused(report, check_id, reason, said, Status.UNKNOWN)


def passed(report: Report) -> bool:
    return report.verdict is Status.PASSED
