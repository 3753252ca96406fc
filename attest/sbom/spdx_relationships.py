"""SPDX relationships as CycloneDX's dependency graph (SPDX 2.3, clause 11 "Relationships between SPDX elements").

CycloneDX knows one kind of edge, `dependsOn`. What contains or links something depends on it; a build, test or optional
dependency keeps its edge and loses its kind, which is counted. Everything else has no place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

from attest.oci.document import JsonObject, text
from attest.sbom.ledger import Ledger

DOCUMENT: Final = "SPDXRef-DOCUMENT"

# A relationship B: A depends on B.
_FORWARD: Final = frozenset(
    {
        "DESCRIBES",
        "DEPENDS_ON",
        "CONTAINS",
        "DYNAMIC_LINK",
        "STATIC_LINK",
        "HAS_PREREQUISITE",
    }
)
# A relationship B: B depends on A.
_INVERSE: Final = frozenset(
    {
        "DESCRIBED_BY",
        "DEPENDENCY_OF",
        "CONTAINED_BY",
        "PREREQUISITE_FOR",
        "PACKAGE_OF",
        "RUNTIME_DEPENDENCY_OF",
        "BUILD_DEPENDENCY_OF",
        "DEV_DEPENDENCY_OF",
        "TEST_DEPENDENCY_OF",
        "OPTIONAL_DEPENDENCY_OF",
        "PROVIDED_DEPENDENCY_OF",
        "OPTIONAL_COMPONENT_OF",
    }
)
_EXACT: Final = frozenset({"DESCRIBES", "DESCRIBED_BY", "DEPENDS_ON", "DEPENDENCY_OF"})
_CONTAINMENT: Final = frozenset({"CONTAINS", "CONTAINED_BY"})
_NOTHING: Final = "NONE"
_UNKNOWN: Final = "NOASSERTION"

Triple = tuple[str, str, str]


def described(document: JsonObject, ledger: Ledger) -> list[str]:
    """The SPDXIDs that the document says it describes, each once, in any of the three ways of saying so."""
    found = ledger.strings(document, "documentDescribes")
    for left, kind, right in _triples(document):
        if kind == "DESCRIBES" and left == DOCUMENT:
            found.append(right)
        elif kind == "DESCRIBED_BY" and right == DOCUMENT:
            found.append(left)
    return list(dict.fromkeys(found))


def _triples(document: JsonObject) -> Iterator[Triple]:
    """Every relationship as (element, type, related element); what is missing is ""."""
    listed = document.get("relationships")
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping):
            yield text(item, "spdxElementId"), text(item, "relationshipType"), text(item, "relatedSpdxElement")


def edges(
    document: JsonObject, roots: Sequence[str], refs: Mapping[str, str], files: Collection[str], ledger: Ledger
) -> Mapping[str, set[str]]:
    """Which bom-ref depends on which.

    `roots` are the SPDXIDs described; `refs` leads from SPDXIDs, SPDXRef-DOCUMENT among them, to bom-refs; `files` are
    the SPDXIDs of files, which have none. A cycle is kept as it is: CycloneDX allows it.
    """
    depends: dict[str, set[str]] = {}
    for item in ledger.objects(document, "relationships"):
        if item.get("comment"):
            ledger.lose("relationship.comment", text(item, "relationshipType"))
    descriptions = ((DOCUMENT, "DESCRIBES", identity) for identity in roots)
    relations = (triple for triple in _triples(document) if not _is_description(triple))
    for triple in chain(descriptions, relations):
        if _has_a_place(triple, refs, files, ledger):
            _add(triple, refs, depends, ledger)
    return depends


def _has_a_place(triple: Triple, refs: Mapping[str, str], files: Collection[str], ledger: Ledger) -> bool:
    left, kind, right = triple
    if kind not in _FORWARD and kind not in _INVERSE:
        ledger.lose("relationship.type", kind or "no type")
        return False
    if _UNKNOWN in (left, right):
        return False
    ends = (left,) if (kind, right) == ("DEPENDS_ON", _NOTHING) else (left, right)
    missing = next((end for end in ends if end not in refs), None)
    if missing is not None:
        ledger.lose(f"relationship.{_why_missing(missing, files)}", f"{left} {kind} {right}")
    return missing is None


def _add(triple: Triple, refs: Mapping[str, str], depends: dict[str, set[str]], ledger: Ledger) -> None:
    left, kind, right = triple
    if right not in refs:
        depends.setdefault(refs[left], set())  # said to have no dependencies, which is more than saying nothing
        return
    parent, child = (refs[left], refs[right]) if kind in _FORWARD else (refs[right], refs[left])
    if parent == child:
        if left == right:
            ledger.lose("relationship.self", f"{left} {kind} {right}")
        return
    depends.setdefault(parent, set()).add(child)
    # That the image contains a component is what a list of components says.
    if kind not in _EXACT and not (kind in _CONTAINMENT and parent == refs[DOCUMENT]):
        ledger.lose("relationship.kind", kind)


def _is_description(triple: Triple) -> bool:
    left, kind, right = triple
    return (kind, left) == ("DESCRIBES", DOCUMENT) or (kind, right) == ("DESCRIBED_BY", DOCUMENT)


def _why_missing(end: str, files: Collection[str]) -> str:
    """Why an end of a relationship is no component."""
    if end in files:
        return "file"
    return "external" if end.startswith("DocumentRef-") else "dangling"
