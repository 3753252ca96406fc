"""A signed SBOM, provenance or (failed) VSA is the only referrer; some tools print "verified" for it."""

from __future__ import annotations

import pytest

from attest.policy.report import Status
from attest.trust.signing import sign_statement, statement_bytes
from tests import images
from tests.attacks.asking import COMMIT, SIGNATURE, ask, passed, trouble


@pytest.mark.parametrize(
    "predicate_type",
    ["https://cyclonedx.org/bom", "https://slsa.dev/provenance/v1", "https://slsa.dev/verification_summary/v1"],
)
def test_a_signed_statement_is_no_image_signature(predicate_type: str) -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": None})
    statement = statement_bytes("app", [pushed.digest], predicate_type, '{"verificationResult": "FAILED"}')
    images.attach(pushed.store, sign_statement(statement, predicate_type, key), pushed.root)

    report = ask(pushed, key, SIGNATURE)
    assert report.verdict is Status.UNKNOWN
    assert trouble(report).reason == "unsigned"

    images.sign_index(pushed, key)
    assert passed(ask(pushed, key, SIGNATURE))


def test_provenance_about_the_index_does_not_vouch_for_what_is_embedded() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    statement = statement_bytes("app", [pushed.digest], "https://cyclonedx.org/bom", "{}")
    images.attach(pushed.store, sign_statement(statement, "https://cyclonedx.org/bom", key), pushed.root)

    assert trouble(ask(pushed, key, COMMIT)).reason == "unsigned"

    images.sign_index(pushed, key)
    assert passed(ask(pushed, key, COMMIT))


def test_provenance_dressed_as_another_predicate_type_is_none() -> None:
    """GHSA-w6c6-c85g-mmv6: the type is read from what was signed, never from an annotation."""
    key = images.new_key()
    pushed = images.push({"linux/amd64": None})
    payload = images.embedded(images.local_build(), pushed.digest, predicate_type="https://example.com/custom")
    images.attach(pushed.store, sign_statement(payload, "https://slsa.dev/provenance/v1", key), pushed.root)

    assert trouble(ask(pushed, key, COMMIT)).reason == "no-provenance"


def test_a_signature_over_the_platform_is_a_near_miss_that_is_explained() -> None:
    from attest.trust.signing import sign_image

    key = images.new_key()
    pushed = images.push({"linux/amd64": None, "linux/arm64": None})
    amd64 = pushed.platforms["linux/amd64"]
    images.attach(pushed.store, sign_image(amd64.digest, key), amd64)

    assert str(amd64.digest) in trouble(ask(pushed, key, SIGNATURE)).hint
