"""What provenance alone proves about the contents of an image, as CycloneDX 1.6: what its build read.

These are the base images, the git sources and the downloads, each with what is known of it. The packages inside are
not known, so the document calls itself `incomplete` and is never taken for an SBOM with components.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from attest.evidence.repository import canonical_repository
from attest.oci.document import Json, JsonObject, text
from attest.sbom.cyclonedx import PROPERTY, Contents, Sbom, Subject, properties, render
from attest.sbom.ledger import Ledger
from attest.sbom.text import printable, public_address

# SLSA's digest names (in-toto attestation, "DigestSet") → CycloneDX's, and the number of hex digits.
_HASHES: Final[Mapping[str, tuple[str, int]]] = {
    "md5": ("MD5", 32),
    "sha1": ("SHA-1", 40),
    "sha256": ("SHA-256", 64),
    "sha384": ("SHA-384", 96),
    "sha512": ("SHA-512", 128),
    "sha3_256": ("SHA3-256", 64),
    "sha3_384": ("SHA3-384", 96),
    "sha3_512": ("SHA3-512", 128),
}
_IMAGE_TYPES: Final = frozenset({"docker", "oci"})
_GIT_DIGESTS: Final = ("gitCommit", "sha1", "sha256")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCP: Final = re.compile(r"(?P<user>[A-Za-z0-9._-]+)@(?P<host>[A-Za-z0-9.-]+):(?P<path>[^/:].*)")  # git@host:owner/repo
_VERSION_LENGTH: Final = 1024  # CycloneDX 1.6, `version`
_URI: Final = f"{PROPERTY}:provenance:uri"


class Dependency(Protocol):
    """A material or resolved dependency: its URI, and its digests by algorithm."""

    @property
    def uri(self) -> str:
        """Where the build got it."""

    @property
    def digests(self) -> Mapping[str, str]:
        """Hex digests by SLSA's name of the algorithm."""


def from_provenance(
    dependencies: Sequence[Dependency], complete: bool, subject: Subject, created: str | None = None
) -> Sbom:
    """Write down what the build of `subject` read; `complete` is what the builder says of that list.

    `created` (RFC 3339) is the time to put into the document, for instance when the build finished.
    """
    ledger = Ledger()
    components = [_component(dependency, ledger) for dependency in dependencies]
    found = {text(component, "bom-ref"): component for component in components if component}
    contents = Contents(
        source="provenance",
        components=list(found.values()),
        depends={subject.ref: found.keys()} if found else {},
        aggregate="incomplete",
        properties={
            f"{PROPERTY}:provenance:dependencies-complete": "true" if complete else "false",
            f"{PROPERTY}:provenance:packages": "unknown",
        },
    )
    return render(subject, contents, ledger, created)


def _component(dependency: Dependency, ledger: Ledger) -> JsonObject:
    uri, digests = _public(printable(dependency.uri), ledger), _digests(dependency, ledger)
    if not uri and not digests:
        ledger.lose("dependency", "neither an address nor a digest")
        return {}
    identity = " ".join((uri, *(f"{name}:{value}" for name, value in sorted(digests.items())))).strip()
    known = _image(uri, digests) or _git(uri, digests) or _file(uri, digests)
    return {
        "name": identity,
        **{key: value for key, value in known.items() if value},
        "bom-ref": f"build-input:{identity}",
    }


def _image(uri: str, digests: Mapping[str, str]) -> JsonObject:
    """BuildKit writes `pkg:docker/HOST/NAME@TAG?platform=…`, or `?digest=…` where the tag is not known."""
    from packageurl import PackageURL

    if not uri.startswith("pkg:"):
        return {}
    try:
        purl = PackageURL.from_string(uri)
    except ValueError:
        return {}
    qualifiers = dict(purl.qualifiers)
    return {
        "type": "container" if purl.type in _IMAGE_TYPES else "library",
        "name": f"{purl.namespace}/{purl.name}" if purl.namespace else purl.name,
        "version": (purl.version or qualifiers.get("digest", ""))[:_VERSION_LENGTH],
        "hashes": _hashes(digests),
        "purl": uri,
        "properties": properties({_URI: uri}),
    }


def _git(uri: str, digests: Mapping[str, str]) -> JsonObject:
    """A repository: its address, the ref as written, and what that was at the time.

    The digest is a commit only if the ref is one or SLSA's `gitCommit` says so: BuildKit records the tag object of an
    annotated tag in the same place.
    """
    if not _is_git(uri, digests):
        return {}
    repository, ref = _split_ref(uri)
    found = next((digests[name] for name in _GIT_DIGESTS if name in digests), "")
    is_commit = "gitCommit" in digests or bool(_COMMIT.fullmatch(ref.partition(":")[0]))
    said = {"git:ref": ref, "git:commit" if is_commit else "git:object": found, "provenance:uri": uri}
    return {
        "type": "application",
        "name": canonical_repository(repository),
        "version": found,
        "externalReferences": [{"type": "vcs", "url": repository}],
        "properties": properties({f"{PROPERTY}:{name}": value for name, value in said.items() if value}),
    }


def _file(uri: str, digests: Mapping[str, str]) -> JsonObject:
    """A download, or something that we do not know."""
    address = public_address(uri)
    path = urlsplit(address).path if address else uri
    return {
        "type": "file",
        "name": path.rstrip("/").rpartition("/")[2],
        "hashes": _hashes(digests),
        "externalReferences": [{"type": "distribution", "url": address}] if address else [],
        "properties": properties({_URI: uri} if uri else {}),
    }


def _is_git(uri: str, digests: Mapping[str, str]) -> bool:
    if public_address(uri) is None:
        return False
    parts = urlsplit(uri)
    named = parts.scheme.startswith("git") or parts.scheme == "ssh" or parts.path.endswith(".git")
    return named or "gitCommit" in digests or "sha1" in digests


def _split_ref(uri: str) -> tuple[str, str]:
    """BuildKit writes `URL#REF[:DIRECTORY]`, pip and SLSA's GitHub generators `git+URL@REF`."""
    repository, _, ref = uri.partition("#")
    scheme, _, rest = repository.partition("://")
    slash, at = rest.find("/"), rest.rfind("@")
    if not ref and scheme.startswith("git+") and -1 < slash < at:
        repository, ref = f"{scheme}://{rest[:at]}", rest[at + 1 :]
    return re.sub(r"^git\+(?=[A-Za-z])", "", repository), ref


def _public(uri: str, ledger: Ledger) -> str:
    """The URI as it may be published; what may hold a password and cannot be taken apart is left out."""
    if uri.startswith("pkg:"):
        return uri
    short = _SCP.fullmatch(uri)
    written = f"ssh://{short['user']}@{short['host']}/{short['path']}" if short else uri
    address = public_address(written)
    if address is not None:
        if address != written:
            ledger.lose("credentials", "uri")
        return address
    if "://" in uri or "@" in uri:
        ledger.lose("address", "uri")
        return ""
    return uri


def _digests(dependency: Dependency, ledger: Ledger) -> Mapping[str, str]:
    """Those that are digests; a URI may stand without any."""
    usable = {}
    for name, value in dependency.digests.items():
        lengths = (40, 64) if name == "gitCommit" else (_HASHES[name][1],) if name in _HASHES else ()
        if len(value) in lengths and re.fullmatch(r"[0-9a-f]+", value):
            usable[name] = value
        else:
            ledger.lose("digest", f"{name}:{value}")
    return usable


def _hashes(digests: Mapping[str, str]) -> list[Json]:
    return [{"alg": _HASHES[name][0], "content": digests[name]} for name in sorted(digests) if name in _HASHES]
