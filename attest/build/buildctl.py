"""BuildKit's own client: the same build in the Dockerfile frontend's options (BuildKit, docs/reference/buildctl).

buildctl asks no git and reads no environment for build arguments in older versions, so both are done here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from attest.build.context import is_remote_context, local_directory
from attest.build.flags import FALSE, Arguments, arguments_of, attestation_of, comma_separated
from attest.build.interface import BuildRequest, Flag
from attest.build.layout import image_name
from attest.errors import UsageError
from attest.reference import RegistryReference

_VCS: Final = ("vcs:source", "vcs:revision")
_JOINED: Final = frozenset({"--platform", "--no-cache-filter"})

Environment = Mapping[str, str]
Translation = Callable[[str, Environment], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Buildctl:
    """`buildctl build …`, or the script of that kind that starts a daemon for the build.

    `environ` gives build arguments without a value theirs.
    """

    program: str
    environ: Environment = field(repr=False)  # it holds the job's secrets

    @property
    def name(self) -> str:
        """As people say it: the script's own name where it is the script."""
        return self.program

    def command(self, request: BuildRequest, metadata_file: Path, vcs: Mapping[str, str]) -> list[str]:
        """The arguments to run. Raises UsageError for a flag that has no translation."""
        arguments = arguments_of(request)
        return [
            self.program,
            "build",
            f"--metadata-file={metadata_file}",
            "--frontend=dockerfile.v0",
            f"--opt=attest:provenance={arguments.provenance}",
            *_source(request.context, arguments, vcs),
            f"--output={_output(request)}",
            *self._translated(arguments.flags),
            *request.extra,
        ]

    def environment(self, request: BuildRequest) -> Mapping[str, str]:  # noqa: ARG002 - it is told by --opt vcs:*
        """What is added to the environment."""
        return {}

    def _translated(self, flags: Iterable[Flag]) -> list[str]:
        words: list[str] = []
        for name, value in _merged(flags):
            if name == "--file":
                continue
            translation = _TRANSLATIONS.get(name)
            if translation is None:
                raise UsageError(
                    f"{name}: buildctl has nothing like it",
                    f"It understands {', '.join(sorted([*_TRANSLATIONS, '--file']))}.",
                    "Install docker buildx, or give buildctl's own flags after --.",
                )
            words += translation(value or "", self.environ)
        return words


def _source(context: str, arguments: Arguments, vcs: Mapping[str, str]) -> list[str]:
    named = [value for name, value in arguments.flags if name == "--file" and value]
    if is_remote_context(context):
        return [f"--opt=context={context}", f"--opt=filename={_remote_file(named)}"]
    if local_directory(context) is None:
        raise UsageError(f"{context}: no directory and no address", "", "buildctl reads no standard input either.")
    file = Path(named[-1]) if named else Path(context, "Dockerfile")
    if str(file) == "-" or "://" in str(named):
        raise UsageError(f"--file {named[-1]}: buildctl reads a Dockerfile from a directory only")
    return [
        f"--local=context={context}",
        f"--local=dockerfile={file.parent}",
        f"--opt=filename={file.name}",
        *(f"--opt={key}={vcs[key]}" for key in _VCS if vcs.get(key)),
    ]


def _remote_file(named: list[str]) -> str:
    file = named[-1] if named else "Dockerfile"
    if file.startswith(("/", "-")) or "://" in file:
        raise UsageError(
            f"--file {file}: not a path inside the repository",
            "A Dockerfile from elsewhere replaces part of the source.",
        )
    return file


def _output(request: BuildRequest) -> str:
    layout = request.layout
    if layout is not None:
        return comma_separated({"type": "oci", "tar": "false", "dest": str(layout.path), "name": image_name(layout)})
    fields = {"type": "image", "name": ",".join(str(target) for target in request.targets), "push": "true"}
    if all(isinstance(target, RegistryReference) and _is_loopback(target.host) for target in request.targets):
        # The setting holds for every name of the output, so one name elsewhere forbids it.
        fields["registry.insecure"] = "true"
    return comma_separated(fields)


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    parts = name.split(".")
    return name in ("localhost", "[::1]") or (
        len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)
    )


def _merged(flags: Iterable[Flag]) -> list[Flag]:
    """buildctl's options are a map: what buildx takes several times must become one."""
    merged: dict[str, str] = {}
    others: list[Flag] = []
    for name, value in flags:
        if name not in _JOINED:
            others.append((name, value))
        elif value:
            merged[name] = f"{merged[name]},{value}" if name in merged else value
    return [*merged.items(), *others]


def _option(prefix: str) -> Translation:
    return lambda value, _: (f"--opt={prefix}{value}",)


def _switch(option: str) -> Translation:
    return lambda value, _: () if value in FALSE else (f"--opt={option}",)


def _label(value: str, _: Environment) -> tuple[str, ...]:
    return (f"--opt=label:{value if '=' in value else f'{value}='}",)


def _same(name: str) -> Translation:
    return lambda value, _: (f"{name}={value}",)


def _build_arg(value: str, environ: Environment) -> tuple[str, ...]:
    name, equals, _ = value.partition("=")
    if equals:
        return (f"--opt=build-arg:{value}",)
    return (f"--opt=build-arg:{name}={environ[name]}",) if name in environ else ()


def _cache(name: str) -> Translation:
    # buildx also takes a bare reference.
    return lambda value, _: (f"{name}={value if '=' in value else f'type=registry,ref={value}'}",)


def _attest(flag: str) -> Translation:
    def translated(value: str, _: Environment) -> tuple[str, ...]:
        attestation = attestation_of(flag, value)
        if attestation is None or attestation.disabled:
            return ()
        return (f"--opt=attest:{attestation.type}={comma_separated(attestation.attributes)}",)

    return translated


def _network(value: str, _: Environment) -> tuple[str, ...]:
    if value in ("", "default"):
        return ()
    allow = ("--allow=network.host",) if value == "host" else ()
    return (f"--opt=force-network-mode={value}", *allow)


_TRANSLATIONS: Final[Mapping[str, Translation]] = {
    "--allow": _same("--allow"),
    "--attest": _attest("--attest"),
    "--build-arg": _build_arg,
    "--cache-from": _cache("--import-cache"),
    "--cache-to": _cache("--export-cache"),
    "--label": _label,
    "--network": _network,
    "--no-cache": _switch("no-cache="),
    "--no-cache-filter": _option("no-cache="),
    "--platform": _option("platform="),
    "--progress": _same("--progress"),
    "--pull": _switch("image-resolve-mode=pull"),
    "--sbom": _attest("--sbom"),
    "--secret": _same("--secret"),
    "--ssh": _same("--ssh"),
    "--target": _option("target="),
}
