"""A signed statement of another kind is made to look like provenance (GHSA-w6c6-c85g-mmv6)."""

from __future__ import annotations

import base64
from typing import Final

import pytest

from attest.evidence.provenance import SLSA_V1
from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, SIGNATURE, passed, refused, unknown
from tests.attacks.ways import CHANGED, Way

CUSTOM: Final = "https://example.com/custom"


def statement(pushed: images.Pushed, predicate_type: str) -> bytes:
    return images.embedded(images.local_build(), pushed.digest, predicate_type=predicate_type)


def test_a_predicate_type_changed_after_the_fact_is_not_what_was_signed(way: Way, pushed: images.Pushed) -> None:
    provenance = statement(pushed, SLSA_V1)
    way.attest(pushed, provenance)
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    changed = base64.b64encode(provenance).decode()
    way.attest(pushed, statement(pushed, CUSTOM), lambda envelope: envelope.update(payload=changed))

    reason, said = CHANGED[way.name]
    refused(way.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", reason, said)


@pytest.mark.parametrize(
    "other",
    [
        CUSTOM,
        f"{SLSA_V1} ",
        f"{SLSA_V1}/",
        f"{SLSA_V1}\0",
        f"{SLSA_V1}\n",
        SLSA_V1.upper(),
        "https://slsa.dev/provenance/v9",
    ],
)
def test_only_the_exact_predicate_type_is_provenance(other: str, way: Way, pushed: images.Pushed) -> None:
    """What tools print beside a signature of any type, an annotation among them, says nothing of the type."""
    way.attest(pushed, statement(pushed, SLSA_V1))
    assert passed(way.ask(pushed, REPOSITORY_AND_COMMIT))

    way.attest(pushed, statement(pushed, other))

    unknown(
        way.ask(pushed, REPOSITORY_AND_COMMIT), "predicate.type", "no-provenance", "no provenance for this platform"
    )
    unknown(way.ask(pushed, SIGNATURE), "signature.valid", "unsigned")
