"""Two commits give the same platform manifest; each build has an index of its own."""

from __future__ import annotations

from attest.evidence.provenance import SLSA_V1
from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import sign_statement
from tests import images
from tests.attacks.asking import COMMIT, ask, passed, trouble

AMD64 = "linux/amd64"
OTHER = Expectations(commit=images.OTHER_COMMIT)


def two_builds(key: SigningKey) -> tuple[images.Pushed, images.Pushed]:
    first = images.push({AMD64: images.local_build(images.OTHER_COMMIT)})
    images.sign_provenance(first, AMD64, images.local_build(images.OTHER_COMMIT), key)
    second = images.push({AMD64: images.local_build()}, first.store)
    images.sign_provenance(second, AMD64, images.local_build(), key)
    assert first.platforms == second.platforms
    assert first.digest != second.digest
    return first, second


def ask_for(pushed: images.Pushed, key: SigningKey, expected: Expectations) -> Report:
    pushed.store.root = pushed.root
    return ask(pushed, key, expected)


def test_each_index_answers_for_its_own_build() -> None:
    key = images.new_key()
    first, second = two_builds(key)

    assert passed(ask_for(first, key, OTHER))
    assert passed(ask_for(second, key, COMMIT))
    assert ask_for(first, key, COMMIT).verdict is Status.FAILED
    assert ask_for(second, key, OTHER).verdict is Status.FAILED


def test_a_statement_about_the_platform_alone_is_never_set_aside() -> None:
    key = images.new_key()
    _, second = two_builds(key)
    statement = images.embedded(images.local_build(images.OTHER_COMMIT), second.platforms[AMD64].digest)
    images.attach(second.store, sign_statement(statement, SLSA_V1, key), second.platforms[AMD64])

    assert trouble(ask_for(second, key, COMMIT)).reason == "other-commit"


def test_an_index_without_provenance_of_its_own_is_judged_by_all() -> None:
    """As when `docker buildx imagetools create` joins images: the platform's statements are all there is."""
    key = images.new_key()
    first, _ = two_builds(key)
    joined = images.push({AMD64: None}, first.store)

    assert ask_for(joined, key, COMMIT).verdict is Status.FAILED

    alone = images.push({"linux/arm64": images.local_build()})
    images.sign_provenance(alone, "linux/arm64", images.local_build(), key)
    assert passed(ask_for(images.push({"linux/arm64": None}, alone.store), key, COMMIT))


def test_a_new_index_around_the_platform_sets_no_contradiction_aside() -> None:
    """Anybody who can push makes one, and moves the tag; nothing is deleted."""
    key = images.new_key()
    pushed = images.push({AMD64: images.local_build()})
    images.sign_provenance(pushed, AMD64, images.local_build(images.OTHER_COMMIT), key)
    alone = images.embedded(images.local_build(), pushed.platforms[AMD64].digest)
    images.attach(pushed.store, sign_statement(alone, SLSA_V1, key), pushed.platforms[AMD64])
    assert ask_for(pushed, key, COMMIT).verdict is Status.FAILED

    fresh = images.push({AMD64: None}, pushed.store)

    assert fresh.digest != pushed.digest
    assert ask_for(fresh, key, COMMIT).verdict is Status.FAILED
