"""Credentials where a build would publish them.

With mode=max BuildKit writes the context's address, build arguments, labels and the Dockerfile into the provenance, and
whoever can pull the image can read it (CVE-2023-26054 was one way of many). So they are looked for before the push, and
in every text before it is signed. A finding names the place and the kind, never the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from attest.build.flags import long_names
from attest.build.interface import Flag
from attest.build.shapes import embedded_texts, host_of, passwords_in_addresses, tokens
from attest.errors import CredentialExposed

_SECRET_NAME: Final = re.compile(
    r"TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|(?:API|PRIVATE|ACCESS|SSH|DEPLOY)_?KEY|JWT|_(?:PAT|PASS)$",
    re.IGNORECASE,
)
# Names the place of a secret or something beside it, not the secret itself.
_NOT_THE_SECRET: Final = re.compile(r"_(?:FILE|PATH|DIR|URL|URI|NAME|USER|USERNAME)$", re.IGNORECASE)
SHORTEST_SECRET: Final = 8  # characters; GitLab masks nothing shorter either, and a shorter one occurs by chance

_VALUE_OF: Final = "the value of a secret variable"
_NAMED: Final = frozenset({"--build-arg", "--build-context", "--label", "--annotation"})
_WHOLE: Final = frozenset({"--file", "--attest", "--provenance", "--sbom", "--target", "--opt"})


@dataclass(frozen=True, slots=True)
class Exposure:
    """A credential and where it would be read: "--build-arg NPM_TOKEN: a name that says credential"."""

    name: str
    kind: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}{' ' if self.name else ''}{self.name}: {self.kind}"


def exposed_credentials(
    context: str, flags: Sequence[Flag], environ: Mapping[str, str], allowed: frozenset[str] = frozenset()
) -> tuple[Exposure, ...]:
    """What a build with these flags would publish; `allowed` are names of build arguments that are meant.

    Give `BuildRequest.every_flag`, so that what stood after `--` is looked at too. Each place is named once.
    """
    found: list[Exposure] = []
    for where, name, value in (("the build context", "", context), *_published(flags, environ)):
        if where == "--build-arg" and name in allowed:
            continue
        kind = next(_kinds(value, environ), "")
        if not kind and where == "--build-arg" and value and _SECRET_NAME.search(name):
            kind = "a name that says credential"
        if kind:
            found.append(Exposure(name, kind, where))
    return tuple(dict.fromkeys(found))


def refuse_credentials(
    context: str, flags: Sequence[Flag], environ: Mapping[str, str], allowed: frozenset[str] = frozenset()
) -> None:
    """Raise CredentialExposed, naming all of them, if a build with these flags would publish credentials."""
    found = exposed_credentials(context, flags, environ, allowed)
    if not found:
        return
    remedies = []
    if any(exposure.where == "--build-arg" for exposure in found):
        remedies.append(
            "Give secrets with --secret id=NAME,env=NAME and read them with RUN --mount=type=secret,id=NAME; "
            "--allow-build-arg NAME says that one is meant."
        )
    if any(exposure.where == "the build context" for exposure in found):
        remedies.append("Give the token of a Git context with --secret id=GIT_AUTH_TOKEN,env=NAME.")
    raise CredentialExposed(
        "the build would publish credentials in its provenance",
        "\n".join(str(exposure) for exposure in found),
        "\n".join(remedies) or "Take them out.",
    )


def credentials_in(text: str, environ: Mapping[str, str]) -> tuple[Exposure, ...]:
    """What a text that is about to be published gives away: addresses with passwords, tokens, values of CI secrets.

    Base64 in it (BuildKit writes the Dockerfile so) is read once. Takes time in proportion to the text.
    """
    found: dict[tuple[str, str], Exposure] = {}
    for name, kind, position in _findings(text, environ):
        found.setdefault((name, kind), Exposure(name, kind, f"character {position}"))
    for name, kind, _ in _findings("\n".join(embedded_texts(text)), environ):
        found.setdefault((name, kind), Exposure(name, kind, "an embedded file"))
    return tuple(found.values())


def _kinds(value: str, environ: Mapping[str, str]) -> Iterator[str]:
    for name, kind, _ in _findings(value, environ):
        yield f"{kind} {name}".strip() if kind == _VALUE_OF else kind


def _findings(text: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """Name (never the secret itself), kind, position."""
    for start, end in passwords_in_addresses(text):
        yield host_of(text, end), "a password in an address", start
    for kind, start in tokens(text):
        yield "", kind, start
    for name, value in _secrets(environ):
        position = next((found for spelling in _spellings(value) if (found := text.find(spelling)) >= 0), -1)
        if position >= 0:
            yield name, _VALUE_OF, position


def _secrets(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if not _SECRET_NAME.search(name) or _NOT_THE_SECRET.search(name):
            continue
        value = value.strip()
        # POSTGRES_PASSWORD=postgres protects nothing, and the word is in half of all SBOMs.
        if len(value) >= SHORTEST_SECRET and value.lower() not in name.lower():
            yield name, value


def _spellings(value: str) -> tuple[str, ...]:
    """The value as it is, and as it stands in JSON, in Go's JSON and in an address."""
    import json
    from urllib.parse import quote

    quoted = json.dumps(value, ensure_ascii=False)[1:-1]
    go = quoted.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return tuple(dict.fromkeys((value, quoted, go, quote(value, safe="", errors="surrogateescape"))))


def _published(flags: Sequence[Flag], environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Flag, name and value of what ends in the provenance or in the image."""
    for flag, value in long_names(flags):
        if value is None:
            continue
        if flag in _NAMED:
            name, equals, content = value.partition("=")
            if not equals and flag == "--build-arg":
                content = environ.get(name, "")
            yield flag, name, content
        elif flag == "--opt" and value.startswith("build-arg:"):
            name, _, content = value.removeprefix("build-arg:").partition("=")
            yield "--build-arg", name, content
        elif flag in _WHOLE:
            yield flag, "", value
