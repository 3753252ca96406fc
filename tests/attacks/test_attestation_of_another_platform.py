"""amd64's statement is offered for arm64, or an index is joined from a good image and a foreign one."""

from __future__ import annotations

from attest.evidence.provenance import SLSA_V1
from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.reference import Platform
from attest.trust.signing import sign_image, sign_statement
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, trouble

BOTH = {"linux/amd64": images.local_build(), "linux/arm64": images.local_build()}


def test_provenance_of_one_platform_says_nothing_of_the_other() -> None:
    key = images.new_key()
    pushed = images.push(BOTH)
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    narrowed = Expectations(commit=images.COMMIT, platforms=(Platform("linux", "amd64"),))
    assert passed(ask(pushed, key, narrowed))

    report = ask(pushed, key)

    assert report.verdict is Status.UNKNOWN
    assert trouble(report).platform == "linux/arm64"


def test_a_statement_hung_off_the_other_platform_stays_about_its_own() -> None:
    key = images.new_key()
    pushed = images.push(BOTH)
    bundle = images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.attach(pushed.store, bundle, pushed.platforms["linux/arm64"])

    assert trouble(ask(pushed, key)).platform == "linux/arm64"


def test_a_statement_about_the_index_alone_speaks_for_every_platform() -> None:
    key = images.new_key()
    pushed = images.push(BOTH)
    statement = images.embedded(images.local_build(), pushed.digest)
    images.attach(pushed.store, sign_statement(statement, SLSA_V1, key), pushed.root)

    assert passed(ask(pushed, key))


def test_an_index_joined_from_a_good_and_a_foreign_image_does_not_pass() -> None:
    key = images.new_key()
    good = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(good, "linux/amd64", images.local_build(), key)
    images.attach(good.store, sign_image(good.platforms["linux/amd64"].digest, key), good.platforms["linux/amd64"])
    assert passed(ask(good, key))

    joined = images.push({**BOTH}, good.store)  # the same amd64 image, with another one beside it

    assert ask(joined, key).verdict is Status.UNKNOWN
    assert ask(joined, key, SIGNATURE).verdict is Status.UNKNOWN


def test_two_manifests_for_one_platform_fail() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(pushed, "linux/amd64", images.local_build(), key)
    images.sign_index(pushed, key)
    assert passed(ask(pushed, key))

    second = images.push_manifest(pushed.store, "evil")
    entry = {**second.to_json(), "platform": {"os": "linux", "architecture": "amd64"}}
    twice = images.push({"linux/amd64": images.local_build()}, pushed.store, extra=[entry])
    images.sign_index(twice, key)

    assert trouble(ask(twice, key)).id == "image.platforms"


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
