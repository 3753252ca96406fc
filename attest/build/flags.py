"""The flags of `docker buildx build`, as far as attest has an opinion about them.

Provenance stays on, the output is ours, and everything else goes through as it was typed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attest.build.interface import BuildRequest, Flag
from attest.errors import UsageError

DEFAULT_PROVENANCE: Final[Mapping[str, str]] = {"mode": "max", "version": "v1"}

_LONG: Final = {"-f": "--file", "-o": "--output", "-q": "--quiet", "-t": "--tag", "-D": "--debug"}
_REFUSED: Final = {
    "--load": "A local image store keeps no attestations, so the image is pushed or written into an OCI layout.",
    "--output": "The output is a push, or an OCI layout where -t says oci-layout:DIR:TAG.",
    "--tag": "Names are given with -t, so that attest knows them.",
    "--check": "It builds nothing that could be attested.",
    "--call": "It builds nothing that could be attested.",
}
_DONE_ANYWAY: Final = frozenset({"--push", "--metadata-file"})
_ATTESTATIONS: Final = frozenset({"--provenance", "--sbom", "--attest"})
# What attest decides must stand where attest reads it.
_NOT_AFTER_DASHES: Final = frozenset({*_REFUSED, *_DONE_ANYWAY, "--provenance", "--attest"})
TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go's strconv.ParseBool
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})


@dataclass(frozen=True, slots=True)
class Attestation:
    """What `--attest` says: `type=sbom,generator=…`."""

    type: str
    disabled: bool
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Arguments:
    """A request's flags, sorted: `provenance` as `mode=max,version=v1`; the rest, long names, in the order typed."""

    provenance: str
    flags: tuple[Flag, ...]


def arguments_of(request: BuildRequest) -> Arguments:
    """Sort the flags. Raises UsageError for one that would leave the image unattested or somewhere else."""
    _check_extra(request.extra)
    stated: dict[str, str] = {}
    rest: list[Flag] = []
    for name, value in long_names(request.flags):
        _check(name, value)
        attestation = attestation_of(name, value or "")
        if attestation is not None and attestation.type == "provenance":
            stated |= _kept_on(name, value, attestation)
        elif name not in _DONE_ANYWAY and not (name in _ATTESTATIONS and not value):
            rest.append((name, value))
    return Arguments(comma_separated({**DEFAULT_PROVENANCE, **stated}), tuple(rest))


def metadata_copy(request: BuildRequest) -> Path | None:
    """Where the user wants a copy of the metadata file."""
    named = [value for name, value in request.flags if name == "--metadata-file" and value]
    return Path(named[-1]) if named else None


def long_names(flags: Iterable[Flag]) -> tuple[Flag, ...]:
    """The same flags by their long names."""
    return tuple((_LONG.get(name, name), value) for name, value in flags)


def attestation_of(name: str, value: str) -> Attestation | None:
    """What `--provenance`, `--sbom` or `--attest` says; None for another flag, or an empty one. Raises UsageError."""
    if name not in _ATTESTATIONS or not value:
        return None
    if name != "--attest" and value in TRUE | FALSE:
        return Attestation(name.removeprefix("--"), value in FALSE, {})
    fields = _fields(name, value)
    disabled = fields.pop("disabled", "false")
    if disabled not in TRUE | FALSE:
        raise UsageError(f"{name} {value}: disabled={disabled} is neither true nor false")
    kind = fields.pop("type", "") if name == "--attest" else name.removeprefix("--")
    if not kind:
        raise UsageError(f"{name} {value}: no type", "", "Expected type=provenance,… or type=sbom,….")
    return Attestation(kind, disabled in TRUE, fields)


def comma_separated(fields: Mapping[str, str]) -> str:
    """`a=b,c=d`, each field quoted where it must be (RFC 4180, as BuildKit reads it)."""
    return ",".join(_quoted(f"{name}={value}") for name, value in fields.items())


def _fields(name: str, value: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for field in _csv(name, value):
        key, equals, content = field.partition("=")
        if not equals:
            raise UsageError(f"{name} {value}: {field!r} is no KEY=VALUE")
        lowered = key.strip().lower()
        fields[lowered if lowered in ("type", "disabled") else key] = content
    return fields


def _csv(name: str, value: str) -> list[str]:
    try:
        return next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise UsageError(f"{name} {value[:200]}: not comma-separated", f"{error}.") from None


def _quoted(field: str) -> str:
    if any(character in field for character in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field


def _kept_on(name: str, value: str | None, attestation: Attestation) -> Mapping[str, str]:
    if attestation.disabled:
        raise UsageError(
            f"{name} {value}: turns provenance off",
            "Without provenance nothing says what the image was built from.",
            "Leave the flag out, or choose how much is written: --provenance=mode=min.",
        )
    return attestation.attributes


def _check(name: str, value: str | None) -> None:
    if name == "--call" and value == "build":
        return
    if name == "--push" and value in FALSE:
        raise UsageError("--push=false: attest pushes", "", "Write into an OCI layout instead: -t oci-layout:DIR:TAG.")
    if name in _REFUSED:
        raise UsageError(f"{name}: not with attest", _REFUSED[name])


def _check_extra(extra: Iterable[str]) -> None:
    for word in extra:
        name = word.partition("=")[0]
        if not word.startswith("--"):
            name = _LONG.get(word[:2], name)
        if name in _NOT_AFTER_DASHES or word.startswith(("attest:", "--opt=attest:")):
            raise UsageError(
                f"{word}: not after --",
                "attest has to read this flag itself.",
                "Write it before the dashes, if at all.",
            )
