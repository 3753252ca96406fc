"""A verification that expects nothing must not pass by accident."""

from __future__ import annotations

from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, trouble


def test_expecting_nothing_is_unknown_however_well_it_is_signed() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.sign_index(pushed, key)
    assert passed(ask(pushed, key, SIGNATURE))

    report = ask(pushed, key, Expectations())

    assert (report.verdict, report.exit_code) == (Status.UNKNOWN, 3)
    assert trouble(report).reason == "nothing-expected"


def test_a_report_without_checks_has_not_passed() -> None:
    assert Report("app", None, (), ()).verdict is Status.UNKNOWN
