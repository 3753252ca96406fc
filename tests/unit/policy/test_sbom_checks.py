"""An SBOM that a policy asks for: signed, about this platform, of the right format, and not empty."""

from __future__ import annotations

from typing import Any, Final

import pytest

from attest.evidence.statement import CYCLONEDX_BOM, SPDX_DOCUMENT
from attest.policy.policy import SbomRules
from attest.policy.report import Status
from tests import images
from tests.policies import AMD64, ARM64, Signed, answers, by_key, policy, the, two_platforms

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
REQUIRED: Final = SbomRules(required=True)
LISTING: Final = SbomRules(required=True, components=True)

Document = dict[str, Any]
ROOT: Final[Document] = {"SPDXID": "SPDXRef-image", "name": "app"}
BUSYBOX: Final[Document] = {"SPDXID": "SPDXRef-busybox", "name": "busybox"}
DESCRIBES: Final[Document] = {
    "spdxElementId": "SPDXRef-DOCUMENT",
    "relationshipType": "DESCRIBES",
    "relatedSpdxElement": "SPDXRef-image",
}
SPDX: Final[Document] = {"spdxVersion": "SPDX-2.3", "packages": [ROOT, BUSYBOX], "relationships": [DESCRIBES]}
CYCLONEDX: Final[Document] = {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "busybox"}]}
FROM_PROVENANCE: Final = {"name": "attest:provenance:packages", "value": "unknown"}


def with_sbom(predicate_type: str, document: Document) -> Signed:
    return by_key(images.local_build()).add(document, predicate_type=predicate_type)


@pytest.mark.parametrize(
    ("rules", "predicate_type", "document"),
    [
        (REQUIRED, SPDX_DOCUMENT, SPDX),
        (REQUIRED, CYCLONEDX_BOM, CYCLONEDX),
        (REQUIRED, CYCLONEDX_BOM, {}),
        (SbomRules(required=True, formats=("spdx",)), SPDX_DOCUMENT, SPDX),
        (SbomRules(required=True, formats=("cyclonedx",)), CYCLONEDX_BOM, CYCLONEDX),
        (SbomRules(required=True, formats=("cyclonedx", "spdx")), SPDX_DOCUMENT, SPDX),
        (LISTING, SPDX_DOCUMENT, SPDX),
        (LISTING, CYCLONEDX_BOM, CYCLONEDX),
    ],
)
def test_an_sbom_as_the_policy_wants_it_passes(rules: SbomRules, predicate_type: str, document: Document) -> None:
    report = with_sbom(predicate_type, document).ask(policy({"sbom.required": 4}, sbom=rules))
    assert report.verdict is PASSED
    assert the(report, "sbom.present").origin == "policy.toml:4"


@pytest.mark.parametrize(("formats", "predicate_type"), [(("spdx",), CYCLONEDX_BOM), (("cyclonedx",), SPDX_DOCUMENT)])
def test_an_sbom_of_another_format_fails(formats: Any, predicate_type: str) -> None:
    rules = SbomRules(required=True, formats=formats)
    report = with_sbom(predicate_type, SPDX | CYCLONEDX).ask(policy(sbom=rules))
    assert (report.verdict, answers(report)) == (FAILED, {"sbom.present": "other-format"})


@pytest.mark.parametrize(
    ("predicate_type", "document"),
    [
        (SPDX_DOCUMENT, SPDX | {"packages": [ROOT]}),
        (SPDX_DOCUMENT, SPDX | {"packages": []}),
        (SPDX_DOCUMENT, {}),
        (CYCLONEDX_BOM, CYCLONEDX | {"components": []}),
        (CYCLONEDX_BOM, {"metadata": {"component": {"name": "app"}}}),
        (CYCLONEDX_BOM, CYCLONEDX | {"properties": [FROM_PROVENANCE]}),
        (CYCLONEDX_BOM, CYCLONEDX | {"metadata": {"properties": [FROM_PROVENANCE]}}),
        (SPDX_DOCUMENT, CYCLONEDX),
        (CYCLONEDX_BOM, SPDX),
    ],
)
def test_an_sbom_that_lists_nothing_is_none_where_components_are_asked_for(
    predicate_type: str, document: Document
) -> None:
    signed = with_sbom(predicate_type, document)
    assert signed.ask(policy(sbom=REQUIRED)).verdict is PASSED

    report = signed.ask(policy(sbom=LISTING))

    assert (report.verdict, answers(report)) == (FAILED, {"sbom.present": "empty-sbom"})


@pytest.mark.parametrize(
    "described",
    [
        {"documentDescribes": ["SPDXRef-image"]},
        {
            "relationships": [
                {
                    "spdxElementId": "SPDXRef-image",
                    "relationshipType": "DESCRIBED_BY",
                    "relatedSpdxElement": "SPDXRef-DOCUMENT",
                }
            ]
        },
    ],
    ids=["documentDescribes", "DESCRIBED_BY"],
)
def test_the_image_itself_is_no_component_however_it_is_said(described: Document) -> None:
    document = {"spdxVersion": "SPDX-2.3", "packages": [ROOT], **described}
    assert answers(with_sbom(SPDX_DOCUMENT, document).ask(policy(sbom=LISTING))) == {"sbom.present": "empty-sbom"}


def test_without_an_sbom_nothing_is_known() -> None:
    report = by_key(images.local_build()).ask(policy(sbom=REQUIRED))
    assert (report.verdict, answers(report)) == (UNKNOWN, {"sbom.present": "no-sbom"})
    for rules in (SbomRules(components=True), SbomRules(formats=("spdx",))):  # which demand one as well
        assert answers(by_key(images.local_build()).ask(policy(sbom=rules))) == {"sbom.present": "no-sbom"}


def test_one_that_nobody_believed_signed_is_none() -> None:
    signed = by_key(images.local_build())
    about = (signed.pushed.root, signed.pushed.platforms[AMD64])
    images.sign_about(signed.pushed, about, SPDX_DOCUMENT, SPDX, images.new_key(), b"")
    assert answers(signed.ask(policy(sbom=REQUIRED))) == {"sbom.present": "other-key"}
    assert signed.add(SPDX, predicate_type=SPDX_DOCUMENT).ask(policy(sbom=REQUIRED)).verdict is PASSED


def test_another_platform_s_is_none_of_this() -> None:
    signed = two_platforms(images.local_build(), images.local_build()).add(SPDX, AMD64, SPDX_DOCUMENT)
    wrong = [(c.platform, c.reason) for c in signed.ask(policy(sbom=REQUIRED)).checks if c.status is not PASSED]
    assert wrong == [(ARM64, "no-sbom")]
    assert signed.add(SPDX, ARM64, SPDX_DOCUMENT).ask(policy(sbom=REQUIRED)).verdict is PASSED


def test_one_that_is_right_beside_others_is_enough() -> None:
    rules = SbomRules(required=True, formats=("cyclonedx",), components=True)
    signed = with_sbom(SPDX_DOCUMENT, SPDX)
    signed.add({"bomFormat": "CycloneDX"}, predicate_type=CYCLONEDX_BOM)
    assert answers(signed.ask(policy(sbom=rules))) == {"sbom.present": "empty-sbom"}

    report = signed.add(CYCLONEDX, predicate_type=CYCLONEDX_BOM).ask(policy(sbom=rules))

    assert report.verdict is PASSED
    assert len(the(report, "sbom.present").evidence) == 1


def test_provenance_is_no_sbom() -> None:
    assert answers(by_key(images.local_build()).ask(policy(sbom=SbomRules(True, ("spdx", "cyclonedx"))))) == {
        "sbom.present": "no-sbom"
    }
