"""What a build was asked for: its parameters, and what of them replaces part of the source."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from attest.errors import AttestError
from attest.evidence.buildkit_request import BUILDKIT_TYPES, Parameter, Replacement, layers, parameters, replacements
from attest.evidence.provenance import Provenance, read_provenance
from attest.evidence.statement import parse_statement
from attest.reference import Digest

ASSETS: Final = Path(__file__).parents[2] / "assets/buildkit"
PIN: Final = "a" * 64
GIT: Final[dict[str, Any]] = {"uri": "https://git.example.test/acme/app.git#refs/heads/main"}

Request = dict[str, Any]


def of_git(request: Request) -> dict[str, Digest | None]:
    """By name, what replaces part of a git context."""
    return {one.name: one.digest for one in replacements("", GIT, request, is_git=True)}


def of_checkout(request: Request) -> dict[str, Digest | None]:
    """By name, what replaces part of a local checkout."""
    return {one.name: one.digest for one in replacements("", {"path": "Dockerfile"}, request, is_git=False)}


def asked(request: Request) -> list[tuple[str, str]]:
    return [(one.name, one.value) for one in parameters("", request, {}, "Dockerfile")]


# --- Replacements


@pytest.mark.parametrize("build_type", ["", *BUILDKIT_TYPES])
def test_an_ordinary_build_replaces_nothing(build_type: str) -> None:
    local: Request = {"frontend": "dockerfile.v0", "locals": [{"name": "context"}, {"name": "dockerfile"}], "args": {}}
    assert replacements(build_type, {}, local, is_git=False) == ()
    assert replacements(build_type, GIT, {"frontend": "dockerfile.v0"}, is_git=True) == ()


def test_with_a_build_type_that_is_not_buildkit_s_anything_may_have_been_replaced() -> None:
    for build_type in ("https://example.test/x", f"{BUILDKIT_TYPES[0]}/", BUILDKIT_TYPES[1].upper()):
        assert [one.name for one in replacements(build_type, GIT, {}, is_git=True)] == ["build-type"]


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        (f"docker-image://alpine@sha256:{PIN}", Digest("sha256", PIN)),
        (f"docker-image://alpine:3@sha256:{PIN}", Digest("sha256", PIN)),
        (f"docker-image://alpine@sha256:{PIN}0", None),
        (f"docker-image://alpine@sha256:{PIN[1:]}", None),
        (f"docker-image://alpine@sha256:{PIN.upper()}", None),
        (f"docker-image://alpine@sha512:{PIN}", None),
        (f"@sha256:{PIN}", None),
        ("docker-image://alpine:3", None),
        ("https://git.example.test/base.git", None),
        ("", None),
        (["docker-image://alpine"], None),
        (None, None),
    ],
)
def test_a_named_context_replaces_whatever_it_is_and_is_pinned_by_digest_alone(
    value: object, digest: Digest | None
) -> None:
    for request in ({"args": {"context:base": value}}, {"root": {"request": {"args": {"context:base": value}}}}):
        assert of_checkout(request)["context:base"] == digest
        assert of_git(request)["context:base"] == digest


@pytest.mark.parametrize(
    ("request_", "of_a_git_context", "of_a_checkout"),
    [
        ({"args": {"contextkey": "context"}}, {"contextkey"}, set()),
        ({"args": {"dockerfilekey": "dockerfile"}}, {"dockerfilekey"}, set()),
        ({"args": {"contextkey": "evil"}}, {"contextkey"}, {"contextkey"}),
        ({"args": {"dockerfilekey": "evil"}}, {"dockerfilekey"}, {"dockerfilekey"}),
        ({"args": {"dockerfilekey": None}}, {"dockerfilekey"}, {"dockerfilekey"}),
        ({"locals": [{"name": "context"}]}, {"local:context"}, set()),
        ({"locals": [{"name": "dockerfile"}, {"name": "evil"}]}, {"local:dockerfile", "local:evil"}, {"local:evil"}),
        ({"locals": [{}]}, {"local:"}, {"local:"}),
        ({"inputs": {"base": {}, "more": None}}, {"input:base", "input:more"}, {"input:base", "input:more"}),
    ],
)
def test_what_came_from_the_client_s_disk_replaces_a_git_context(
    request_: Request, of_a_git_context: set[str], of_a_checkout: set[str]
) -> None:
    assert set(of_git(request_)) == of_a_git_context
    assert set(of_checkout(request_)) == of_a_checkout


FRONTENDS: Final[list[tuple[Request, dict[str, Digest | None]]]] = [
    ({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile"}}, {}),
    ({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile:1.7"}}, {}),
    ({"frontend": "gateway.v0", "args": {"source": f"docker.io/docker/dockerfile:1@sha256:{PIN}"}}, {}),
    ({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile-upstream:master"}}, {"frontend": None}),
    ({"frontend": "gateway.v0", "args": {"source": "evil.test/docker/dockerfile:1"}}, {"frontend": None}),
    ({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile/evil"}}, {"frontend": None}),
    ({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile:1 evil"}}, {"frontend": None}),
    ({"frontend": "gateway.v0", "args": {"source": f"x.test/d@sha256:{PIN}"}}, {"frontend": Digest("sha256", PIN)}),
    ({"frontend": "gateway.v0"}, {"frontend": None}),
    ({"frontend": "gateway.v0", "args": {"source": ["docker/dockerfile"]}}, {"frontend": None}),
    ({"frontend": "other.v0"}, {"frontend": None}),
    ({"frontend": f"x.test/d@sha256:{PIN}"}, {"frontend": Digest("sha256", PIN)}),
    ({"args": {"cmdline": "evil.test/frontend"}}, {"frontend": None}),
    ({"args": {"cmdline": "docker/dockerfile:1"}}, {}),
    ({"args": {"build-arg:BUILDKIT_SYNTAX": "evil.test/frontend"}}, {"frontend": None}),
    ({"args": {"build-arg:BUILDKIT_SYNTAX": "docker/dockerfile:1"}}, {}),
]


@pytest.mark.parametrize(("request_", "found"), FRONTENDS)
def test_every_frontend_but_docker_s_own_decides_for_itself_what_it_builds(
    request_: Request, found: dict[str, Digest | None]
) -> None:
    assert of_checkout(request_) == found
    at_root = {"root": {"configSource": GIT, "request": request_}}
    assert of_git(at_root) == found


def test_another_context_at_the_root_is_a_replacement() -> None:
    same = {"root": {"configSource": GIT, "request": {"frontend": "dockerfile.v0"}}}
    assert of_git(same) == {}
    assert of_git({"root": {"configSource": {"uri": "https://evil.test/x.git"}}}) == {"context": None}
    assert of_git({"root": {"request": {"frontend": "dockerfile.v0"}}}) == {"context": None}
    assert of_checkout({"root": {"configSource": {"uri": "https://evil.test/x.git"}}}) == {"context": None}
    assert of_checkout({"root": {"configSource": {"path": "Dockerfile"}}}) == {}


def test_an_address_that_is_no_git_object_is_a_replacement() -> None:
    config = {"uri": "https://user:token@git.example.test/app.tar.gz?x#y"}
    (found,) = replacements("", config, {}, is_git=False)
    assert (found.name, str(found)) == (
        "context",
        "the context https://git.example.test/app.tar.gz, which is no git object",
    )


def test_no_credentials_are_shown_of_what_replaces_the_source() -> None:
    arguments = {"context:a": "https://u:hunter2@h/x.git", "build-arg:BUILDKIT_SYNTAX": "https://u:hunter2@h/x"}
    request: Request = {"args": arguments, "root": {"configSource": {"uri": "https://u:hunter2@h/x.git"}}}
    said = [str(one) for one in replacements("", GIT, request, is_git=True)]
    assert len(said) == 3
    assert "hunter2" not in " ".join(said)


def test_requests_that_lie_too_deep_to_be_looked_at_replace_the_source() -> None:
    request: Request = {"args": {"context:base": "docker-image://evil.test/base"}}
    for _ in range(12):
        request = {"root": {"configSource": GIT, "request": request}}
    assert of_git(request) != {}


def test_layers_are_a_request_and_those_below_it() -> None:
    inner: Request = {"frontend": "b"}
    request: Request = {"frontend": "a", "root": {"request": inner}}
    assert list(layers(request)) == [request, inner]
    assert list(layers({})) == [{}]


def test_each_replacement_is_told_once() -> None:
    arguments: Request = {"args": {"context:base": "docker-image://x"}}
    found = replacements("", {}, {**arguments, "root": {"request": arguments}}, is_git=False)
    assert found == (Replacement("context:base", "the named context base=docker-image://x"),)


# --- Parameters


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        ({}, []),
        ({"frontend": "dockerfile.v0"}, []),
        ({"frontend": "gateway.v0", "args": {"source": "docker/dockerfile:1"}}, [("frontend", "docker/dockerfile:1")]),
        ({"frontend": "other.v0"}, [("frontend", "other.v0")]),
        ({"args": {"cmdline": "x"}}, [("frontend", "x")]),
        ({"args": {"build-arg:A": "1", "target": "t"}}, [("build-arg:A", "1"), ("target", "t")]),
        ({"args": {"build-arg:A": 1, "x": ["y"]}}, [("build-arg:A", "1"), ("x", '["y"]')]),
        ({"args": {"vcs:revision": "x", "frontend.caps": "y"}}, []),
        ({"args": {"contextkey": "context", "dockerfilekey": "dockerfile"}}, []),
        ({"args": {"contextkey": "dockerfile"}}, [("contextkey", "dockerfile")]),
        ({"secrets": [{"id": "npm"}, {"id": "GIT_AUTH_TOKEN"}, {"id": "GIT_AUTH_HEADER"}]}, [("secret:npm", "")]),
        ({"secrets": [{"id": "GIT_AUTH_TOKEN_2"}]}, [("secret:GIT_AUTH_TOKEN_2", "")]),
        ({"ssh": [{"id": "default"}]}, [("ssh:default", "")]),
        ({"root": {"request": {"args": {"build-arg:A": "1"}}}}, [("build-arg:A", "1")]),
        (
            {"args": {"build-arg:A": "1"}, "root": {"request": {"args": {"build-arg:A": "2"}}}},
            [("build-arg:A", "1"), ("build-arg:A", "2")],
        ),
        ({"args": {"build-arg:A": "1"}, "root": {"request": {"args": {"build-arg:A": "1"}}}}, [("build-arg:A", "1")]),
    ],
)
def test_parameters_are_what_was_asked_for_from_outside(request_: Request, found: list[tuple[str, str]]) -> None:
    assert asked(request_) == found


def test_of_another_build_type_every_member_is_a_parameter() -> None:
    external: Request = {"workflow": {"ref": "main"}, "inputs": {}, "name": "x", "empty": "", "none": None, "list": []}
    assert parameters("https://example.test/type", {"args": {"build-arg:A": "1"}}, external, "Dockerfile") == (
        Parameter("workflow", '{"ref": "main"}'),
        Parameter("name", "x"),
    )


# --- As BuildKit wrote them


def recorded(name: str) -> list[Provenance]:
    """The provenance statements in a recorded image."""
    found = []
    for path in sorted((ASSETS / name / "layout/blobs/sha256").iterdir()):
        if path.stat().st_size < 200_000 and b"slsa.dev/provenance" in (content := path.read_bytes()):
            try:
                provenance = read_provenance(parse_statement(content, name))
            except AttestError:
                continue
            found += [provenance] if provenance else []
    return found


BASE: Final = "context:127.0.0.1:5000/base:1"
BASE_DIGEST: Final = Digest("sha256", "2c3751fb1e520d12f8df5030af2af3e4380a97903acff59b51f4ff0fa3777447")
GREETING: Final = ("build-arg:GREETING", "hi")


@pytest.mark.parametrize(
    ("name", "replaced", "given"),
    [
        ("local-v1-max", {}, {GREETING}),
        ("local-v02-max", {}, {GREETING}),
        ("local-v1-min", {}, set()),
        ("remote-v1-max-tag", {}, {GREETING}),
        ("named-ctx", {BASE: BASE_DIGEST}, {(BASE, f"docker-image://127.0.0.1:5000/base@{BASE_DIGEST}")}),
        (
            "local-file-remote-ctx",
            {"dockerfilekey": None, "local:dockerfile": None},
            {("filename", "scratch.Dockerfile")},
        ),
        (
            "syntax-max",
            {"frontend": None},
            {
                ("build-arg:GREETING", "x"),
                ("frontend", "127.0.0.1:5000/dockerfile:1"),
                ("filename", "syntax.Dockerfile"),
            },
        ),
    ],
)
def test_recorded_builds_say_what_their_command_did(
    name: str, replaced: dict[str, Digest | None], given: set[tuple[str, str]]
) -> None:
    """tests/assets/buildkit/README.md has each command."""
    (provenance,) = recorded(name)
    assert {one.name: one.digest for one in provenance.replacements} == replaced
    assert {(one.name, one.value) for one in provenance.parameters} == given


def test_recorded_secrets_are_parameters_without_their_values() -> None:
    (provenance,) = recorded("secret-max")
    named = {one.name: one.value for one in provenance.parameters}
    assert {"secret:mytoken", "secret:apikey"} <= named.keys()
    assert "apikeyval" not in named.values()


def test_recorded_parameters_are_complete_where_the_mode_is_max() -> None:
    assert [recorded(name)[0].parameters_complete for name in ("local-v1-max", "local-v02-max")] == [True, True]
    assert [recorded(name)[0].parameters_complete for name in ("local-v1-min", "local-v02-min")] == [False, False]


def test_recorded_builds_without_a_network_are_hermetic() -> None:
    assert recorded("hermetic-network-none")[0].hermetic
    assert not recorded("remote-v1-max-branch")[0].hermetic


def test_another_dockerfile_of_the_repository_is_a_parameter() -> None:
    """SLSA: every external parameter is verified. -f scratch.Dockerfile leaves no argument, but a path."""
    assert [{one.name: one.value for one in each.parameters} for each in recorded("multiplatform")] == [
        {"filename": "scratch.Dockerfile"}
    ] * 2
    assert parameters("", {}, {}, "") == parameters("", {}, {}, "Dockerfile") == ()
