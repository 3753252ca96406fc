"""Every document that this room writes is held against the published schema and against what the schema cannot say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cyclonedx.schema
import jsonschema_rs
import pytest

from attest.reference import Digest, Platform
from attest.sbom.cyclonedx import Sbom, Subject

SCHEMAS = Path(cyclonedx.schema.__file__).parent / "_res"
Document = dict[str, Any]
Checker = Callable[[Sbom], Document]
Problems = Callable[[object], list[str]]


@pytest.fixture(scope="session")
def subject() -> Subject:
    return Subject("registry.example.com/acme/app", Digest("sha256", "5" * 64), Platform("linux", "amd64"))


@pytest.fixture(scope="session")
def schema_problems() -> Problems:
    """What the CycloneDX 1.6 schema has against a document."""

    def retrieve(uri: str) -> Document:
        schema: Document = json.loads((SCHEMAS / uri.rpartition("/")[2]).read_text())
        return schema

    schema = json.loads((SCHEMAS / "bom-1.6.SNAPSHOT.schema.json").read_text())
    validator = jsonschema_rs.validator_for(schema, retriever=retrieve, validate_formats=True)
    return lambda document: [
        f"{error.instance_path}: {error.message[:200]}" for error in validator.iter_errors(document)
    ]


@pytest.fixture(scope="session")
def checked(schema_problems: Problems) -> Checker:
    """The parsed document, after everything that must hold for every document was seen to hold."""

    def check(sbom: Sbom) -> Document:
        document: Document = json.loads(sbom.content)
        assert schema_problems(document) == []
        listed = [component["bom-ref"] for component in _components(document)]
        refs = set(listed)
        assert len(refs) == len(listed)
        assert not any(ref.startswith("urn:cdx:") for ref in refs)
        for dependency in document["dependencies"]:
            assert {dependency["ref"], *dependency["dependsOn"]} <= refs
        assert len(document["components"]) == sbom.components
        assert all(count > 0 for count in sbom.lost.values())
        assert sbom.examples.keys() == sbom.lost.keys()
        source = properties_of(document["metadata"])["oci-attest:source"]
        for kind, count in sbom.lost.items():
            assert properties_of(document["metadata"])[f"oci-attest:{source}:lost:{kind}"] == str(count)
        return document

    return check


@pytest.fixture(scope="session")
def properties() -> Callable[[Document], dict[str, str]]:
    return properties_of


def properties_of(holder: Document) -> dict[str, str]:
    return {item["name"]: item["value"] for item in holder.get("properties", [])}


def _components(document: Document) -> Iterator[Document]:
    yield document["metadata"]["component"]
    yield from document["components"]
