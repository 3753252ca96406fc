"""An SPDX 2.3 or 2.2 JSON document, which is what BuildKit attests, as CycloneDX 1.6.

The two formats do not say the same things. What CycloneDX has no place for is counted in the ledger under stable names:

- of the document: `file`, `snippet`, `annotation`, `extracted-licence`, `external-document`, `review`,
  `document-comment`, `creation-comment`, `creator`, `created`, `data-licence`, `unknown-field`
- of a package: `package` (one with neither name nor SPDXID), `package.<SPDX field>`, `package.checksum`,
  `package.purl` and `package.cpe` (a second one), `package.externalRef`, `package.unknown-field`, `duplicate-id`
- of a relationship: `relationship.type` (without a place), `relationship.kind` (kept as a plain dependency),
  `relationship.file`, `.external`, `.dangling` (no component at that end), `.self`, `.comment`
- of anything: `malformed` (a wrong type), `control-character` (replaced by U+FFFD), `credentials` (taken out of an
  address), `root` (what was said of the package that stands for the image)
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from attest.errors import MalformedStatement
from attest.oci.document import Json, JsonObject, child, children, text
from attest.sbom.cyclonedx import PROPERTY, Contents, Sbom, Subject, is_cyclonedx, render
from attest.sbom.ledger import Ledger
from attest.sbom.licences import is_licence_id
from attest.sbom.spdx_package import component
from attest.sbom.spdx_relationships import DOCUMENT, described, edges
from attest.sbom.text import printable

_VERSIONS: Final = frozenset({"SPDX-2.2", "SPDX-2.3"})
_IDENTIFIER: Final = re.compile(r"SPDXRef-[A-Za-z0-9.-]+")
_CARRIED: Final = frozenset(
    {
        "spdxVersion",
        "SPDXID",
        "name",
        "dataLicense",
        "documentNamespace",
        "documentDescribes",
        "creationInfo",
        "packages",
        "relationships",
    }
)
_CREATION_CARRIED: Final = frozenset({"created", "creators", "licenseListVersion"})
_LOST: Final[Mapping[str, str]] = {
    "files": "file",
    "snippets": "snippet",
    "annotations": "annotation",
    "hasExtractedLicensingInfos": "extracted-licence",
    "externalDocumentRefs": "external-document",
    "revieweds": "review",
    "comment": "document-comment",
    "creationInfo.comment": "creation-comment",
}
# Losses after which something in the image may be missing from the document.
_GAPS: Final = frozenset(
    {
        "file",
        "package",
        "duplicate-id",
        "malformed",
        "relationship.type",
        "relationship.file",
        "relationship.external",
        "relationship.dangling",
    }
)


def from_spdx(document: JsonObject, subject: Subject) -> Sbom:
    """Convert a parsed SPDX document about `subject`.

    Raises MalformedStatement for what is not SPDX 2.3 or 2.2. Whatever else is wrong with the document becomes a loss.
    """
    version = _version(document)
    ledger = Ledger()

    # 1. Every package gets a bom-ref of its own; the one that stands for the image gets the image's.
    packages = _packages(document, ledger)
    roots = described(document, ledger)
    root = _stands_for_the_image(roots, packages, ledger)
    refs, named = _references(packages, root, subject.ref, ledger)

    # 2. Relationships lead from bom-ref to bom-ref.
    files = {text(file, "SPDXID") for file in children(document, "files")}
    depends = edges(document, roots, refs, files, ledger)

    # 3. Packages are components, the rest is counted.
    components = [component(package, ref, ledger) for ref, package in named]
    _count_the_rest(document, ledger)

    creation = child(document, "creationInfo")
    tools, authors = _creators(creation, ledger)
    contents = Contents(
        source="spdx",
        components=components,
        depends=depends,
        aggregate="incomplete" if _GAPS & ledger.counts.keys() else "unknown",
        properties=_properties(document, version, ledger),
        tools=tools,
        authors=authors,
        licence=_data_licence(document, ledger),
    )
    return render(subject, contents, ledger, ledger.text(creation, "created") or None)


def _version(document: JsonObject) -> str:
    version = text(document, "spdxVersion")
    if version in _VERSIONS:
        return version
    if version:
        found = printable(version[:40])
    elif is_cyclonedx(document):
        found = "a CycloneDX document"
    elif "spdx.org/rdf/3" in text(document, "@context"):
        found = "SPDX 3"
    elif "predicateType" in document:
        found = "an in-toto statement"
    else:
        found = "no spdxVersion"
    raise MalformedStatement(
        "The SBOM cannot be converted: not an SPDX 2 document",
        f"Expected spdxVersion SPDX-2.3 or SPDX-2.2, found {found}.",
        "Let the build attest SPDX 2.3 JSON, which is what BuildKit's scanner writes.",
    )


def _packages(document: JsonObject, ledger: Ledger) -> list[JsonObject]:
    found = ledger.objects(document, "packages")
    usable = [package for package in found if text(package, "name") or text(package, "SPDXID")]
    if len(usable) < len(found):
        ledger.lose("package", "neither name nor SPDXID", len(found) - len(usable))
    return usable


def _stands_for_the_image(roots: list[str], packages: list[JsonObject], ledger: Ledger) -> JsonObject | None:
    """The package that is the image itself, or the directory that a scanner took for it, and hence no component.

    It is the only thing described, and either a container or what syft (BuildKit's scanner) calls DocumentRoot.
    """
    if len(roots) != 1:
        return None
    root = next((package for package in packages if text(package, "SPDXID") == roots[0]), None)
    if root is None:
        return None
    if text(root, "primaryPackagePurpose") != "CONTAINER" and not roots[0].startswith("SPDXRef-DocumentRoot-"):
        return None
    ledger.lose("root", text(root, "name"))
    return root


def _references(
    packages: list[JsonObject], root: JsonObject | None, image: str, ledger: Ledger
) -> tuple[Mapping[str, str], list[tuple[str, JsonObject]]]:
    """SPDXID → bom-ref, the first of two with one SPDXID counting, and every package beside its own bom-ref."""
    refs = {DOCUMENT: image}
    named: list[tuple[str, JsonObject]] = []
    taken = Counter([image])
    for package in packages:
        identity = text(package, "SPDXID")
        ref = image if package is root else _unused(identity, taken)
        if package is not root:
            named.append((ref, package))
        if not identity and package.get("SPDXID"):
            ledger.lose("malformed", "SPDXID")
        if identity in refs:
            ledger.lose("duplicate-id", identity)
        elif identity:
            refs[identity] = ref
    return refs, named


def _unused(identity: str, taken: Counter[str]) -> str:
    """A bom-ref like the SPDXID; a wrong SPDXID gets its prefix, so that it cannot look like a BOM-Link."""
    wanted = identity if _IDENTIFIER.fullmatch(identity) else f"SPDXRef-{printable(identity) or 'package'}"
    ref = wanted
    while taken[ref]:
        ref = f"{wanted}-{taken[wanted]}"
        taken[wanted] += 1
    taken[ref] += 1
    return ref


def _properties(document: JsonObject, version: str, ledger: Ledger) -> Mapping[str, str]:
    found = {
        "version": version,
        "name": ledger.text(document, "name"),
        "namespace": ledger.text(document, "documentNamespace"),
        "licence-list-version": ledger.text(child(document, "creationInfo"), "licenseListVersion"),
    }
    return {f"{PROPERTY}:spdx:{name}": value for name, value in found.items() if value}


def _creators(creation: JsonObject, ledger: Ledger) -> tuple[list[str], list[str]]:
    """Tools, and people or organisations (SPDX 2.3, clause 6.8)."""
    tools: list[str] = []
    authors: list[str] = []
    for creator in ledger.strings(creation, "creators"):
        kind, _, name = creator.partition(":")
        if kind in ("Tool", "Person", "Organization") and name.strip():
            (tools if kind == "Tool" else authors).append(name.strip())
        else:
            ledger.lose("creator", creator)
    return tools, authors


def _data_licence(document: JsonObject, ledger: Ledger) -> str:
    licence = ledger.text(document, "dataLicense")
    if licence and not is_licence_id(licence):
        ledger.lose("data-licence", licence)
        return ""
    return licence


def _count_the_rest(document: JsonObject, ledger: Ledger) -> None:
    creation = child(document, "creationInfo")
    if document.get("creationInfo") and not creation:
        ledger.lose("malformed", "creationInfo")
    fields = {key: value for key, value in document.items() if key not in _CARRIED}
    fields |= {f"creationInfo.{key}": value for key, value in creation.items() if key not in _CREATION_CARRIED}
    for key, value in fields.items():
        if value:
            ledger.lose(_LOST.get(key, "unknown-field"), _example(value), len(value) if isinstance(value, list) else 1)


def _example(value: Json) -> str:
    """Something of a lost value that tells people what it was."""
    first = value[0] if isinstance(value, list) else value
    if isinstance(first, Mapping):
        return text(first, "fileName") or text(first, "licenseId") or text(first, "comment")
    return first if isinstance(first, str) else ""
