from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from attest import __version__
from attest.errors import InvalidReference
from attest.reference import Digest, LayoutReference, Platform, parse_reference
from attest.sbom.cyclonedx import Contents, Sbom, Subject, is_cyclonedx, render
from attest.sbom.ledger import Ledger

CORPORA = os.environ.get("ATTEST_CORPORA")
SHA = "5" * 64
CONTENTS = Contents(
    source="test",
    components=[
        {"type": "library", "bom-ref": "b", "name": "zlib", "version": "1"},
        {"type": "library", "bom-ref": "a", "name": "acl", "version": "2"},
    ],
    depends={"b": {"a"}, "a": set()},
    aggregate="unknown",
    tools=["scanner-1.0", "scanner-1.0"],
)


def test_the_image_is_named_by_its_package_url(subject: Subject) -> None:
    assert subject.ref == f"pkg:oci/app@sha256:{SHA}?arch=amd64&repository_url=registry.example.com/acme/app"
    assert subject.to_json()["purl"] == subject.ref
    assert subject.to_json()["version"] == f"sha256:{SHA}"
    assert subject.to_json()["hashes"] == [{"alg": "SHA-256", "content": SHA}]


def test_an_image_in_a_layout_has_no_repository() -> None:
    layout = LayoutReference(Path("/home/someone/secret-project/App"), "v1", None)
    subject = Subject.of(layout, Digest("sha256", SHA), None)
    assert subject.name == "App"
    assert subject.ref == f"pkg:oci/app@sha256:{SHA}"
    assert "secret-project" not in json.dumps(subject.to_json())


def test_an_image_in_a_registry_is_named_as_docker_names_it() -> None:
    subject = Subject.of(parse_reference("alpine:3"), Digest("sha512", "5" * 128), Platform("linux", "arm", "v7"))
    assert subject.name == "docker.io/library/alpine"
    assert subject.to_json()["hashes"] == [{"alg": "SHA-512", "content": "5" * 128}]
    assert subject.to_json()["properties"] == [{"name": "oci-attest:platform", "value": "linux/arm/v7"}]


@pytest.mark.parametrize("name", ["", "registry.example.com/", "a\x1b[31mb", "\ud800"])
def test_a_subject_without_a_usable_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidReference, match="not a name for an image"):
        Subject(name, Digest("sha256", SHA), None)


def test_a_document_is_sorted_and_valid(subject: Subject, checked: Callable[[Sbom], dict[str, Any]]) -> None:
    sbom = render(subject, CONTENTS, Ledger())
    document = checked(sbom)
    assert [component["name"] for component in document["components"]] == ["acl", "zlib"]
    assert document["dependencies"] == [{"ref": "a", "dependsOn": []}, {"ref": "b", "dependsOn": ["a"]}]
    assert document["compositions"][0]["aggregate"] == "unknown"
    assert document["metadata"]["tools"]["components"] == [
        {"type": "application", "name": "attest", "version": __version__},
        {"type": "application", "name": "scanner-1.0"},
    ]
    assert sbom.components == 2


def test_the_same_contents_give_the_same_bytes_and_others_another_serial_number(subject: Subject) -> None:
    shuffled = Contents("test", CONTENTS.components[::-1], {"a": [], "b": ["a"]}, "unknown", tools=["scanner-1.0"])
    other = Contents("test", CONTENTS.components, {}, "unknown", tools=["scanner-1.0"])
    first = render(subject, CONTENTS, Ledger())
    assert render(subject, shuffled, Ledger()).content == first.content
    serials = [json.loads(sbom.content)["serialNumber"] for sbom in (first, render(subject, other, Ledger()))]
    assert serials[0] != serials[1]


def test_there_is_a_time_only_if_one_was_given(subject: Subject) -> None:
    silent = json.loads(render(subject, CONTENTS, Ledger()).content)
    timed = json.loads(render(subject, CONTENTS, Ledger(), "2026-01-02T03:04:05Z").content)
    assert "timestamp" not in silent["metadata"]
    assert timed["metadata"]["timestamp"] == "2026-01-02T03:04:05Z"


def test_a_time_that_is_none_is_a_loss(subject: Subject, checked: Callable[[Sbom], dict[str, Any]]) -> None:
    sbom = render(subject, CONTENTS, Ledger(), "yesterday")
    assert "timestamp" not in checked(sbom)["metadata"]
    assert sbom.lost == {"created": 1}
    assert sbom.examples == {"created": "yesterday"}


def test_a_document_says_itself_what_it_is(subject: Subject) -> None:
    assert is_cyclonedx(json.loads(render(subject, CONTENTS, Ledger()).content))
    assert not is_cyclonedx({"spdxVersion": "SPDX-2.3"})
    assert not is_cyclonedx({"bomFormat": ["CycloneDX"], "specVersion": 1})


@pytest.mark.skipif(not CORPORA, reason="ATTEST_CORPORA is unset")
def test_the_schema_held_against_our_documents_can_tell_good_from_bad(
    schema_problems: Callable[[object], list[str]],
) -> None:
    folder = Path(CORPORA or "") / "cyclonedx-1.6"
    documents = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert len(documents) > 60
    for name, document in documents.items():
        if name.startswith("valid-"):
            assert schema_problems(document) == [], name
            assert is_cyclonedx(document), name
        else:
            assert schema_problems(document) != [], name


def test_the_schema_held_against_our_documents_refuses_bad_ones(
    subject: Subject, schema_problems: Callable[[object], list[str]]
) -> None:
    document = json.loads(render(subject, CONTENTS, Ledger()).content)
    assert schema_problems(document) == []
    document["components"][0]["type"] = "no such type"
    document["components"][1]["licenses"] = [{"license": {"id": "no such licence"}}]
    document["metadata"]["timestamp"] = "yesterday"
    document["metadata"]["component"]["externalReferences"] = [{"type": "vcs", "url": "git@example.com:a b"}]
    assert len(schema_problems(document)) == 4
