"""A CycloneDX 1.6 document about one image: the skeleton that every source of knowledge fills.

The same contents give the same bytes: components, edges and properties are sorted, the serial number is derived from
the rest of the document, and there is a time in it only if somebody else's clock gave one. Written by hand:
docs/decisions/0003-cyclonedx-written-by-hand.md has the measurements.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from attest import __version__
from attest.errors import InvalidReference
from attest.oci.document import Json, JsonObject, encode, text
from attest.reference import Digest, ImageReference, Platform, RegistryReference
from attest.sbom.ledger import Ledger
from attest.sbom.text import is_timestamp, printable

PROPERTY: Final = "oci-attest"  # our properties are `oci-attest:…`
SUBJECT_HASHES: Final = {"sha256": "SHA-256", "sha512": "SHA-512"}
_SERIALS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://oci-attest.github.io/sbom/cyclonedx")
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Subject:
    """The image that an SBOM is about; `name` is `registry.example.com/acme/app`, or `app` for one in a layout."""

    name: str
    digest: Digest
    platform: Platform | None

    def __post_init__(self) -> None:
        if not self.name.rpartition("/")[2] or printable(self.name) != self.name:
            raise InvalidReference(
                f"{printable(self.name)!r}: not a name for an image", "", "Expected HOST/REPOSITORY or a plain name."
            )

    @classmethod
    def of(cls, reference: ImageReference, digest: Digest, platform: Platform | None) -> Subject:
        """The image as a reference names it; of a layout's path only the last part, the rest is nobody's business."""
        if isinstance(reference, RegistryReference):
            return cls(reference.name, digest, platform)
        return cls(printable(reference.path.absolute().name) or "image", digest, platform)

    @property
    def ref(self) -> str:
        """Its bom-ref, which is its package URL (purl-spec, type `oci`)."""
        from packageurl import PackageURL

        qualifiers = {"repository_url": self.name.lower()} if "/" in self.name else {}
        if self.platform is not None:
            qualifiers["arch"] = self.platform.architecture
        last = self.name.rpartition("/")[2].lower()
        return PackageURL("oci", None, last, str(self.digest), qualifiers).to_string()

    def to_json(self) -> JsonObject:
        """As a component (CycloneDX 1.6, `metadata.component`)."""
        component: dict[str, Json] = {
            "type": "container",
            "bom-ref": self.ref,
            "name": self.name,
            "version": str(self.digest),
            "hashes": [{"alg": SUBJECT_HASHES[self.digest.algorithm], "content": self.digest.hex}],
            "purl": self.ref,
        }
        if self.platform is not None:
            component["properties"] = properties({f"{PROPERTY}:platform": str(self.platform)})
        return component


@dataclass(frozen=True, slots=True)
class Contents:
    """What a source knows about the subject.

    Every component has its own bom-ref; `depends` leads from bom-refs (the subject's among them) to bom-refs, and a
    component missing there has unknown dependencies, one with none has no dependencies (CycloneDX 1.6,
    `dependencies`). `aggregate` says how complete all this is (`compositions.aggregate`). `tools` and `authors` made
    what the contents were taken from; `licence` is the SPDX id of the data's own licence.
    """

    source: str
    components: Sequence[JsonObject]
    depends: Mapping[str, Collection[str]] = field(hash=False)
    aggregate: str
    properties: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)
    tools: Sequence[str] = ()
    authors: Sequence[str] = ()
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Sbom:
    """A finished document, its number of components, and what of its source it could not carry (count, example)."""

    content: bytes
    components: int
    lost: Mapping[str, int] = field(hash=False)
    examples: Mapping[str, str] = field(default_factory=lambda: _NONE, hash=False)


def render(subject: Subject, contents: Contents, ledger: Ledger, created: str | None = None) -> Sbom:
    """Write the document. `created` is RFC 3339; one that is not is a loss, since it may come from a stranger."""
    if created is not None and not is_timestamp(created):
        ledger.lose("created", created)
        created = None
    components: list[JsonObject] = sorted(contents.components, key=_order)
    body: dict[str, Json] = {
        "version": 1,
        "metadata": _metadata(subject, contents, ledger, created),
        "components": components,
        "dependencies": [{"ref": ref, "dependsOn": sorted(on)} for ref, on in sorted(contents.depends.items())],
        "compositions": [{"aggregate": contents.aggregate, "assemblies": [subject.ref], "dependencies": [subject.ref]}],
    }
    serial = uuid.uuid5(_SERIALS, Digest.of(encode(body)).hex)
    head: dict[str, Json] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
    }
    return Sbom(encode({**head, **body}), len(contents.components), ledger.counts, ledger.examples)


def is_cyclonedx(document: JsonObject) -> bool:
    """Whether a parsed document says that it is CycloneDX JSON, of whatever version."""
    return document.get("bomFormat") == "CycloneDX" and text(document, "specVersion") != ""


def properties(values: Mapping[str, str]) -> list[Json]:
    """As CycloneDX writes name-value pairs, sorted by name."""
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _metadata(subject: Subject, contents: Contents, ledger: Ledger, created: str | None) -> JsonObject:
    ours: dict[str, Json] = {"type": "application", "name": "attest", "version": __version__}
    theirs: list[Json] = [{"type": "application", "name": name} for name in sorted(set(contents.tools))]
    lost = {f"{PROPERTY}:{contents.source}:lost:{kind}": str(count) for kind, count in ledger.counts.items()}
    metadata: dict[str, Json] = {
        "timestamp": created,
        "tools": {"components": [ours, *theirs]},
        "authors": [{"name": name} for name in sorted(set(contents.authors))],
        "component": subject.to_json(),
        "licenses": [{"license": {"id": contents.licence}}] if contents.licence else [],
        "properties": properties({f"{PROPERTY}:source": contents.source, **contents.properties, **lost}),
    }
    return {key: value for key, value in metadata.items() if value}


def _order(component: JsonObject) -> tuple[str, str, str]:
    return text(component, "name"), text(component, "version"), text(component, "bom-ref")
