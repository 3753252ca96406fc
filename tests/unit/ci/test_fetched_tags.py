"""Annotated tags asked of a repository, served by git's own CGI."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from attest.ci.git import fetched_tag_object, raw_tag_object
from tests.e2e.git_server import GitServer, git_http
from tests.unit.ci.test_ci_git import sh


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    served = tmp_path / "served"
    served.mkdir()
    with git_http(served) as running:
        yield running


@pytest.fixture
def tagged(tmp_path: Path) -> tuple[Path, str]:
    """A repository, and the name of its annotated tag's object."""
    path = tmp_path / "app"
    path.mkdir()
    sh(path, "init", "--quiet", "--initial-branch=main")
    (path / "Dockerfile").write_text("FROM scratch\n")
    sh(path, "add", ".")
    sh(path, "commit", "--quiet", "--message=one")
    sh(path, "tag", "--annotate", "--message=release", "v1.0.0")
    return path, sh(path, "rev-parse", "refs/tags/v1.0.0")


def test_a_tag_object_is_fetched_as_a_clone_has_it(
    server: GitServer, tagged: tuple[Path, str], environ: Mapping[str, str]
) -> None:
    path, name = tagged
    url = server.publish(path, "app")

    fetched = fetched_tag_object(url, name, environ)

    assert fetched is not None
    assert fetched == raw_tag_object(path, name, environ)


def test_what_the_repository_does_not_have_is_none(
    server: GitServer, tagged: tuple[Path, str], environ: Mapping[str, str]
) -> None:
    path, _ = tagged
    url = server.publish(path, "app")

    assert fetched_tag_object(url, "0" * 40, environ) is None
    assert fetched_tag_object(url, sh(path, "rev-parse", "HEAD"), environ) is None
    assert fetched_tag_object(f"{server.url}/none.git", "0" * 40, environ) is None
    assert fetched_tag_object(url, "--upload-pack=touch ran", environ) is None


@pytest.mark.parametrize("address", ["{path}", "file://{path}", "ext::sh -c touch% {marker}", "-u{marker}"])
def test_only_addresses_of_servers_are_asked(
    address: str, tagged: tuple[Path, str], tmp_path: Path, environ: Mapping[str, str]
) -> None:
    path, name = tagged
    marker = tmp_path / "ran"

    assert fetched_tag_object(address.format(path=path, marker=marker), name, environ) is None
    assert not marker.exists()
