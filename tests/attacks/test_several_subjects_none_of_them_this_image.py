"""A signed statement about several things, none of which is this image."""

from __future__ import annotations

from attest.reference import Digest
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused
from tests.attacks.ways import Way


def test_a_statement_about_others_is_not_about_this_image(way: Way, pushed: images.Pushed) -> None:
    others = [Digest.of(name) for name in (b"one", b"two", b"three")]
    way.attest(pushed, images.embedded(images.local_build(), *others, pushed.platforms["linux/amd64"].digest))
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, images.embedded(images.local_build(), *others))

    about = ", ".join(map(str, others))
    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "subject.digest", "subject", f"about {about}, not about this image")
