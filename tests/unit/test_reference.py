from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import InvalidReference, UsageError
from attest.reference import Digest, LayoutReference, Platform, RegistryReference, parse_reference

HEX = "0123456789abcdef" * 4
DIGEST = Digest("sha256", HEX)


def test_a_digest_is_printed_as_people_write_it() -> None:
    assert str(Digest.parse(f"sha256:{HEX}")) == f"sha256:{HEX}"
    assert DIGEST.short == "sha256:0123456789ab…"
    assert DIGEST.fallback_tag == f"sha256-{HEX}"


@pytest.mark.parametrize(
    "text", ["", "sha256:", f"sha256:{HEX[:-1]}", f"sha256:{HEX.upper()}", f"md5:{HEX[:32]}", f" sha256:{HEX}", HEX]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidReference, match="not a digest"):
        Digest.parse(text)


@given(st.binary(max_size=200), st.sampled_from(["sha256", "sha512"]))
def test_a_digest_matches_its_content_and_no_other(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm)
    assert digest.matches(content)
    assert not digest.matches(content + b"\0")
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("app", "docker.io/library/app:latest"),
        ("acme/app", "docker.io/acme/app:latest"),
        ("acme/app:1.0", "docker.io/acme/app:1.0"),
        ("docker.io/app:1", "docker.io/library/app:1"),
        ("index.docker.io/acme/app:1", "docker.io/acme/app:1"),
        ("registry-1.docker.io/acme/app:1", "docker.io/acme/app:1"),
        ("localhost/app:1", "localhost/app:1"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("[::1]:5000/app:1", "[::1]:5000/app:1"),
        ("registry.example.com/a/b/c:1", "registry.example.com/a/b/c:1"),
        (f"registry.example.com/app@sha256:{HEX}", f"registry.example.com/app@sha256:{HEX}"),
        (f"registry.example.com/app:1@sha256:{HEX}", f"registry.example.com/app:1@sha256:{HEX}"),
    ],
)
def test_a_registry_reference_is_read_as_docker_reads_it(text: str, full: str) -> None:
    reference = parse_reference(text)
    assert isinstance(reference, RegistryReference)
    assert str(reference) == full
    assert parse_reference(full) == reference


@pytest.mark.parametrize(
    "text",
    [
        "https://registry.example.com/app:1",
        "registry.example.com/App:1",
        "registry.example.com/app:",
        "registry.example.com/app:-x",
        "registry.example.com/app:" + "a" * 129,
        "registry.example.com/app@sha256:12",
        f"registry.example.com/app@SHA256:{HEX}",
        "registry.example.com/../app:1",
        "registry.example.com/app?x:1",
        "user@registry.example.com/app:1",
        "registry.example.com/app:1\n",
        "--flag",
    ],
)
def test_what_is_no_registry_reference_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="not an image reference"):
        parse_reference(text)


def test_an_empty_reference_may_be_a_variable_that_is_not_set() -> None:
    with pytest.raises(UsageError, match="no image reference") as caught:
        parse_reference("")
    assert caught.value.remedy == "Is a variable not set?"


@pytest.mark.parametrize(
    ("text", "path", "tag", "digest"),
    [
        ("oci-layout:out", "out", None, None),
        ("oci-layout:./out/dir", "out/dir", None, None),
        ("oci-layout:/tmp/out:1.0", "/tmp/out", "1.0", None),
        (f"oci-layout:out@sha256:{HEX}", "out", None, DIGEST),
        (f"oci-layout:out:1@sha256:{HEX}", "out", "1", DIGEST),
        ("oci-layout:a:b/c", "a:b/c", None, None),
    ],
)
def test_a_layout_reference_names_a_path_and_perhaps_an_image(
    text: str, path: str, tag: str | None, digest: Digest | None
) -> None:
    assert parse_reference(text) == LayoutReference(Path(path), tag, digest)


@pytest.mark.parametrize("text", ["oci-layout:", "oci-layout:out:-x", "oci-layout:out@sha256:12", "oci-layout::1"])
def test_what_is_no_layout_reference_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="not an image reference"):
        parse_reference(text)


def test_a_reference_at_a_digest_leaves_its_tag_behind() -> None:
    for text in ("registry.example.com/app:1", "oci-layout:out:1"):
        reference = parse_reference(text)
        assert str(reference.at(DIGEST)) == f"{reference.name}@{DIGEST}"


def test_a_reference_needs_a_tag_or_a_digest() -> None:
    with pytest.raises(InvalidReference, match="A tag or a digest is needed"):
        RegistryReference("registry.example.com", "app", None, None)


@given(st.text(max_size=80))
def test_any_text_is_a_reference_that_reads_the_same_again_or_a_usage_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize("text", ["linux/amd64", "linux/arm/v7", "windows/amd64"])
def test_a_platform_is_printed_as_it_was_typed(text: str) -> None:
    assert str(Platform.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "linux", "linux/", "linux/arm/v7/x", "linux/amd 64", "windows()/amd64", "windows(10/amd64"]
)
def test_what_is_no_platform_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="not a platform"):
        Platform.parse(text)


def test_a_platform_may_name_its_version_as_containerd_writes_it() -> None:
    asked = Platform.parse("windows(10.0.20348.1)/amd64")
    assert asked == Platform("windows", "amd64", "", "10.0.20348.1")
    assert asked.covers(Platform("windows", "amd64", "", "10.0.20348.1"))
    assert not asked.covers(Platform("windows", "amd64", "", "10.0.17763.1"))
    assert Platform.parse("windows/amd64").covers(Platform("windows", "amd64", "", "10.0.17763.1"))


def test_only_unknown_unknown_is_the_unknown_platform() -> None:
    assert Platform.parse("unknown/unknown").is_unknown
    assert not Platform.parse("unknown/amd64").is_unknown
    assert str(Platform("windows", "amd64", "", "10.0.1")) == "windows/amd64 (10.0.1)"


def test_the_tag_of_a_long_digest_is_cut_to_what_a_tag_may_have() -> None:
    assert Digest("sha512", "ab" * 64).fallback_tag == "sha512-" + "ab" * 32
