"""A signed SBOM, provenance or (failed) VSA is the only referrer; some tools print "verified" for it."""

from __future__ import annotations

from typing import Final

import pytest

from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CYCLONEDX_BOM, SPDX_DOCUMENT
from attest.trust.signing.statements import sign_image, sign_statement, statement_bytes
from tests import images
from tests.attacks.asking import COMMIT, SIGNATURE, ask, passed, trouble, unknown
from tests.attacks.ways import Way

VSA: Final = "https://slsa.dev/verification_summary/v1"
NONE: Final = "no signature over {} was found"


@pytest.mark.parametrize(
    ("predicate_type", "predicate"),
    [
        (CYCLONEDX_BOM, {"bomFormat": "CycloneDX", "specVersion": "1.6"}),
        (SPDX_DOCUMENT, {"spdxVersion": "SPDX-2.3"}),
        (SLSA_V1, images.local_build()),
        (VSA, {"verificationResult": "FAILED", "verifiedLevels": []}),
        (VSA, {"verificationResult": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"]}),
    ],
    ids=["sbom-cyclonedx", "sbom-spdx", "provenance", "vsa-failed", "vsa-passed"],
)
def test_a_signed_statement_is_no_image_signature(
    predicate_type: str, predicate: images.Predicate, way: Way, pushed: images.Pushed
) -> None:
    way.sign(pushed)
    assert passed(way.ask(pushed, SIGNATURE))
    pushed.store.listed.clear()
    pushed.store.tagged.clear()

    way.attest(pushed, images.embedded(predicate, pushed.digest, predicate_type=predicate_type))

    unknown(way.ask(pushed, SIGNATURE), "signature.valid", "unsigned", NONE.format(pushed.digest))


@pytest.mark.parametrize("predicate_type", [CYCLONEDX_BOM, VSA])
def test_it_is_no_provenance_either(predicate_type: str, way: Way, pushed: images.Pushed) -> None:
    way.attest(pushed, images.embedded(images.local_build(), pushed.digest))
    assert passed(way.ask(pushed, COMMIT))

    way.attest(pushed, images.embedded(images.local_build(), pushed.digest, predicate_type=predicate_type))

    unknown(way.ask(pushed, COMMIT), "predicate.type", "no-provenance", "no provenance for this platform")


def test_provenance_about_the_index_does_not_vouch_for_what_is_embedded() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    statement = statement_bytes("app", [pushed.digest], CYCLONEDX_BOM, "{}")
    images.attach(pushed.store, sign_statement(statement, CYCLONEDX_BOM, key), pushed.root)

    unknown(ask(pushed, key, COMMIT), "signer.identity", "unsigned")

    images.sign_index(pushed, key)
    assert passed(ask(pushed, key, COMMIT))


def test_a_signature_over_the_platform_is_a_near_miss_that_is_explained() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": None, "linux/arm64": None})
    amd64 = pushed.platforms["linux/amd64"]
    images.attach(pushed.store, sign_image(amd64.digest, key), amd64)

    assert str(amd64.digest) in trouble(ask(pushed, key, SIGNATURE)).hint
