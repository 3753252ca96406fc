"""Nothing that calls itself SPDX may break the conversion, and whatever comes out is a valid document."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attest.oci.document import Json, JsonObject
from attest.sbom.cyclonedx import Sbom, Subject
from attest.sbom.spdx import from_spdx

Checker = Callable[[Sbom], dict[str, Any]]

texts = st.text(st.characters(exclude_categories=[]), max_size=12)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
junk = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
identities = st.sampled_from(
    [
        *("SPDXRef-a", "SPDXRef-a", "SPDXRef-a-1", "SPDXRef-b", "a", "SPDXRef-DOCUMENT", "NONE", "NOASSERTION", ""),
        *("DocumentRef-x:SPDXRef-a", "urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1", "SPDXRef-DocumentRoot-Image"),
        *("SPDXRef-\x00", "\ud800", "SPDXRef-package", f"pkg:oci/app@sha256:{'5' * 64}"),
    ]
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(good, good, good, junk)


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return mostly(st.fixed_dictionaries({}, optional={name: mostly(field) for name, field in fields.items()}))


def several(entries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return mostly(st.lists(entries, max_size=6))


words = texts | st.sampled_from(
    [
        *("MIT", "MIT OR Apache-2.0", "LicenseRef-1", "Classpath-exception-2.0", "NONE", "NOASSERTION", "(", "GPL"),
        *(
            "Organization: ",
            "Person: \x07",
            "Tool: ",
            "https://u:p@h/",
            "https://[",
            "git@h:a/b",
            "2026-01-01T00:00:00Z",
        ),
        *("9" * 1025, "pkg:npm/%40a/b", "pkg:", "cpe:2.3:a:b:c:*:*:*:*:*:*:*:*", "SHA256", "a" * 64, "CONTAINER"),
    ]
)
references = objects(
    referenceType=st.sampled_from(["purl", "cpe23Type", "cpe22Type", "advisory", "swh", "gitoid", "npm"]),
    referenceLocator=words,
)
FIELDS = [
    *("versionInfo", "primaryPackagePurpose", "supplier", "originator", "description", "summary"),
    *("copyrightText", "licenseConcluded", "licenseDeclared", "homepage", "downloadLocation", "comment"),
]
packages = objects(
    SPDXID=identities,
    name=words,
    externalRefs=several(references),
    checksums=several(objects(algorithm=st.sampled_from(["SHA256", "SHA1", "MD2"]), checksumValue=words)),
    **dict.fromkeys(FIELDS, words),
)
relations = objects(
    spdxElementId=identities,
    relationshipType=st.sampled_from(
        ["DESCRIBES", "DESCRIBED_BY", "DEPENDS_ON", "DEPENDENCY_OF", "CONTAINS", "CONTAINED_BY", "OTHER"]
    ),
    relatedSpdxElement=identities,
)
documents = st.fixed_dictionaries(
    {"spdxVersion": st.sampled_from(["SPDX-2.2", "SPDX-2.3"])},
    optional={
        "name": mostly(words),
        "dataLicense": mostly(words),
        "documentNamespace": mostly(words),
        "documentDescribes": several(identities),
        "creationInfo": objects(created=words, creators=several(words), licenseListVersion=words),
        "packages": several(packages),
        "relationships": several(relations),
        "files": several(objects(SPDXID=identities, fileName=words)),
        "annotations": junk,
        "hasExtractedLicensingInfos": junk,
        "x": junk,
    },
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(spdx=documents)
def test_a_hostile_document_gives_a_valid_one(spdx: JsonObject, subject: Subject, checked: Checker) -> None:
    sbom = from_spdx(spdx, subject)
    checked(sbom)
    assert from_spdx(spdx, subject) == sbom


@given(spdx=documents)
def test_no_package_disappears_unless_it_is_counted(spdx: JsonObject, subject: Subject) -> None:
    listed = spdx.get("packages")
    sbom = from_spdx(spdx, subject)
    if isinstance(listed, list):
        gone = sum(sbom.lost.get(kind, 0) for kind in ("package", "root", "malformed"))
        assert sbom.components <= len(listed) <= sbom.components + gone


def test_wrong_types_are_counted_wherever_they_stand(subject: Subject, checked: Checker) -> None:
    wrong: JsonObject = {
        "spdxVersion": "SPDX-2.3",
        "creationInfo": ["nobody"],
        "documentDescribes": [5],
        "packages": [
            None,
            "glibc",
            {"SPDXID": 7, "name": "app", "versionInfo": 1.0, "checksums": {}, "externalRefs": [1]},
        ],
        "relationships": "none",
    }
    sbom = from_spdx(wrong, subject)
    assert checked(sbom)["components"] == [{"type": "library", "bom-ref": "SPDXRef-package", "name": "app"}]
    assert sbom.lost == {"malformed": 9}


def test_of_two_packages_with_one_id_relationships_mean_the_first(subject: Subject, checked: Checker) -> None:
    spdx: JsonObject = {
        "spdxVersion": "SPDX-2.3",
        "packages": [
            {"SPDXID": "SPDXRef-a", "name": "first"},
            {"SPDXID": "SPDXRef-a", "name": "second"},
            {"SPDXID": "SPDXRef-a-1", "name": "third"},
        ],
        "documentDescribes": ["SPDXRef-a"],
    }
    sbom = from_spdx(spdx, subject)
    document = checked(sbom)
    assert {part["name"]: part["bom-ref"] for part in document["components"]} == {
        "first": "SPDXRef-a",
        "second": "SPDXRef-a-1",
        "third": "SPDXRef-a-1-1",
    }
    assert document["dependencies"] == [{"ref": subject.ref, "dependsOn": ["SPDXRef-a"]}]
    assert sbom.lost == {"duplicate-id": 1}
    assert document["compositions"][0]["aggregate"] == "incomplete"


def test_many_packages_with_one_name_get_references_of_their_own(subject: Subject, checked: Checker) -> None:
    twins: list[Json] = [{"SPDXID": "SPDXRef-twin", "name": "twin"}] * 20_000
    sbom = from_spdx({"spdxVersion": "SPDX-2.3", "packages": twins}, subject)
    checked(sbom)
    assert sbom.components == 20_000
    assert sbom.lost == {"duplicate-id": 19_999}


def test_a_distribution_of_20000_packages_is_converted(subject: Subject, checked: Checker) -> None:
    spdx = distribution(20_000)
    sbom = from_spdx(spdx, subject)
    converted = checked(sbom)
    assert len(converted["components"]) == 20_000
    assert sum(len(node["dependsOn"]) for node in converted["dependencies"]) == 20_000 + 19_999
    assert sbom.lost == {"package.sourceInfo": 20_000, "root": 1}


def distribution(size: int) -> JsonObject:
    """An image as syft describes one: a root that contains every package, and one dependency for each of them."""
    root: dict[str, Json] = {"SPDXID": "SPDXRef-DocumentRoot-Image-app", "name": "app"}
    relations = [("DOCUMENT", "DESCRIBES", "DocumentRoot-Image-app")]
    relations += [("DocumentRoot-Image-app", "CONTAINS", f"Package-{n}") for n in range(size)]
    relations += [(f"Package-{n}", "DEPENDENCY_OF", f"Package-{n // 3}") for n in range(1, size)]
    return {
        "spdxVersion": "SPDX-2.3",
        "packages": [root, *(distribution_package(n) for n in range(size))],
        "relationships": [
            {"spdxElementId": f"SPDXRef-{a}", "relationshipType": kind, "relatedSpdxElement": f"SPDXRef-{b}"}
            for a, kind, b in relations
        ],
    }


def distribution_package(n: int) -> JsonObject:
    return {
        "SPDXID": f"SPDXRef-Package-{n}",
        "name": f"package-{n}",
        "versionInfo": f"1.{n}",
        "supplier": "Organization: Acme",
        "downloadLocation": "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": f"MIT AND LicenseRef-{n % 500}",
        "copyrightText": "NOASSERTION",
        "sourceInfo": "acquired package info from the package database",
        "checksums": [{"algorithm": "SHA256", "checksumValue": f"{n:064x}"}],
        "externalRefs": [
            {"referenceType": "purl", "referenceLocator": f"pkg:deb/debian/package-{n}@1.{n}?arch=amd64"},
            {"referenceType": "cpe23Type", "referenceLocator": f"cpe:2.3:a:acme:package-{n}:1.{n}:*:*:*:*:*:*:*"},
        ],
    }
