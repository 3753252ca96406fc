"""SLSA provenance v0.2 and v1 as BuildKit writes them, read as one type.

Each fact about the source carries who wrote it: the builder saw a git context with its own eyes, what stands under
`vcs` was sent by the client, whatever it says. Nothing here is verified; who may be believed is the policy's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal
from urllib.parse import parse_qsl

from attest.evidence.buildkit_request import Parameter, Replacement, layers, parameters, replacements
from attest.evidence.repository import same_repository, without_credentials
from attest.evidence.statement import Statement
from attest.oci.document import JsonObject, child, children, strings, text

SLSA_V1: Final = "https://slsa.dev/provenance/v1"
SLSA_V02: Final = "https://slsa.dev/provenance/v0.2"
PROVENANCE_TYPES: Final = frozenset({SLSA_V1, SLSA_V02})

Writer = Literal["builder", "client"]
TAGS: Final = "refs/tags/"
HEADS: Final = "refs/heads/"
# git's object names: SHA-1 and SHA-256. A short one names whatever the reader's repository makes of it.
FULL_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BUILDKIT_V02: Final = "https://mobyproject.org/buildkit@v1#metadata"
_HERMETIC_V02: Final = "https://mobyproject.org/buildkit@v1#hermetic"
_WORKFLOWS: Final = (
    "https://actions.github.io/buildtypes/workflow/v1",
    "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
)
_GENERATORS: Final = "https://github.com/slsa-framework/slsa-github-generator/"
# A git address may say its ref in the query instead of the fragment; what each key means, the first one that is there.
_QUERY: Final[Mapping[str, str]] = {"ref": "", "branch": HEADS, "tag": TAGS, "commit": ""}
# What else BuildKit takes in a git address's query; with any other key it is a file's address.
_ASKED: Final = frozenset({*_QUERY, "subdir", "checksum", "keep-git-dir", "submodules"})
# What BuildKit takes for a repository without asking: with sha256 digests nothing else tells it from a file.
_GIT_ADDRESS: Final = re.compile(r"(?:git|ssh)://|[\w.-]+@[\w.-]+:|https?://[^?#]*\.git(?:[?#]|$)", re.IGNORECASE)
_AT_REF: Final = re.compile(r"git\+(\w+://(?:[^/@#?]*@)?[^@#?]+)@(refs/[^#?]+|[0-9a-f]{40})")


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
    `base` is the branch that a tag was pushed from, where the builder's platform told it.
    """

    written_by: Writer
    repository: str = ""
    commit: str = ""
    object: str = ""
    ref: str = ""
    directory: str = ""
    dirty: bool = False
    base: str = ""


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
    replacements: tuple[Replacement, ...]
    parameters: tuple[Parameter, ...]
    parameters_complete: bool
    hermetic: bool

    @property
    def build_arguments(self) -> Mapping[str, str]:
        """The Dockerfile's arguments, as far as they are recorded."""
        prefix = "build-arg:"
        return {one.name.removeprefix(prefix): one.value for one in self.parameters if one.name.startswith(prefix)}

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
    predicate = statement.predicate
    definition = child(predicate, "buildDefinition")
    metadata = child(predicate, "runDetails", "metadata")
    external = child(definition, "externalParameters")
    dependencies = _dependencies(definition, "resolvedDependencies")
    request = _request(external, "request")
    config = child(external, "configSource")
    return Provenance(
        statement,
        text(definition, "buildType"),
        text(child(predicate, "runDetails", "builder"), "id"),
        text(metadata, "invocationId") or text(metadata, "invocationID"),
        text(metadata, "startedOn"),
        text(metadata, "finishedOn"),
        "max" if child(definition, "internalParameters", "buildConfig") else "min",
        dependencies,
        child(metadata, "buildkit_completeness").get("resolvedDependencies") is True,
        (
            *_sources(config, request, child(metadata, "buildkit_metadata", "vcs")),
            *_of_workflow(text(definition, "buildType"), child(external, "workflow"), dependencies),
        ),
        replacements(text(definition, "buildType"), config, request, is_git=_is_git(config)),
        parameters(text(definition, "buildType"), request, external, text(config, "path"), _directory(config)),
        child(metadata, "buildkit_completeness").get("request") is True,
        metadata.get("buildkit_hermetic") is True,
    )


def _read_v02(statement: Statement) -> Provenance:
    predicate = statement.predicate
    metadata = child(predicate, "metadata")
    request = _request(child(predicate, "invocation"), "parameters")
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
        tuple(_based(_sources(config, request, child(metadata, _BUILDKIT_V02, "vcs")), predicate)),
        replacements(text(predicate, "buildType"), config, request, is_git=_is_git(config)),
        parameters(text(predicate, "buildType"), request, request, text(config, "entryPoint"), _directory(config)),
        child(metadata, "completeness").get("parameters") is True,
        metadata.get(_HERMETIC_V02) is True,
    )


_READERS: Final = {SLSA_V1: _read_v1, SLSA_V02: _read_v02}


def _dependencies(document: JsonObject, key: str) -> tuple[Dependency, ...]:
    return tuple(Dependency(text(item, "uri"), strings(item, "digest")) for item in children(document, key))


def _sources(config: JsonObject, request: JsonObject, vcs: JsonObject) -> Iterator[Source]:
    """The builder's observation first, then each thing that the client said."""
    if text(config, "uri") and _is_git(config):
        yield git_context(text(config, "uri"), strings(config, "digest"))
    said = {(text(vcs, "source"), text(vcs, "revision"))}
    for layer in layers(request):
        arguments = child(layer, "args")
        said.add((text(arguments, "vcs:source"), text(arguments, "vcs:revision")))
    for repository, revision in sorted(said - {("", "")}):
        yield Source(
            "client",
            without_credentials(repository),
            commit=revision.removesuffix("-dirty"),
            dirty=revision.endswith("-dirty"),
        )


def _of_workflow(build_type: str, workflow: JsonObject, dependencies: Iterable[Dependency]) -> Iterator[Source]:
    """GitHub's own attestations: the workflow's repository and ref, and the commit among the dependencies."""
    repository = text(workflow, "repository")
    if build_type not in _WORKFLOWS or not repository:
        return
    for dependency in dependencies:
        commit = dependency.digests.get("gitCommit", "")
        if FULL_COMMIT.fullmatch(commit) and same_repository(git_context(dependency.uri, {}).repository, repository):
            yield Source("builder", without_credentials(repository), commit=commit, ref=text(workflow, "ref"))


def _based(sources: Iterable[Source], predicate: JsonObject) -> Iterator[Source]:
    """SLSA's generators for GitHub keep the event that they ran for; of a tag's push it says where the tag was made."""
    event = child(predicate, "invocation", "environment", "github_event_payload")
    is_kept = text(predicate, "buildType").startswith(_GENERATORS)
    base = text(event, "base_ref") if is_kept else ""
    for source in sources:
        is_tagged = source.ref.startswith(TAGS) and source.ref == text(event, "ref") and base.startswith(HEADS)
        yield replace(source, base=base.removeprefix(HEADS)) if is_tagged else source


def _request(document: JsonObject, name: str) -> JsonObject:
    """What was asked for; of another kind than BuildKit's it is an argument list that cannot be read."""
    request = document.get(name)
    return request if isinstance(request, dict) else {"args": request}


def _directory(config: JsonObject) -> str:
    return git_context(text(config, "uri"), {}).directory if _is_git(config) else ""


def _is_git(config: JsonObject) -> bool:
    """A git object was resolved. A file from the same address has a sha256 of its own; an address proves nothing."""
    digests = strings(config, "digest")
    named = {digests[name] for name in ("sha1", "gitCommit") if name in digests}
    if len(named) == 1:
        return FULL_COMMIT.fullmatch(next(iter(named))) is not None
    uri = text(config, "uri")
    is_asked = {name for name, _ in parse_qsl(uri.partition("#")[0].partition("?")[2], keep_blank_values=True)}
    return not named and "sha256" in digests and bool(_GIT_ADDRESS.match(uri)) and is_asked <= _ASKED


def git_context(uri: str, digests: Mapping[str, str]) -> Source:
    """Read `https://host/repo.git#ref:directory` and the object that it resolved to (docker build, "Git repositories").

    A bare `#v1` is a branch if there is one of that name, and is recorded alike; only `refs/heads/…` and a full commit
    say what the object is.
    """
    address, _, fragment = _with_fragment(uri).partition("#")
    ref, _, directory = fragment.partition(":")
    query = dict(parse_qsl(address.partition("?")[2]))
    for name, prefix in _QUERY.items():
        if name in query and not ref:
            ref = prefix + query[name].removeprefix(prefix)
    resolved = digests.get("sha1") or digests.get("gitCommit") or digests.get("sha256") or ""
    is_commit = bool(FULL_COMMIT.fullmatch(ref)) or ref.startswith(HEADS)
    return Source(
        "builder",
        without_credentials(address),
        commit=resolved if is_commit else "",
        object="" if is_commit else resolved,
        ref=ref,
        directory=directory or query.get("subdir", ""),
    )


def _with_fragment(uri: str) -> str:
    """GitHub's generators write `git+https://host/repo@refs/tags/v1` (SPDX 2.3, 7.7) for what others write with #."""
    match = _AT_REF.fullmatch(uri)
    return f"{match[1]}#{match[2]}" if match else uri
