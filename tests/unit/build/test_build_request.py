from __future__ import annotations

from pathlib import Path

import pytest

from attest.build.context import is_remote_context, local_directory
from attest.build.interface import BuildRequest
from attest.errors import UsageError
from attest.reference import parse_reference

APP = parse_reference("registry.example.com/acme/app:v1")
LAYOUT = parse_reference("oci-layout:out/app:v1")
DIGEST = "@sha256:" + "a" * 64


def test_any_number_of_registry_names_is_one_push() -> None:
    request = BuildRequest(".", (APP, parse_reference("registry.example.com/acme/app:latest")))
    assert request.layout is None


def test_a_layout_with_a_tag_is_written_into() -> None:
    assert BuildRequest(".", (LAYOUT,)).layout == LAYOUT


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), "no name for the image"),
        ((parse_reference(f"registry.example.com/acme/app{DIGEST}"),), "a digest cannot be built"),
        ((parse_reference(f"oci-layout:out{DIGEST}"),), "a digest cannot be built"),
        ((parse_reference("oci-layout:out"),), "no tag"),
        ((APP, LAYOUT), "one OCI layout"),
        ((LAYOUT, parse_reference("oci-layout:other:v1")), "one OCI layout"),
    ],
)
def test_a_target_that_cannot_be_is_refused_when_the_request_is_made(targets: tuple[object, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        BuildRequest(".", targets)  # type: ignore[arg-type]


@pytest.mark.parametrize(("context", "said"), [("", "no build context"), ("--load", "a flag where")])
def test_a_context_that_is_none_is_refused(context: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        BuildRequest(context, (APP,))


def test_what_stood_after_the_dashes_counts_as_flags_too() -> None:
    request = BuildRequest(".", (APP,), (("--no-cache", None),), ("--build-arg", "A=b", "--label=c=d", "--new"))
    assert request.every_flag == (
        ("--no-cache", None),
        ("--build-arg", "A=b"),
        ("--label", "c=d"),
        ("--new", None),
    )


@pytest.mark.parametrize(
    ("context", "remote"),
    [
        ("https://git.example.com/acme/app.git#refs/tags/v1", True),
        ("http://files.example.com/context.tar.gz", True),
        ("HTTPS://git.example.com/acme/app.git", True),
        ("HTTPS://files.example.com/context.tar", False),
        ("git://git.example.com/app", True),
        ("ssh://git@git.example.com/app", True),
        ("git@git.example.com:acme/app.git#main", True),
        ("github.com/acme/app", True),
        ("gitlab.com/acme/app", False),
        ("git.example.com:acme/app.git", False),
        ("ftp://files.example.com/app.git", False),
        ("./github.com/acme/app", False),
        ("-", False),
        ("missing", False),
        ("a" * 5000, False),
        ("null\0byte", False),
    ],
)
def test_addresses_are_remote_as_docker_decides(context: str, remote: bool) -> None:
    assert is_remote_context(context) is remote
    assert local_directory(context) is None


def test_a_directory_that_exists_wins_over_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "github.com" / "acme").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert not is_remote_context("github.com/acme")
    assert local_directory("github.com/acme") == Path("github.com/acme")


def test_a_file_is_no_local_directory(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").touch()
    assert local_directory(str(tmp_path / "Dockerfile")) is None
