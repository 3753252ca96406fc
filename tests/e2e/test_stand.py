"""The stand itself: if these fail, no other end-to-end test says anything about attest."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import samples, stand
from tests.e2e.git_server import GitServer


def build(builder: stand.Builder, repository: samples.Repository, image: str, *options: str | Path) -> str:
    """Build and push with plain buildx; gives NAME@DIGEST of the index."""
    metadata = repository.path.parent / "metadata.json"
    builder.build("--push", "--tag", image, "--metadata-file", metadata, *options, cwd=repository.path)
    return f"{image.rpartition(':')[0]}@{json.loads(metadata.read_text())['containerimage.digest']}"


def manifest(reference: str, home: Path) -> Any:
    return json.loads(stand.run(stand.tool("crane"), "manifest", reference, env=stand.environment(home)))


def predicate_types(index: str, home: Path) -> list[str]:
    attested = manifest(index, home)["manifests"][-1]
    assert attested["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"
    layers = manifest(f"{index.partition('@')[0]}@{attested['digest']}", home)["layers"]
    return [layer["annotations"]["in-toto.io/predicate-type"] for layer in layers]


def test_buildx_pushes_provenance_and_sbom_beside_the_image(
    buildx_builder: stand.Builder,
    either_registry: str,
    scanner: str,
    sample_repository: samples.Repository,
    tmp_path: Path,
) -> None:
    options = ("--provenance=mode=max", f"--sbom=generator={scanner}", ".")
    index = build(buildx_builder, sample_repository, f"{either_registry}/stand/app:v1.0.0", *options)

    platform = manifest(index, tmp_path)["manifests"][0]["platform"]
    assert f"{platform['os']}/{platform['architecture']}" == samples.host_platform()
    assert predicate_types(index, tmp_path) == ["https://spdx.dev/Document", "https://slsa.dev/provenance/v1"]


def test_buildkit_builds_from_the_git_server(
    buildx_builder: stand.Builder,
    registry: str,
    git_http: GitServer,
    sample_repository: samples.Repository,
    tmp_path: Path,
) -> None:
    url = git_http.publish(sample_repository.path, "stand/app")
    context = f"{url}#refs/tags/v1.0.0"
    index = build(buildx_builder, sample_repository, f"{registry}/stand/git:1", "--file=Dockerfile.scratch", context)

    assert predicate_types(index, tmp_path) == ["https://slsa.dev/provenance/v1"]


def test_the_docker_command_finds_the_same_builder(buildx_builder: stand.Builder) -> None:
    if shutil.which("docker") is None:
        pytest.skip("no docker command; buildx alone serves all other tests")

    listed = stand.run("docker", "buildx", "inspect", env=buildx_builder.environment)

    assert buildx_builder.address in listed


def test_cosign_signs_and_verifies_without_a_network(
    cosign: stand.Cosign,
    buildx_builder: stand.Builder,
    either_registry: str,
    sample_repository: samples.Repository,
) -> None:
    index = build(buildx_builder, sample_repository, f"{either_registry}/stand/signed:1", ".")
    with pytest.raises(AssertionError, match="no signatures found"):
        cosign.verify(index)

    cosign.sign(index)

    (payload,) = cosign.verify(index)
    assert index.endswith(payload["critical"]["image"]["docker-manifest-digest"])


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    broken = ("sh", "-c", "echo the disk is full; exit 7")

    with (
        pytest.raises(AssertionError, match=r"sh ended with 7.*\nthe disk is full"),
        stand.serving(*broken, folder=tmp_path, answers=lambda: False),
    ):
        pass


def test_a_server_that_ends_too_early_shows_its_log(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    brief = ("sh", "-c", f"touch '{ready}'; echo somebody ended me; exit 3")

    with (
        pytest.raises(AssertionError, match=r"sh ended with 3 too early:\nsomebody ended me"),
        stand.serving(*brief, folder=tmp_path, answers=ready.exists),
    ):
        time.sleep(0.5)
