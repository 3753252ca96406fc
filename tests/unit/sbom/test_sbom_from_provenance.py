from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.evidence.provenance import Dependency
from attest.sbom.cyclonedx import Sbom, Subject
from attest.sbom.provenance import from_provenance

Checker = Callable[[Sbom], dict[str, Any]]
Properties = Callable[[dict[str, Any]], dict[str, str]]
SHA256 = {"sha256": "b" * 64}
COMMIT = "c" * 40


@pytest.fixture
def component(subject: Subject, checked: Checker) -> Callable[[str, dict[str, str]], dict[str, Any]]:
    def convert(uri: str, digests: dict[str, str]) -> dict[str, Any]:
        (found,) = checked(from_provenance([Dependency(uri, digests)], True, subject))["components"]
        result: dict[str, Any] = found
        return result

    return convert


Convert = Callable[[str, dict[str, str]], dict[str, Any]]


def test_a_base_image_is_a_container_with_its_purl_and_hash(component: Convert, properties: Properties) -> None:
    uri = "pkg:docker/registry.example.com%3A5000/acme/base@1.2?platform=linux%2Famd64"
    found = component(uri, SHA256)
    assert (found["type"], found["name"], found["version"]) == (
        "container",
        "registry.example.com:5000/acme/base",
        "1.2",
    )
    assert found["purl"] == uri
    assert found["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    assert properties(found) == {"oci-attest:provenance:uri": uri}


def test_a_base_image_pinned_without_a_tag_has_its_digest_as_version(component: Convert) -> None:
    digest = f"sha256:{'b' * 64}"
    found = component(f"pkg:docker/alpine?digest={digest}&platform=linux%2Famd64", SHA256)
    assert (found["type"], found["name"], found["version"]) == ("container", "alpine", digest)


def test_a_version_is_no_longer_than_the_format_allows(component: Convert) -> None:
    assert len(component(f"pkg:docker/alpine@{'9' * 2000}", {})["version"]) == 1024


def test_a_git_source_is_its_repository_and_commit(component: Convert, properties: Properties) -> None:
    found = component(f"https://example.com/acme/app.git#{COMMIT}:sub", {"sha1": COMMIT})
    assert (found["type"], found["name"], found["version"]) == ("application", "example.com/acme/app", COMMIT)
    assert found["externalReferences"] == [{"type": "vcs", "url": "https://example.com/acme/app.git"}]
    assert "hashes" not in found
    assert properties(found)["oci-attest:git:commit"] == COMMIT
    assert properties(found)["oci-attest:git:ref"] == f"{COMMIT}:sub"


def test_what_a_tag_named_is_not_called_a_commit(component: Convert, properties: Properties) -> None:
    found = component("https://example.com/acme/app.git#refs/tags/v1", {"sha1": COMMIT})
    assert properties(found)["oci-attest:git:object"] == COMMIT
    assert "oci-attest:git:commit" not in properties(found)


@pytest.mark.parametrize(
    ("uri", "digests", "url", "ref"),
    [
        ("git@example.com:acme/app.git#main", {"sha1": COMMIT}, "ssh://git@example.com/acme/app.git", "main"),
        (
            "git+https://example.com/acme/app@refs/tags/v1",
            {"gitCommit": COMMIT},
            "https://example.com/acme/app",
            "refs/tags/v1",
        ),
        ("https://example.com/acme/app#main", {"sha1": COMMIT}, "https://example.com/acme/app", "main"),
        ("ssh://git@example.com/acme/app#main", {}, "ssh://git@example.com/acme/app", "main"),
    ],
)
def test_git_sources_come_in_many_spellings(
    uri: str, digests: dict[str, str], url: str, ref: str, component: Convert, properties: Properties
) -> None:
    found = component(uri, digests)
    assert (found["type"], found["name"]) == ("application", "example.com/acme/app")
    assert found["externalReferences"] == [{"type": "vcs", "url": url}]
    assert properties(found)["oci-attest:git:ref"] == ref


def test_a_download_is_a_file_with_its_address_and_hash(component: Convert) -> None:
    found = component("https://example.com/dist/tool-1.0.tar.gz?x=1", SHA256)
    assert (found["type"], found["name"]) == ("file", "tool-1.0.tar.gz")
    assert found["externalReferences"] == [
        {"type": "distribution", "url": "https://example.com/dist/tool-1.0.tar.gz?x=1"}
    ]
    assert found["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]


def test_what_is_not_understood_keeps_what_is_known(component: Convert, properties: Properties) -> None:
    assert component("some:thing", {})["name"] == "some:thing"
    assert component("pkg:docker", SHA256)["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    nameless = component("", SHA256)
    assert nameless["name"] == f"sha256:{'b' * 64}"
    assert properties(nameless) == {}


def test_the_document_says_that_the_packages_inside_are_not_known(
    subject: Subject, checked: Checker, properties: Properties
) -> None:
    inputs = [Dependency("pkg:docker/alpine@3", SHA256)]
    for complete, said in ((True, "true"), (False, "false")):
        document = checked(from_provenance(inputs, complete, subject))
        assert document["compositions"] == [
            {"aggregate": "incomplete", "assemblies": [subject.ref], "dependencies": [subject.ref]}
        ]
        assert properties(document["metadata"]) == {
            "oci-attest:source": "provenance",
            "oci-attest:provenance:dependencies-complete": said,
            "oci-attest:provenance:packages": "unknown",
        }


def test_the_image_depends_on_what_its_build_read(subject: Subject, checked: Checker) -> None:
    inputs = [Dependency("pkg:docker/alpine@3", SHA256), Dependency("https://example.com/a.tgz", SHA256)]
    document = checked(from_provenance(inputs, True, subject))
    (node,) = document["dependencies"]
    assert node["ref"] == subject.ref
    assert sorted(node["dependsOn"]) == sorted(found["bom-ref"] for found in document["components"])


def test_an_image_from_scratch_has_an_empty_document_that_claims_nothing(subject: Subject, checked: Checker) -> None:
    document = checked(from_provenance([], False, subject))
    assert document["components"] == []
    assert document["dependencies"] == []
    assert document["compositions"][0]["aggregate"] == "incomplete"


def test_order_and_repetition_do_not_matter(subject: Subject) -> None:
    inputs = [Dependency("pkg:docker/alpine@3", SHA256), Dependency("https://example.com/a.tgz", {})]
    assert from_provenance(inputs, True, subject) == from_provenance(inputs[::-1] * 2, True, subject)


def test_one_address_with_two_digests_is_two_components(subject: Subject, checked: Checker) -> None:
    inputs = [Dependency("pkg:docker/alpine@3", SHA256), Dependency("pkg:docker/alpine@3", {"sha256": "d" * 64})]
    assert len(checked(from_provenance(inputs, True, subject))["components"]) == 2


def test_credentials_are_not_published(subject: Subject, checked: Checker) -> None:
    inputs = [
        Dependency("https://user:hunter2@example.com/acme/app.git#main", {"sha1": COMMIT}),
        Dependency("https://hunter2@example.com/a.tgz", SHA256),
        Dependency("https://a:hunter2@b@example.com/b.tgz", SHA256),
        Dependency("user:hunter2@example.com", SHA256),
    ]
    sbom = from_provenance(inputs, True, subject)
    checked(sbom)
    assert b"hunter2" not in sbom.content
    assert "hunter2" not in str(sbom.examples)
    assert sbom.lost == {"address": 2, "credentials": 2}


def test_what_is_no_digest_is_counted(subject: Subject, checked: Checker) -> None:
    inputs = [
        Dependency("pkg:docker/alpine@3", {"sha256": "short", "dirHash": "h1:abc", "sha1": "C" * 40}),
        Dependency("", {"sha256": ""}),
    ]
    sbom = from_provenance(inputs, True, subject)
    assert len(checked(sbom)["components"]) == 1
    assert sbom.lost == {"dependency": 1, "digest": 4}


def test_the_time_is_the_one_given(subject: Subject, checked: Checker) -> None:
    assert checked(from_provenance([], True, subject, "2026-01-01T00:00:00Z"))["metadata"]["timestamp"]


fragments = st.sampled_from(
    [
        "pkg:",
        "docker",
        "/",
        "@",
        "?",
        "#",
        "%",
        "git+",
        "https://",
        "ssh://",
        ".git",
        ":",
        "[",
        "\x00",
        "\ud800",
        "a",
        "é",
    ]
)
uris = st.lists(fragments, max_size=8).map("".join) | st.text(st.characters(exclude_categories=[]))
names = st.sampled_from(["sha1", "sha256", "gitCommit", "md5"]) | st.text(max_size=5)
values = st.sampled_from(["a" * 40, "a" * 64, "a" * 32]) | st.text(max_size=5)


@given(inputs=st.lists(st.builds(Dependency, uris, st.dictionaries(names, values, max_size=3)), max_size=5))
def test_hostile_dependencies_give_a_valid_document(
    inputs: list[Dependency], subject: Subject, checked: Checker
) -> None:
    checked(from_provenance(inputs, True, subject))
