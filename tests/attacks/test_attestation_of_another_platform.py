"""amd64's statement is offered for arm64."""

from __future__ import annotations

import pytest

from attest.evidence.provenance import SLSA_V1
from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.reference import Platform
from attest.trust.signing.statements import sign_statement
from tests import images
from tests.attacks.asking import ask, passed, trouble, unknown
from tests.attacks.ways import Way

BOTH = {"linux/amd64": images.local_build(), "linux/arm64": images.local_build()}


def test_provenance_of_one_platform_says_nothing_of_the_other() -> None:
    key = images.new_key()
    pushed = images.push(BOTH)
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    narrowed = Expectations(commit=images.COMMIT, platforms=(Platform("linux", "amd64"),))
    assert passed(ask(pushed, key, narrowed))

    report = ask(pushed, key)

    unknown(report, "signer.identity", "unsigned", "nobody who is believed signed it")
    assert trouble(report).platform == "linux/arm64"


def test_a_statement_hung_off_the_other_platform_stays_about_its_own() -> None:
    key = images.new_key()
    pushed = images.push(BOTH)
    bundle = images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.attach(pushed.store, bundle, pushed.platforms["linux/arm64"])

    report = ask(pushed, key)
    unknown(report, "signer.identity", "unsigned")
    assert trouble(report).platform == "linux/arm64"


@pytest.mark.parametrize("ours", ["linux/amd64", "linux/arm64"])
def test_in_whatever_way_it_is_signed(ours: str, way: Way) -> None:
    pushed = images.push({"linux/amd64": None, "linux/arm64": None})
    narrowed = Expectations(commit=images.COMMIT, platforms=(Platform.parse(ours),))
    way.attest(pushed, images.embedded(images.local_build(), pushed.platforms[ours].digest))
    assert passed(way.ask(pushed, narrowed))

    (theirs,) = {"linux/amd64", "linux/arm64"} - {ours}
    report = way.ask(pushed, Expectations(commit=images.COMMIT, platforms=(Platform.parse(theirs),)))

    unknown(report, "signer.identity", "unsigned")
    assert trouble(report).platform == theirs


def test_a_statement_about_the_index_alone_speaks_for_every_platform() -> None:
    key = images.new_key()
    pushed = images.push(BOTH)
    statement = images.embedded(images.local_build(), pushed.digest)
    images.attach(pushed.store, sign_statement(statement, SLSA_V1, key), pushed.root)

    assert passed(ask(pushed, key))


def test_a_platform_that_the_image_does_not_have_is_unknown() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.sign_index(pushed, key)
    for wanted in (Platform("linux", "s390x"), Platform("linux", "amd64", "v9")):
        for expected in (
            Expectations(commit=images.COMMIT, platforms=(wanted,)),
            Expectations(signature_only=True, platforms=(wanted,)),
        ):
            report = ask(pushed, key, expected)
            assert (report.verdict, trouble(report).id) == (Status.UNKNOWN, "image.platforms")
            assert report.level.reached == 0
