from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from attest.errors import MalformedStatement
from attest.oci.document import Json, JsonObject
from attest.sbom.cyclonedx import Sbom, Subject
from attest.sbom.spdx import from_spdx

CORPORA = os.environ.get("ATTEST_CORPORA")
ASSETS = Path(__file__).parents[2] / "assets" / "spdx"
Checker = Callable[[Sbom], dict[str, Any]]


def document(*packages: JsonObject, **fields: Json) -> dict[str, Json]:
    return {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": list(packages), **fields}


def package(name: str, **fields: Json) -> dict[str, Json]:
    return {"SPDXID": f"SPDXRef-{name}", "name": name, **fields}


def relation(left: str, kind: str, right: str) -> dict[str, Json]:
    names = (name if name in ("NONE", "NOASSERTION") or ":" in name else f"SPDXRef-{name}" for name in (left, right))
    left, right = names
    return {"spdxElementId": left, "relationshipType": kind, "relatedSpdxElement": right}


def graph(converted: dict[str, Any]) -> dict[str, list[str]]:
    image = converted["metadata"]["component"]["bom-ref"]

    def short(ref: str) -> str:
        return "IMAGE" if ref == image else ref.removeprefix("SPDXRef-")

    return {short(node["ref"]): [short(ref) for ref in node["dependsOn"]] for node in converted["dependencies"]}


def test_a_package_with_everything_keeps_everything(subject: Subject, checked: Checker) -> None:
    full = package(
        "glibc",
        versionInfo="2.36-9",
        primaryPackagePurpose="OPERATING-SYSTEM",
        supplier="Organization: Debian (deb@example.com)",
        originator="Person: Jane Doe",
        description="The C library",
        copyrightText="© 1992",
        licenseConcluded="LGPL-2.1-only",
        licenseDeclared="NOASSERTION",
        checksums=[
            {"algorithm": "SHA256", "checksumValue": "a" * 64},
            {"algorithm": "SHA1", "checksumValue": "b" * 40},
        ],
        homepage="https://example.com/glibc",
        downloadLocation="git+https://example.com/glibc.git@v2",
        externalRefs=[
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": "pkg:deb/debian/libc6@2",
            },
            {"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:gnu:glibc:2.36:*:*:*:*:*:*:*"},
            {"referenceType": "advisory", "referenceLocator": "https://example.com/advisory"},
            {"referenceType": "swh", "referenceLocator": "swh:1:cnt:" + "c" * 40},
            {"referenceType": "gitoid", "referenceLocator": "gitoid:blob:sha1:" + "d" * 40},
        ],
    )
    sbom = from_spdx(document(full), subject)
    assert sbom.lost == {}
    assert checked(sbom)["components"] == [
        {
            "type": "operating-system",
            "bom-ref": "SPDXRef-glibc",
            "supplier": {"name": "Debian (deb@example.com)"},
            "authors": [{"name": "Jane Doe"}],
            "name": "glibc",
            "version": "2.36-9",
            "description": "The C library",
            "hashes": [{"alg": "SHA-256", "content": "a" * 64}, {"alg": "SHA-1", "content": "b" * 40}],
            "licenses": [{"license": {"id": "LGPL-2.1-only", "acknowledgement": "concluded"}}],
            "copyright": "© 1992",
            "cpe": "cpe:2.3:a:gnu:glibc:2.36:*:*:*:*:*:*:*",
            "purl": "pkg:deb/debian/libc6@2",
            "omniborId": ["gitoid:blob:sha1:" + "d" * 40],
            "swhid": ["swh:1:cnt:" + "c" * 40],
            "externalReferences": [
                {"type": "website", "url": "https://example.com/glibc"},
                {"type": "vcs", "url": "git+https://example.com/glibc.git@v2"},
                {"type": "advisories", "url": "https://example.com/advisory"},
            ],
        }
    ]


def test_said_on_purpose_and_still_nothing_is_nothing(subject: Subject, checked: Checker) -> None:
    fields = ("supplier", "originator", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText")
    silent = package("app", filesAnalyzed=False, **dict.fromkeys(fields, "NOASSERTION"))
    sbom = from_spdx(document(silent, package("lib", **dict.fromkeys(fields, "NONE"))), subject)
    assert sbom.lost == {}
    assert [set(component) for component in checked(sbom)["components"]] == [{"type", "bom-ref", "name"}] * 2


def test_a_package_may_be_called_none(subject: Subject, checked: Checker) -> None:
    converted = checked(from_spdx(document({"SPDXID": "SPDXRef-x", "name": "NONE"}, {"name": "NOASSERTION"}), subject))
    assert [component["name"] for component in converted["components"]] == ["NOASSERTION", "NONE"]


def test_a_chain_of_three_packages_survives(subject: Subject, checked: Checker) -> None:
    relations = [
        relation("DOCUMENT", "DESCRIBES", "app"),
        relation("app", "DEPENDS_ON", "lib"),
        relation("base", "DEPENDENCY_OF", "lib"),
    ]
    sbom = from_spdx(document(package("app"), package("lib"), package("base"), relationships=relations), subject)
    assert graph(checked(sbom)) == {"IMAGE": ["app"], "app": ["lib"], "lib": ["base"]}
    assert sbom.lost == {}


@given(
    st.lists(
        st.sampled_from(
            ["pkg:", "npm", "deb", "/", "@", "?a=b", "&c=", "%40", "%2F", "%00", "1.0", ":", "+", "~", "A"]
        ),
        max_size=10,
    ).map("".join)
)
def test_what_is_carried_as_purl_is_one(subject: Subject, text: str) -> None:
    reference: Json = {"referenceType": "purl", "referenceLocator": text}
    sbom = from_spdx(document(package("a", externalRefs=[reference])), subject)
    carried = json.loads(sbom.content)["components"][0].get("purl")
    try:
        PackageURL.from_string(text)
    except ValueError:
        assert carried is None
    else:
        assert carried == text


@pytest.mark.parametrize("kind", ["DEPENDS_ON", "CONTAINS", "DYNAMIC_LINK", "STATIC_LINK", "HAS_PREREQUISITE"])
def test_forward_relationships_lead_forward(kind: str, subject: Subject, checked: Checker) -> None:
    sbom = from_spdx(document(package("a"), package("b"), relationships=[relation("a", kind, "b")]), subject)
    assert graph(checked(sbom)) == {"a": ["b"]}
    assert sbom.lost == ({} if kind == "DEPENDS_ON" else {"relationship.kind": 1})


@pytest.mark.parametrize(
    "kind", ["DEPENDENCY_OF", "CONTAINED_BY", "DEV_DEPENDENCY_OF", "RUNTIME_DEPENDENCY_OF", "PACKAGE_OF"]
)
def test_inverse_relationships_lead_back(kind: str, subject: Subject, checked: Checker) -> None:
    sbom = from_spdx(document(package("a"), package("b"), relationships=[relation("a", kind, "b")]), subject)
    assert graph(checked(sbom)) == {"b": ["a"]}
    assert sbom.lost == ({} if kind == "DEPENDENCY_OF" else {"relationship.kind": 1})


@pytest.mark.parametrize(
    "fields",
    [
        {"documentDescribes": ["SPDXRef-app"]},
        {"relationships": [relation("DOCUMENT", "DESCRIBES", "app")]},
        {"relationships": [relation("app", "DESCRIBED_BY", "DOCUMENT")]},
        {"documentDescribes": ["SPDXRef-app"], "relationships": [relation("DOCUMENT", "DESCRIBES", "app")]},
    ],
)
def test_the_image_depends_on_what_the_document_describes(
    fields: dict[str, Json], subject: Subject, checked: Checker
) -> None:
    sbom = from_spdx(document(package("app"), **fields), subject)
    assert graph(checked(sbom)) == {"IMAGE": ["app"]}
    assert sbom.lost == {}


@pytest.mark.parametrize(
    "root", [package("DocumentRoot-Directory-sbom"), package("image", primaryPackagePurpose="CONTAINER")]
)
def test_a_root_that_is_the_image_becomes_the_image(root: dict[str, Json], subject: Subject, checked: Checker) -> None:
    name = str(root["name"])
    relations = [relation("DOCUMENT", "DESCRIBES", name), relation(name, "CONTAINS", "a")]
    sbom = from_spdx(document(root, package("a"), relationships=relations), subject)
    assert graph(checked(sbom)) == {"IMAGE": ["a"]}
    assert sbom.components == 1
    assert sbom.lost == {"root": 1}
    assert sbom.examples == {"root": name}


def test_one_of_two_described_containers_does_not_become_the_image(subject: Subject, checked: Checker) -> None:
    packages = [package(name, primaryPackagePurpose="CONTAINER") for name in ("a", "b")]
    sbom = from_spdx(document(*packages, documentDescribes=["SPDXRef-a", "SPDXRef-b"]), subject)
    assert graph(checked(sbom)) == {"IMAGE": ["a", "b"]}


def test_no_dependencies_is_more_than_unknown_dependencies(subject: Subject, checked: Checker) -> None:
    relations = [relation("a", "DEPENDS_ON", "NONE"), relation("b", "DEPENDS_ON", "NOASSERTION")]
    sbom = from_spdx(document(package("a"), package("b"), relationships=relations), subject)
    assert graph(checked(sbom)) == {"a": []}
    assert sbom.lost == {}


def test_a_cycle_stays_a_cycle(subject: Subject, checked: Checker) -> None:
    relations = [relation("a", "DEPENDS_ON", "b"), relation("b", "DEPENDS_ON", "a"), relation("a", "DEPENDS_ON", "a")]
    sbom = from_spdx(document(package("a"), package("b"), relationships=relations), subject)
    assert graph(checked(sbom)) == {"a": ["b"], "b": ["a"]}
    assert sbom.lost == {"relationship.self": 1}


def test_every_relationship_that_cannot_be_carried_is_counted_by_its_reason(subject: Subject, checked: Checker) -> None:
    relations: list[Json] = [
        relation("a", "OTHER", "b"),
        relation("a", "GENERATED_FROM", "b"),
        relation("a", "CONTAINS", "file"),
        relation("a", "DEPENDS_ON", "DocumentRef-x:SPDXRef-y"),
        relation("a", "DEPENDS_ON", "nowhere"),
        {**relation("a", "DEPENDS_ON", "b"), "comment": "why"},
        {"spdxElementId": ["a"]},
    ]
    spdx = document(
        package("a"), package("b"), relationships=relations, files=[{"SPDXID": "SPDXRef-file", "fileName": "/bin/a"}]
    )
    sbom = from_spdx(spdx, subject)
    assert graph(checked(sbom)) == {"a": ["b"]}
    assert sbom.lost == {
        "file": 1,
        "relationship.comment": 1,
        "relationship.dangling": 1,
        "relationship.external": 1,
        "relationship.file": 1,
        "relationship.type": 3,
    }
    assert sbom.examples["relationship.file"] == "SPDXRef-a CONTAINS SPDXRef-file"


def test_every_loss_of_a_package_is_counted(subject: Subject, checked: Checker) -> None:
    lossy = package(
        "app",
        versionInfo="9" * 2000,
        description="long",
        summary="short",
        primaryPackagePurpose="SOURCE",
        sourceInfo="found in /var/lib",
        comment="odd",
        annotations=[{"comment": "one"}, {"comment": "two"}],
        checksums=[
            {"algorithm": "SHA224", "checksumValue": "a" * 56},
            {"algorithm": "SHA256", "checksumValue": "a" * 40},
        ],
        homepage="not an address",
        downloadLocation="https://user:hunter2@example.com/app.tgz",
        licenseConcluded="MIT OR Apache-2.0",
        licenseDeclared="MIT",
        externalRefs=[
            {"referenceType": "purl", "referenceLocator": "pkg:npm/app@1"},
            {"referenceType": "purl", "referenceLocator": "pkg:npm/app@2"},
            {"referenceType": "purl", "referenceLocator": "nonsense"},
            {"referenceType": "cpe22Type", "referenceLocator": "cpe:/a:acme:app:1"},
            {"referenceType": "cpe23Type", "referenceLocator": "cpe:2.3:a:acme:app:1:*:*:*:*:*:*:*"},
            {"referenceType": "npm", "referenceLocator": "app@1", "comment": "hm"},
        ],
        somethingNew=1,
    )
    sbom = from_spdx(document(lossy), subject)
    component = checked(sbom)["components"][0]
    assert component["purl"] == "pkg:npm/app@1"
    assert component["cpe"].startswith("cpe:2.3:")
    assert component["externalReferences"] == [{"type": "distribution", "url": "https://example.com/app.tgz"}]
    assert b"hunter2" not in sbom.content
    assert "hunter2" not in str(sbom.examples)
    assert sbom.lost == {
        "annotation": 2,
        "credentials": 1,
        "package.checksum": 2,
        "package.comment": 1,
        "package.cpe": 1,
        "package.externalRef": 2,
        "package.externalRef.comment": 1,
        "package.homepage": 1,
        "package.licenseDeclared": 1,
        "package.primaryPackagePurpose": 1,
        "package.purl": 1,
        "package.sourceInfo": 1,
        "package.summary": 1,
        "package.unknown-field": 1,
        "package.versionInfo": 1,
    }


def test_locators_that_are_not_what_they_are_called_are_lost(subject: Subject, checked: Checker) -> None:
    wrong = {"purl": "pkg:npm/a b", "cpe23Type": "cpe:2.3:a:b", "swh": "swh:1", "gitoid": "1", "advisory": "see above"}
    references: list[Json] = [{"referenceType": kind, "referenceLocator": text} for kind, text in wrong.items()]
    sbom = from_spdx(document({"SPDXID": "SPDXRef-a", "externalRefs": references}), subject)
    assert checked(sbom)["components"] == [{"type": "library", "bom-ref": "SPDXRef-a", "name": "SPDXRef-a"}]
    assert sbom.lost == {"package.externalRef": 5, "package.name": 1}


def test_every_loss_of_the_document_is_counted(subject: Subject, checked: Checker) -> None:
    spdx = document(
        comment="made by hand",
        creationInfo={
            "created": "long ago",
            "comment": "why",
            "creators": ["Tool: syft-1", "Person: Jane", "me"],
            "x": 1,
        },
        dataLicense="mine",
        files=[{"fileName": "/a"}, {"fileName": "/b"}],
        snippets=[{}],
        annotations=[{"comment": "seen"}],
        hasExtractedLicensingInfos=[{"licenseId": "LicenseRef-1"}],
        externalDocumentRefs=[{}],
        revieweds=[{}],
        somethingNew={"a": 1},
    )
    sbom = from_spdx(spdx, subject)
    metadata = checked(sbom)["metadata"]
    assert [tool["name"] for tool in metadata["tools"]["components"]] == ["attest", "syft-1"]
    assert metadata["authors"] == [{"name": "Jane"}]
    assert sbom.lost == {
        "annotation": 1,
        "created": 1,
        "creation-comment": 1,
        "creator": 1,
        "data-licence": 1,
        "document-comment": 1,
        "external-document": 1,
        "extracted-licence": 1,
        "file": 2,
        "review": 1,
        "snippet": 1,
        "unknown-field": 2,
    }
    assert sbom.examples["file"] == "/a"
    assert sbom.examples["extracted-licence"] == "LicenseRef-1"


@pytest.mark.parametrize(
    ("fields", "aggregate"), [({}, "unknown"), ({"files": [{}]}, "incomplete"), ({"comment": "fine"}, "unknown")]
)
def test_a_document_that_lost_contents_says_that_it_is_incomplete(
    fields: dict[str, Json], aggregate: str, subject: Subject, checked: Checker
) -> None:
    compositions = checked(from_spdx(document(package("a"), **fields), subject))["compositions"]
    assert compositions == [{"aggregate": aggregate, "assemblies": [subject.ref], "dependencies": [subject.ref]}]


def test_the_order_of_packages_and_relationships_does_not_matter(subject: Subject) -> None:
    packages = [package(name) for name in "cab"]
    relations = [relation("a", "DEPENDS_ON", "b"), relation("a", "DEPENDS_ON", "c"), relation("b", "CONTAINS", "c")]
    one = from_spdx(document(*packages, relationships=relations), subject)
    other = from_spdx(document(*packages[::-1], relationships=relations[::-1]), subject)
    assert one == other


def test_the_time_is_the_one_of_the_source(subject: Subject, checked: Checker) -> None:
    spdx = document(creationInfo={"created": "2026-01-01T00:00:00Z"})
    assert checked(from_spdx(spdx, subject))["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"


def test_what_buildkit_attests_becomes_a_document(
    subject: Subject, checked: Checker, properties: Callable[[dict[str, Any]], dict[str, str]]
) -> None:
    spdx = json.loads((ASSETS / "buildkit-syft.spdx.json").read_text())
    sbom = from_spdx(spdx, subject)
    converted = checked(sbom)
    tools = [tool["name"] for tool in converted["metadata"]["tools"]["components"]]
    assert tools == ["attest", "buildkit-v0.32.2", "syft-[not provided]"]
    assert converted["metadata"]["licenses"] == [{"license": {"id": "CC0-1.0"}}]
    assert properties(converted["metadata"])["oci-attest:spdx:namespace"] == spdx["documentNamespace"]
    assert sbom.components == 0
    assert sbom.lost == {"root": 1}


@pytest.mark.skipif(not CORPORA, reason="ATTEST_CORPORA is unset")
def test_published_spdx_documents_are_converted(subject: Subject, checked: Checker) -> None:
    paths = sorted((Path(CORPORA or "") / "spdx-2.3").glob("*.json"))
    assert len(paths) >= 2
    for path in paths:
        spdx = json.loads(path.read_text())
        sbom = from_spdx(spdx, subject)
        assert {c["name"] for c in checked(sbom)["components"]} == {p["name"] for p in spdx["packages"]}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "no spdxVersion"),
        ({"spdxVersion": "SPDX-1.2\x1b[31m"}, "SPDX-1.2\N{REPLACEMENT CHARACTER}"),
        ({"spdxVersion": 2.3}, "no spdxVersion"),
        ({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}, "SPDX 3"),
        ({"bomFormat": "CycloneDX", "specVersion": "1.6"}, "a CycloneDX document"),
        (
            {"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://spdx.dev/Document"},
            "an in-toto statement",
        ),
    ],
)
def test_what_is_not_spdx_2_is_refused_and_named(found: JsonObject, words: str, subject: Subject) -> None:
    with pytest.raises(MalformedStatement) as caught:
        from_spdx(found, subject)
    assert words in caught.value.detail
    assert "SPDX-2.3" in caught.value.detail
