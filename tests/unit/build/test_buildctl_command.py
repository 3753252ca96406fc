from __future__ import annotations

from pathlib import Path

import pytest

from attest.build.buildctl import Buildctl
from attest.build.interface import BuildRequest, Flag
from attest.errors import UsageError
from attest.reference import parse_reference

META = Path("/tmp/meta.json")
GIT = "https://git.example.com/acme/app.git#refs/tags/v1"
VCS = {"vcs:source": "https://git.example.com/acme/app", "vcs:revision": "8dedf8a5c843d0666ef68b007798d94260e2feb3"}
BUILDCTL = Buildctl("buildctl", {"FROM_ENVIRONMENT": "value", "CI_JOB_TOKEN": "very-secret"})


def command(context: str, *flags: Flag, targets: tuple[str, ...] = ("registry.example.com/acme/app:v1",)) -> list[str]:
    request = BuildRequest(context, tuple(parse_reference(target) for target in targets), flags)
    return BUILDCTL.command(request, META, VCS)


def options(context: str, *flags: Flag) -> list[str]:
    """What the flags add to a build without any."""
    plain = command(context)
    return [word for word in command(context, *flags) if word not in plain]


def test_a_local_checkout_is_sent_with_what_git_says(tmp_path: Path) -> None:
    assert command(str(tmp_path)) == [
        "buildctl",
        "build",
        "--metadata-file=/tmp/meta.json",
        "--frontend=dockerfile.v0",
        "--opt=attest:provenance=mode=max,version=v1",
        f"--local=context={tmp_path}",
        f"--local=dockerfile={tmp_path}",
        "--opt=filename=Dockerfile",
        f"--opt=vcs:source={VCS['vcs:source']}",
        f"--opt=vcs:revision={VCS['vcs:revision']}",
        "--output=type=image,name=registry.example.com/acme/app:v1,push=true",
    ]


def test_a_git_context_is_fetched_by_the_builder_and_claims_nothing_of_our_checkout() -> None:
    assert command(GIT, ("--file", "docker/Dockerfile")) == [
        "buildctl",
        "build",
        "--metadata-file=/tmp/meta.json",
        "--frontend=dockerfile.v0",
        "--opt=attest:provenance=mode=max,version=v1",
        f"--opt=context={GIT}",
        "--opt=filename=docker/Dockerfile",
        "--output=type=image,name=registry.example.com/acme/app:v1,push=true",
    ]


def test_a_dockerfile_is_read_from_its_own_directory(tmp_path: Path) -> None:
    words = command(str(tmp_path), ("-f", "docker/app.Dockerfile"))
    assert "--local=dockerfile=docker" in words
    assert "--opt=filename=app.Dockerfile" in words


@pytest.mark.parametrize("file", ["/etc/Dockerfile", "-", "https://example.com/Dockerfile"])
def test_a_git_context_takes_no_dockerfile_from_elsewhere(file: str) -> None:
    with pytest.raises(UsageError, match="not a path inside the repository"):
        command(GIT, ("--file", file))


@pytest.mark.parametrize("file", ["-", "https://example.com/Dockerfile"])
def test_a_local_context_takes_a_dockerfile_from_a_directory_only(tmp_path: Path, file: str) -> None:
    with pytest.raises(UsageError, match="from a directory only"):
        command(str(tmp_path), ("--file", file))


@pytest.mark.parametrize("context", ["-", "missing"])
def test_a_context_that_is_neither_directory_nor_address_is_refused(context: str) -> None:
    with pytest.raises(UsageError, match="no directory and no address"):
        command(context)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([("--build-arg", "A=b,c=d")], ["--opt=build-arg:A=b,c=d"]),
        ([("--build-arg", "FROM_ENVIRONMENT")], ["--opt=build-arg:FROM_ENVIRONMENT=value"]),
        ([("--build-arg", "NOT_SET")], []),
        ([("--label", "a=b"), ("--label", "bare")], ["--opt=label:a=b", "--opt=label:bare="]),
        ([("--target", "release")], ["--opt=target=release"]),
        ([("--platform", "linux/amd64"), ("--platform", "linux/arm64")], ["--opt=platform=linux/amd64,linux/arm64"]),
        ([("--no-cache-filter", "a"), ("--no-cache-filter", "b")], ["--opt=no-cache=a,b"]),
        ([("--no-cache-filter", "a"), ("--no-cache", None)], ["--opt=no-cache=a", "--opt=no-cache="]),
        ([("--no-cache", "false")], []),
        ([("--pull", None)], ["--opt=image-resolve-mode=pull"]),
        ([("--network", "none")], ["--opt=force-network-mode=none"]),
        ([("--network", "host")], ["--opt=force-network-mode=host", "--allow=network.host"]),
        ([("--network", "default")], []),
        ([("--allow", "security.insecure")], ["--allow=security.insecure"]),
        ([("--secret", "id=npm,env=NPM_TOKEN")], ["--secret=id=npm,env=NPM_TOKEN"]),
        ([("--ssh", "default")], ["--ssh=default"]),
        ([("--cache-from", "registry.example.com/c")], ["--import-cache=type=registry,ref=registry.example.com/c"]),
        ([("--cache-from", "type=local,src=c")], ["--import-cache=type=local,src=c"]),
        ([("--cache-to", "type=inline")], ["--export-cache=type=inline"]),
        ([("--progress", "plain")], ["--progress=plain"]),
        ([("--sbom", "true")], ["--opt=attest:sbom="]),
        ([("--sbom", "generator=x")], ["--opt=attest:sbom=generator=x"]),
        ([("--sbom", "false")], []),
        ([("--attest", "type=sbom,generator=x")], ["--opt=attest:sbom=generator=x"]),
        ([("--provenance", "mode=min")], ["--opt=attest:provenance=mode=min,version=v1"]),
    ],
)
def test_a_flag_of_buildx_has_a_literal_translation(flags: list[Flag], words: list[str]) -> None:
    assert options(GIT, *flags) == words


@pytest.mark.parametrize("name", ["--ulimit", "--annotation", "--build-context", "--iidfile", "--quiet", "--builder"])
def test_a_flag_without_translation_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: buildctl has nothing like it"):
        command(GIT, (name, "x"))


def test_a_layout_is_written_as_a_directory() -> None:
    words = command(GIT, targets=("oci-layout:out/app:v1",))
    assert "--output=type=oci,tar=false,dest=out/app,name=localhost/app:v1" in words


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "localhost"])
def test_a_registry_on_loopback_may_be_insecure(host: str) -> None:
    words = command(GIT, targets=(f"{host}/app:v1",))
    assert f"--output=type=image,name={host}/app:v1,push=true,registry.insecure=true" in words


@pytest.mark.parametrize("other", ["127.0.0.1.example.com/app:v1", "registry.example.com/app:v1", "10.0.0.1/a:1"])
def test_a_name_elsewhere_never_becomes_insecure(other: str) -> None:
    words = command(GIT, targets=("localhost:5000/app:v1", other))
    assert f'--output=type=image,"name=localhost:5000/app:v1,{other}",push=true' in words


def test_the_jobs_secrets_do_not_show_when_a_builder_is_printed() -> None:
    assert "very-secret" not in repr(BUILDCTL)
