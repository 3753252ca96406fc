"""SLSA provenance v0.2 and v1 as BuildKit writes them, read as one type.

Each fact about the source carries who wrote it: the builder saw a git context with its own eyes, what stands under
`vcs` was sent by the client, whatever it says. Nothing here is verified; who may be believed is the policy's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from attest.evidence.repository import without_credentials
from attest.evidence.statement import Statement
from attest.oci.document import JsonObject, child, children, strings, text

SLSA_V1: Final = "https://slsa.dev/provenance/v1"
SLSA_V02: Final = "https://slsa.dev/provenance/v0.2"
PROVENANCE_TYPES: Final = frozenset({SLSA_V1, SLSA_V02})

Writer = Literal["builder", "client"]
FULL_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BUILDKIT_V02: Final = "https://mobyproject.org/buildkit@v1#metadata"
# The frontends that read a Dockerfile as it is written; any other one decides for itself what it builds.
_DOCKERFILE_FRONTEND: Final = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:[:@].+)?")


@dataclass(frozen=True, slots=True)
class Fact:
    """One value and who wrote it."""

    value: str
    written_by: Writer


@dataclass(frozen=True, slots=True)
class Source:
    """Where the build's context came from, according to one writer.

    `commit` and `object` exclude each other: the sha1 of a git context may be a tag object unless the fragment says
    otherwise. `dirty` is True or unknown, never False: a clean tree cannot be told from one that nobody looked at.
    """

    written_by: Writer
    repository: str = ""
    commit: str = ""
    object: str = ""
    ref: str = ""
    directory: str = ""
    dirty: bool = False


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something the build used: uri and digests by algorithm (SLSA v1 ResourceDescriptor, v0.2 material)."""

    uri: str
    digests: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Provenance:
    """What one provenance statement says. Empty means that it does not say."""

    statement: Statement
    build_type: str
    builder: str
    invocation: str
    started_on: str
    finished_on: str
    mode: Literal["min", "max"]
    dependencies: tuple[Dependency, ...]
    dependencies_complete: bool
    sources: tuple[Source, ...]
    replacements: tuple[str, ...]
    build_arguments: Mapping[str, str] = field(hash=False)

    def fact(self, name: str) -> Fact | None:
        """The value of one source fact, from the builder where it says one, else from the client."""
        for source in self.sources:
            if value := getattr(source, name):
                return Fact(str(value), source.written_by)
        return None


def read_provenance(statement: Statement) -> Provenance | None:
    """The provenance in a statement, or None where its predicate type is another."""
    reader = _READERS.get(statement.predicate_type)
    return reader(statement) if reader else None


def _read_v1(statement: Statement) -> Provenance:
    definition = child(statement.predicate, "buildDefinition")
    metadata = child(statement.predicate, "runDetails", "metadata")
    external = child(definition, "externalParameters")
    request = child(external, "request")
    config = child(external, "configSource")
    return Provenance(
        statement,
        text(definition, "buildType"),
        text(child(statement.predicate, "runDetails", "builder"), "id"),
        text(metadata, "invocationId") or text(metadata, "invocationID"),
        text(metadata, "startedOn"),
        text(metadata, "finishedOn"),
        "max" if child(definition, "internalParameters", "buildConfig") else "min",
        _dependencies(definition, "resolvedDependencies"),
        child(metadata, "buildkit_completeness").get("resolvedDependencies") is True,
        tuple(_sources(config, request, child(metadata, "buildkit_metadata", "vcs"))),
        tuple(_replacements(config, request)),
        _build_arguments(request),
    )


def _read_v02(statement: Statement) -> Provenance:
    predicate = statement.predicate
    metadata = child(predicate, "metadata")
    parameters = child(predicate, "invocation", "parameters")
    config = child(predicate, "invocation", "configSource")
    return Provenance(
        statement,
        text(predicate, "buildType"),
        text(child(predicate, "builder"), "id"),
        text(metadata, "buildInvocationID") or text(metadata, "buildInvocationId"),
        text(metadata, "buildStartedOn"),
        text(metadata, "buildFinishedOn"),
        "max" if child(predicate, "buildConfig") else "min",
        _dependencies(predicate, "materials"),
        child(metadata, "completeness").get("materials") is True,
        tuple(_sources(config, parameters, child(metadata, _BUILDKIT_V02, "vcs"))),
        tuple(_replacements(config, parameters)),
        _build_arguments(parameters),
    )


_READERS: Final = {SLSA_V1: _read_v1, SLSA_V02: _read_v02}


def _dependencies(document: JsonObject, key: str) -> tuple[Dependency, ...]:
    return tuple(Dependency(text(item, "uri"), strings(item, "digest")) for item in children(document, key))


def _sources(config: JsonObject, request: JsonObject, vcs: JsonObject) -> Iterator[Source]:
    """The builder's observation first, then each thing that the client said."""
    if text(config, "uri"):
        yield git_context(text(config, "uri"), strings(config, "digest"))
    said = {(text(vcs, "source"), text(vcs, "revision"))}
    for arguments in (child(request, "args"), child(request, "root", "request", "args")):
        said.add((text(arguments, "vcs:source"), text(arguments, "vcs:revision")))
    for repository, revision in sorted(said - {("", "")}):
        yield Source(
            "client",
            without_credentials(repository),
            commit=revision.removesuffix("-dirty"),
            dirty=revision.endswith("-dirty"),
        )


def git_context(uri: str, digests: Mapping[str, str]) -> Source:
    """Read `https://host/repo.git#ref:directory` and the object that it resolved to (docker build, "Git repositories").

    A bare `#v1` is a branch if there is one of that name, and is recorded alike; only `refs/heads/…` and a full commit
    say what the object is.
    """
    address, _, fragment = uri.partition("#")
    ref, _, directory = fragment.partition(":")
    resolved = digests.get("sha1") or digests.get("gitCommit") or digests.get("sha256") or ""
    is_commit = bool(FULL_COMMIT.fullmatch(ref)) or ref.startswith("refs/heads/")
    return Source(
        "builder",
        without_credentials(address),
        commit=resolved if is_commit else "",
        object="" if is_commit else resolved,
        ref=ref,
        directory=directory,
    )


def _replacements(config: JsonObject, request: JsonObject) -> Iterator[str]:
    """What replaced part of the source, in words: the commit does not speak for it (docs/threats.md)."""
    for name, value in sorted(_arguments(request).items()):
        if name.startswith("context:"):
            yield f"the named context {name.removeprefix('context:')}={without_credentials(value)}"
        elif name in ("contextkey", "dockerfilekey") and text(config, "uri"):
            yield f"a local {name.removesuffix('key')} beside the git context"
        elif name == "build-arg:BUILDKIT_SYNTAX" and not _DOCKERFILE_FRONTEND.fullmatch(value):
            yield f"the frontend {value}"
    names = {text(local, "name") for local in children(request, "locals")}
    expected = set() if text(config, "uri") else {"context", "dockerfile"}
    yield from (f"the local directory {name or '(unnamed)'}" for name in sorted(names - expected))
    yield from _foreign_frontend(request)


def _foreign_frontend(request: JsonObject) -> Iterator[str]:
    frontend = text(request, "frontend")
    named = strings(request, "args").get("source", "")
    if frontend == "gateway.v0" and not _DOCKERFILE_FRONTEND.fullmatch(named):
        yield f"the frontend {named or '(unnamed)'}"
    elif frontend not in ("", "dockerfile.v0", "gateway.v0"):
        yield f"the frontend {frontend}"


def _build_arguments(request: JsonObject) -> Mapping[str, str]:
    prefix = "build-arg:"
    arguments = _arguments(request).items()
    return {name.removeprefix(prefix): value for name, value in arguments if name.startswith(prefix)}


def _arguments(request: JsonObject) -> dict[str, str]:
    return {**strings(child(request, "root", "request"), "args"), **strings(request, "args")}
