"""Names of things: digests, registry references, layout references, platforms.

A reference is resolved once, to a digest; only digests travel after that.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from attest.errors import InvalidReference

LAYOUT_SCHEME: Final = "oci-layout:"

# OCI image-spec, "Digests"; only sha256 is registered with tools that people use, sha512 is read where it occurs.
_HEX_LENGTHS: Final = {"sha256": 64, "sha512": 128}
_DIGEST = re.compile(r"([a-z0-9]+):([0-9a-f]+)")
# OCI distribution-spec, "Pulling manifests": <name> and <reference>.
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_DOCKER_HUB: Final = "docker.io"


@dataclass(frozen=True, slots=True)
class Digest:
    """A content address, `sha256:<64 hex>` (OCI image-spec, "Digests")."""

    algorithm: str
    hex: str

    def __post_init__(self) -> None:
        length = _HEX_LENGTHS.get(self.algorithm)
        if length is None or not re.fullmatch(rf"[0-9a-f]{{{length}}}", self.hex):
            raise InvalidReference(
                f"{self.algorithm}:{self.hex}: not a digest", "", "Expected sha256:<64 lower-case hex digits>."
            )

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Read `sha256:…`. Raises InvalidReference."""
        match = _DIGEST.fullmatch(text)
        if match is None:
            raise InvalidReference(f"{text!r}: not a digest", "", "Expected sha256:<64 lower-case hex digits>.")
        return cls(match[1], match[2])

    @classmethod
    def of(cls, content: bytes, algorithm: str = "sha256") -> Digest:
        """The digest of these bytes."""
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def matches(self, content: bytes) -> bool:
        """Whether these bytes are what the digest names."""
        return hashlib.new(self.algorithm, content).hexdigest() == self.hex

    @property
    def fallback_tag(self) -> str:
        """The tag under which referrers stand where a registry has no referrers API.

        A tag has at most 128 characters, so the digest is cut (distribution-spec 1.1, "Referrers Tag Schema").
        """
        return f"{self.algorithm}-{self.hex[:64]}"

    @property
    def short(self) -> str:
        """For people: enough of the digest to recognise it."""
        return f"{self.algorithm}:{self.hex[:12]}…"

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@dataclass(frozen=True, slots=True)
class RegistryReference:
    """`HOST/REPOSITORY[:TAG][@DIGEST]`, in docker's full form: `app` is `docker.io/library/app:latest`."""

    host: str
    repository: str
    tag: str | None
    digest: Digest | None

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host) or not _REPOSITORY.fullmatch(self.repository):
            raise _not_a_reference(self.name, "A repository is lower-case letters, digits and . _ - between slashes.")
        if self.tag is not None and not _TAG.fullmatch(self.tag):
            raise _not_a_reference(f"{self.name}:{self.tag}", "A tag is up to 128 letters, digits and . _ -.")
        if self.tag is None and self.digest is None:
            raise _not_a_reference(self.name, "A tag or a digest is needed.")

    @property
    def name(self) -> str:
        """Host and repository, without tag or digest."""
        return f"{self.host}/{self.repository}"

    def at(self, digest: Digest) -> RegistryReference:
        """The same repository at this digest."""
        return RegistryReference(self.host, self.repository, None, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


@dataclass(frozen=True, slots=True)
class LayoutReference:
    """`oci-layout:PATH[:TAG][@DIGEST]`: an image in an OCI layout on disk; with neither, the only image in it.

    As with a registry the digest decides, and the tag is a name beside it.
    """

    path: Path
    tag: str | None
    digest: Digest | None

    @property
    def name(self) -> str:
        """Scheme and path, without tag or digest."""
        return f"{LAYOUT_SCHEME}{self.path}"

    def at(self, digest: Digest) -> LayoutReference:
        """The same layout at this digest."""
        return LayoutReference(self.path, None, digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag is not None else ""
        digest = f"@{self.digest}" if self.digest is not None else ""
        return f"{self.name}{tag}{digest}"


ImageReference = RegistryReference | LayoutReference


def parse_reference(text: str) -> ImageReference:
    """Read an image reference as people type it. Raises InvalidReference."""
    if not text:
        raise InvalidReference("no image reference", "It is empty.", "Is a variable not set?")
    if text.startswith(LAYOUT_SCHEME):
        return _parse_layout(text)
    if "://" in text:
        raise _not_a_reference(text, "Leave out the scheme: HOST/REPOSITORY:TAG.")
    name, digest = _split_digest(text)
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    if colon and not tag and head != name:
        raise _not_a_reference(text, "The tag after the colon is empty.")
    host, repository = _split_host(head)
    try:
        return RegistryReference(host, repository, tag or (None if digest else "latest"), digest)
    except InvalidReference as error:
        raise _not_a_reference(text, error.detail) from None  # as it was typed


def _parse_layout(text: str) -> LayoutReference:
    rest = text.removeprefix(LAYOUT_SCHEME)
    digest = None
    if rest.rpartition("@")[2].startswith(tuple(f"{algorithm}:" for algorithm in _HEX_LENGTHS)):
        rest, digest = _split_digest(rest)  # any other @ belongs to the path
    path, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        path, tag = rest, ""
    elif not tag:
        raise _not_a_reference(text, "The tag after the colon is empty. Is a variable not set?")
    if not path:
        raise _not_a_reference(text, "Expected oci-layout:PATH, oci-layout:PATH:TAG or oci-layout:PATH@sha256:….")
    if tag and not _TAG.fullmatch(tag):
        raise _not_a_reference(text, "A tag is up to 128 letters, digits and . _ -.")
    return LayoutReference(Path(path), tag or None, digest)


def _split_digest(text: str) -> tuple[str, Digest | None]:
    name, at, digest = text.rpartition("@")
    if not at:
        return text, None
    try:
        return name, Digest.parse(digest)
    except InvalidReference:
        raise _not_a_reference(text, "What stands after @ must be sha256:<64 lower-case hex digits>.") from None


def _split_host(name: str) -> tuple[str, str]:
    """As docker reads it: the first part is a host if it looks like one, else the image is on Docker Hub."""
    first, slash, rest = name.partition("/")
    if slash and (first == "localhost" or "." in first or ":" in first):
        if first in ("index.docker.io", "registry-1.docker.io"):
            first = _DOCKER_HUB
        return first, f"library/{rest}" if first == _DOCKER_HUB and "/" not in rest else rest
    return _DOCKER_HUB, name if slash else f"library/{name}"


def _not_a_reference(text: str, why: str) -> InvalidReference:
    return InvalidReference(f"{text}: not an image reference", why)


_ARCHITECTURES: Final = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "aarch64": ("arm64", ""),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
_PLAIN_VARIANTS: Final = frozenset({("amd64", "v1"), ("arm64", "v8")})


_PLATFORM = re.compile(r"([\w.-]+)(?:\(([\w.-]+)\))?/([\w.-]+)(?:/([\w.-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on: `os/architecture[/variant]`, and os.version where given (image-spec, "Image Index")."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `linux/amd64`, `linux/arm/v7` or `windows(10.0.20348.1)/amd64` (containerd, `platforms.Parse`).

        Raises InvalidReference.
        """
        match = _PLATFORM.fullmatch(text)
        if match is None:
            expected = "Expected OS/ARCH, OS/ARCH/VARIANT or OS(VERSION)/ARCH: linux/amd64."
            raise InvalidReference(f"{text!r}: not a platform", "", expected)
        os, version, architecture, variant = (part or "" for part in match.groups())
        return cls(os, architecture, variant, version)

    @property
    def normal(self) -> Platform:
        """As runtimes compare it (containerd, `platforms.Normalize`); os.version counts for Windows alone."""
        # Runtimes take their own operating system where none is named.
        os, architecture, variant = self.os.lower() or "linux", self.architecture.lower(), self.variant.lower()
        architecture, variant = _ARCHITECTURES.get(architecture, (architecture, variant))
        if variant and variant[0].isdigit():
            variant = f"v{variant}"
        variant = "" if (architecture, variant) in _PLAIN_VARIANTS else variant
        if architecture == "arm" and not variant:
            variant = "v7"
        return Platform(
            {"macos": "darwin"}.get(os, os), architecture, variant, self.os_version if os == "windows" else ""
        )

    def covers(self, other: Platform) -> bool:
        """Whether asking for this one asks for the other one too: what is left out stands for everything."""
        mine, others = self.normal, other.normal
        if (mine.os, mine.architecture) != (others.os, others.architecture):
            return False
        same_variant = not self.variant or mine.variant == others.variant
        return same_variant and self.os_version in ("", other.os_version)

    @property
    def is_unknown(self) -> bool:
        """BuildKit marks what is no image with unknown/unknown."""
        return self.os == "unknown" and self.architecture == "unknown"

    def __str__(self) -> str:
        variant = f"/{self.variant}" if self.variant else ""
        version = f" ({self.os_version})" if self.os_version else ""
        return f"{self.os}/{self.architecture}{variant}{version}"
