"""What a build was asked for, as BuildKit records it: its parameters, and what of them replaces part of the source."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from attest.evidence.repository import without_credentials
from attest.oci.document import Json, JsonObject, child, children, text
from attest.reference import Digest

BUILDKIT_TYPES: Final = (
    "https://mobyproject.org/buildkit@v1",
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
)
_REQUESTS: Final = 8  # requests in requests; BuildKit writes one below the other
_FRONTENDS: Final = frozenset({"source", "cmdline", "build-arg:BUILDKIT_SYNTAX"})  # each names what runs
# The frontends that read a Dockerfile as it is written; any other one decides for itself what it builds.
_DOCKERFILE_FRONTEND: Final = re.compile(r"(?:docker\.io/)?docker/dockerfile(?:[:@][\w.:@-]+)?")
# An image by digest: nothing else that ends like one, and nothing that is more than one word.
_PINNED: Final = re.compile(r"[\w.:/-]+@sha256:([0-9a-f]{64})", re.ASCII)
_IMAGE_CONTEXT: Final = "docker-image://"
_HINTS: Final = ("vcs:", "frontend.caps")  # what the client says of itself, and what a frontend can do
_GIT_SECRETS: Final = re.compile(r"GIT_AUTH_(?:TOKEN|HEADER)")  # asked for with every git context, used or not


@dataclass(frozen=True, slots=True)
class Parameter:
    """One external parameter (SLSA v1.2, "BuildDefinition"): `build-arg:NAME`, `target`, `frontend`, `secret:ID`."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Something beside the source that the image was built from: the commit does not speak for it (docs/threats.md).

    `name` is BuildKit's own, such as `context:base` or `frontend`; `digest` what it was pinned to, where it was.
    """

    name: str
    said: str
    digest: Digest | None = None

    def __str__(self) -> str:
        return self.said


def is_of_buildkit(build_type: str) -> bool:
    """Whether it is one that BuildKit writes, or none is named."""
    return build_type in ("", *BUILDKIT_TYPES)


def replacements(build_type: str, config: JsonObject, request: JsonObject, *, is_git: bool) -> tuple[Replacement, ...]:
    """What replaced part of the source; with a build type that is not BuildKit's, anything may have."""
    return tuple(dict.fromkeys(_replacements(build_type, config, request, is_git)))


def _replacements(build_type: str, config: JsonObject, request: JsonObject, is_git: bool) -> Iterator[Replacement]:
    context = text(config, "uri")
    if not is_of_buildkit(build_type):
        yield Replacement("build-type", f"the build type {build_type}, which attest does not know")
    if context and not is_git:
        address = without_credentials(context)
        yield Replacement("context", f"the context {address}, which is no git object")
    if is_of_buildkit(build_type) and any(_is_unreadable(layer) for layer in layers(request)):
        yield Replacement("request", "a request that cannot be read")
    if _is_too_deep(request):
        yield Replacement("request", f"more than {_REQUESTS} requests, one below the other")
    for layer in layers(request):
        yield from _of_request(layer, context)
        at_root = text(child(layer, "root", "configSource"), "uri")
        if child(layer, "root") and at_root != context:
            address = without_credentials(at_root) or "(a local one)"
            yield Replacement("context", f"the context {address} of the request at the root")


def _of_request(request: JsonObject, context: str) -> Iterator[Replacement]:
    """One frontend's call: its arguments, its local directories, what other calls put into it, and what it runs."""
    is_remote = bool(context)
    arguments = child(request, "args")
    for name in sorted(arguments):
        raw = text(arguments, name)
        value = without_credentials(raw) or "(unreadable)"
        if name.startswith("context:"):
            is_image = raw.startswith(_IMAGE_CONTEXT)
            pinned = pinned_image(raw.removeprefix(_IMAGE_CONTEXT)) if is_image else None
            yield Replacement(name, f"the named context {name.removeprefix('context:')}={value}", pinned)
        elif name == "context" and value != without_credentials(context):
            yield Replacement("context", f"the context {value} of an argument")
        elif name in ("contextkey", "dockerfilekey") and (is_remote or value not in ("context", "dockerfile")):
            yield Replacement(name, f"the local {name.removesuffix('key')} {value}")
        elif name in _FRONTENDS and not _DOCKERFILE_FRONTEND.fullmatch(raw):
            yield Replacement("frontend", f"the frontend {value}", pinned_image(raw))
    names = {text(local, "name") for local in children(request, "locals")}
    expected = set() if is_remote else {"context", "dockerfile"}
    for name in sorted(names - expected):
        yield Replacement(f"local:{name}", f"the local directory {name or '(unnamed)'}")
    for name in sorted(child(request, "inputs")):
        yield Replacement(f"input:{name}", f"the input {name}")
    frontend = text(request, "frontend")
    if frontend == "gateway.v0" and not text(arguments, "source"):
        yield Replacement("frontend", "the frontend (unnamed)")
    elif frontend not in ("", "dockerfile.v0", "gateway.v0"):
        yield Replacement("frontend", f"the frontend {frontend}", pinned_image(frontend))


def pinned_image(reference: str) -> Digest | None:
    """The digest of an image reference that has one; an address of anything else has none, however it ends."""
    found = _PINNED.fullmatch(reference)
    return Digest("sha256", found[1]) if found and "://" not in reference else None


def parameters(
    build_type: str, request: JsonObject, external: JsonObject, dockerfile: str, directory: str = ""
) -> tuple[Parameter, ...]:
    """What the build was asked for from outside; hints and what every build asks for are left out.

    `dockerfile` and `directory` say where in the source was built; another place than usual leaves no argument. Of a
    build type that is not BuildKit's it is every member, as JSON where it is no text.
    """
    if not is_of_buildkit(build_type):
        members = ((name, value) for name, value in external.items() if value not in (None, "", {}, []))
        return tuple(Parameter(name, value if isinstance(value, str) else json.dumps(value)) for name, value in members)
    place = [Parameter("filename", dockerfile)] if dockerfile not in ("", "Dockerfile") else []
    place += [Parameter("subdir", directory)] if directory else []
    return tuple(dict.fromkeys([*place, *(found for layer in layers(request) for found in _of_layer(layer))]))


def _of_layer(layer: JsonObject) -> Iterator[Parameter]:
    for name, value in ((name, _as_text(value)) for name, value in child(layer, "args").items()):
        if name in ("source", "cmdline"):
            yield Parameter("frontend", value)
        elif not name.startswith(_HINTS) and (name, value) not in _USUAL:
            yield Parameter(name, value)
    frontend = text(layer, "frontend")
    if frontend not in ("", "dockerfile.v0", "gateway.v0"):
        yield Parameter("frontend", frontend)
    for kind, member in (("secret", "secrets"), ("ssh", "ssh")):
        for item in children(layer, member):
            if not _GIT_SECRETS.fullmatch(text(item, "id")):
                yield Parameter(f"{kind}:{text(item, 'id')}")


def _as_text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_USUAL: Final = frozenset({("contextkey", "context"), ("dockerfilekey", "dockerfile")})


def _is_unreadable(layer: JsonObject) -> bool:
    """Whether a member of a request is of another kind than BuildKit's: nobody knows what stands in it."""
    kinds: Mapping[str, type] = {
        "args": dict,
        "root": dict,
        "inputs": dict,
        "locals": list,
        "secrets": list,
        "ssh": list,
    }
    wrong = any(layer.get(name) is not None and not isinstance(layer[name], kind) for name, kind in kinds.items())
    below = child(layer, "root").get("request")
    return wrong or (below is not None and not isinstance(below, dict))


def _is_too_deep(request: JsonObject) -> bool:
    for _ in range(_REQUESTS):
        request = child(request, "root", "request")
    return bool(request)


def layers(request: JsonObject) -> Iterator[JsonObject]:
    """The frontend's own request, and below it the client's that led to it (BuildKit, `request.root.request`)."""
    for _ in range(_REQUESTS):
        yield request
        request = child(request, "root", "request")
        if not request:
            return
