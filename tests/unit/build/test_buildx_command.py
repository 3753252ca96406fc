from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attest.build.buildx import DOCKER_BUILDX, STANDALONE
from attest.build.flags import arguments_of, comma_separated, metadata_copy
from attest.build.interface import BuildRequest, Flag
from attest.errors import UsageError
from attest.reference import parse_reference

APP = parse_reference("registry.example.com/acme/app:v1")
META = Path("/tmp/meta.json")


def request(*flags: Flag, extra: tuple[str, ...] = (), target: str = str(APP), context: str = ".") -> BuildRequest:
    return BuildRequest(context, (parse_reference(target),), flags, extra)


def test_a_push_is_one_command_with_full_provenance() -> None:
    wanted = request(("-f", "app/Dockerfile"), ("--build-arg", "A=b c"), ("--no-cache", None), extra=("--new", "x"))
    assert DOCKER_BUILDX.command(wanted, META, {"vcs:source": "https://ignored.example"}) == [
        "docker",
        "buildx",
        "build",
        "--metadata-file=/tmp/meta.json",
        "--provenance=mode=max,version=v1",
        "--tag=registry.example.com/acme/app:v1",
        "--push",
        "--file=app/Dockerfile",
        "--build-arg=A=b c",
        "--no-cache",
        "--new",
        "x",
        ".",
    ]


def test_every_name_is_pushed() -> None:
    wanted = BuildRequest(".", (APP, parse_reference("app")))
    command = STANDALONE.command(wanted, META, {})
    assert command[:2] == ["buildx", "build"]
    assert "--tag=registry.example.com/acme/app:v1" in command
    assert "--tag=docker.io/library/app:latest" in command


def test_a_layout_is_written_as_a_directory_under_a_local_name() -> None:
    command = STANDALONE.command(request(target="oci-layout:out,1/My App:v1"), META, {})
    assert "--tag=localhost/my-app:v1" in command
    assert '--output=type=oci,"dest=out,1/My App",tar=false' in command
    assert "--push" not in command


def test_a_dirty_tree_is_recorded_as_dirty() -> None:
    assert DOCKER_BUILDX.environment(request()) == {"BUILDX_GIT_INFO": "1", "BUILDX_GIT_CHECK_DIRTY": "1"}


def test_a_tree_with_nothing_but_ignored_files_is_not_recorded_as_dirty() -> None:
    """buildx asks git for ignored files too and calls them changes."""
    wanted = replace(request(), only_ignored=True)
    assert DOCKER_BUILDX.environment(wanted) == {"BUILDX_GIT_INFO": "1", "BUILDX_GIT_CHECK_DIRTY": "0"}


@pytest.mark.parametrize(
    ("flags", "provenance"),
    [
        ((), "mode=max,version=v1"),
        ((("--provenance", "true"),), "mode=max,version=v1"),
        ((("--provenance", ""),), "mode=max,version=v1"),
        ((("--provenance", "mode=min"),), "mode=min,version=v1"),
        ((("--provenance", "version=v0.2"),), "mode=max,version=v0.2"),
        (
            (("--attest", "type=provenance,mode=min,builder-id=https://ci/1"),),
            "mode=min,version=v1,builder-id=https://ci/1",
        ),
        ((("--provenance", 'mode=max,"builder-id=a,b"'),), 'mode=max,version=v1,"builder-id=a,b"'),
        ((("--attest", "type=provenance,disabled=false"),), "mode=max,version=v1"),
    ],
)
def test_a_users_own_provenance_wins_where_it_says_something(flags: tuple[Flag, ...], provenance: str) -> None:
    sorted_out = arguments_of(request(*flags))
    assert sorted_out.provenance == provenance
    assert sorted_out.flags == ()


@pytest.mark.parametrize(
    "flag",
    [
        ("--provenance", "false"),
        ("--provenance", "0"),
        ("--provenance", "F"),
        ("--provenance", "disabled=true"),
        ("--provenance", "mode=max,disabled=1"),
        ("--attest", "type=provenance,disabled=true"),
        ("--attest", "Type=provenance,DISABLED=T"),
    ],
)
def test_turning_provenance_off_is_refused(flag: Flag) -> None:
    with pytest.raises(UsageError, match="turns provenance off"):
        arguments_of(request(flag))


@pytest.mark.parametrize(
    "flag",
    [
        ("--attest", "provenance"),
        ("--attest", "mode=max"),
        ("--provenance", "disabled=perhaps"),
        ("--provenance", '"mode=max'),
        ("--attest", "type=provenance," + "x" * 200_000 + "=1"),
    ],
)
def test_an_attestation_that_cannot_be_read_is_refused_here_not_by_the_builder(flag: Flag) -> None:
    with pytest.raises(UsageError):
        arguments_of(request(flag))


def test_other_attestations_go_through_as_typed() -> None:
    flags = (("--sbom", "true"), ("--attest", "type=sbom,generator=x"))
    assert arguments_of(request(*flags)).flags == flags


@pytest.mark.parametrize(
    ("flag", "why"),
    [
        (("--load", None), "keeps no attestations"),
        (("--output", "type=local,dest=x"), "a push, or an OCI layout"),
        (("-o", "x"), "a push, or an OCI layout"),
        (("-t", "other:1"), "Names are given"),
        (("--check", None), "builds nothing"),
        (("--call", "outline"), "builds nothing"),
        (("--push", "false"), "attest pushes"),
    ],
)
def test_a_flag_that_leads_elsewhere_is_refused_with_the_reason(flag: Flag, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        arguments_of(request(flag))


@pytest.mark.parametrize("flag", [("--push", None), ("--push", "true"), ("--metadata-file", "m.json")])
def test_what_attest_does_anyway_is_accepted_and_not_said_twice(flag: Flag) -> None:
    assert arguments_of(request(flag)).flags == ()


def test_an_ordinary_call_is_a_build() -> None:
    assert arguments_of(request(("--call", "build"))).flags == (("--call", "build"),)


@pytest.mark.parametrize(
    "word",
    [
        "--provenance=false",
        "--provenance",
        "--attest=type=provenance,disabled=true",
        "--load",
        "--push=false",
        "--output=x",
        "-ox",
        "-o",
        "-t",
        "--tag",
        "--metadata-file",
        "attest:provenance=",
        "--opt=attest:provenance=",
        "--call=check",
    ],
)
def test_what_attest_decides_cannot_be_changed_after_the_dashes(word: str) -> None:
    with pytest.raises(UsageError, match="not after --"):
        arguments_of(request(extra=("--progress=plain", word)))


def test_the_last_metadata_file_is_the_one_that_is_copied() -> None:
    assert metadata_copy(request(("--metadata-file", "a"), ("--metadata-file", "b"))) == Path("b")
    assert metadata_copy(request()) is None


def test_fields_are_quoted_as_buildkit_reads_them() -> None:
    assert comma_separated({"a": "b", "c": 'd,"e"'}) == 'a=b,"c=d,""e"""'
