"""A statement names this image as people call it, and another one by digest: names are labels and bind nothing."""

from __future__ import annotations

from attest.evidence.provenance import SLSA_V1
from attest.reference import Digest
from attest.trust.signing.statements import statement_bytes
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused
from tests.attacks.ways import Way


def statement(pushed: images.Pushed, about: Digest) -> bytes:
    return statement_bytes(str(pushed.store.reference), [about], SLSA_V1, images.encode(images.local_build()).decode())


def test_a_subject_that_matches_by_name_only_is_not_this_image(way: Way, pushed: images.Pushed) -> None:
    way.attest(pushed, statement(pushed, pushed.digest))
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    other = Digest.of(b"else")
    way.attest(pushed, statement(pushed, other))

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "subject.digest", "subject", f"about {other}, not about this image")


def test_a_digest_in_the_name_is_a_name(way: Way, pushed: images.Pushed) -> None:
    other = Digest.of(b"else")
    name = f"{pushed.store.reference}@{pushed.digest}"
    predicate = images.encode(images.local_build()).decode()
    way.attest(pushed, statement_bytes(name, [other], SLSA_V1, predicate))

    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "subject.digest", "subject", f"about {other}, not about this image")
