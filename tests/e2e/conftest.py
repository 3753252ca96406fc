"""The stand as fixtures: everything starts once a run, at the first test that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import attest_command, git_server, samples, stand


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder is marked e2e (the hook sees the tests of all folders)."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a registry without the referrers API (distribution)."""
    with stand.distribution(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="session")
def referrers_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a registry with the referrers API."""
    with stand.referrers_registry(tmp_path_factory.mktemp("referrers")) as host:
        yield host


@pytest.fixture(params=["registry", "referrers_registry"])
def either_registry(request: pytest.FixtureRequest) -> str:
    """HOST:PORT; the test runs once on each kind of registry."""
    host = request.getfixturevalue(request.param)
    assert isinstance(host, str)
    return host


@pytest.fixture(scope="session")
def buildkitd() -> Iterator[str]:
    """unix://SOCKET of a BuildKit daemon."""
    with stand.buildkitd() as address:
        yield address


@pytest.fixture(scope="session")
def buildx_builder(tmp_path_factory: pytest.TempPathFactory, buildkitd: str) -> stand.Builder:
    """buildx, using that daemon."""
    return stand.make_builder(tmp_path_factory.mktemp("docker"), buildkitd)


@pytest.fixture(scope="session")
def cosign(tmp_path_factory: pytest.TempPathFactory) -> stand.Cosign:
    """cosign with a key pair, without a network."""
    return stand.make_cosign(tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="session")
def git_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[git_server.GitServer]:
    """A git server: `git_http.publish(path, "acme/app")` gives a URL."""
    with git_server.git_http(tmp_path_factory.mktemp("git")) as server:
        yield server


@pytest.fixture(scope="session")
def base_image(tmp_path_factory: pytest.TempPathFactory, registry: str) -> str:
    """HOST/base:1, a busybox."""
    return samples.push_base_image(registry, tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def scanner(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> str:
    """HOST/scanner:1, for --sbom=generator=…"""
    return samples.push_scanner(base_image, tmp_path_factory.mktemp("scanner"))


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> samples.Repository:
    """One clean checkout for all tests that only build from it."""
    return samples.make_repository(tmp_path_factory.mktemp("checkout") / "app", base_image)


@pytest.fixture(scope="session")
def attest(buildx_builder: stand.Builder, cosign: stand.Cosign) -> attest_command.Attest:
    """attest, with that daemon and with cosign's key, whose password it knows."""
    password = cosign.environment["COSIGN_PASSWORD"]
    return attest_command.Attest(
        {**buildx_builder.environment, "COSIGN_PASSWORD": password}, cosign.key, cosign.public_key
    )


@pytest.fixture
def sample_repository(tmp_path: Path, base_image: str) -> samples.Repository:
    """A fresh clean checkout, see samples.Repository."""
    return samples.make_repository(tmp_path / "app", base_image)
