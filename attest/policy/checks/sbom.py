"""Is there an SBOM that somebody vouches for, of an accepted format, which lists something?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attest.evidence.statement import CYCLONEDX_BOM, SPDX_DOCUMENT, Statement
from attest.oci.document import JsonObject, child, children, text
from attest.oci.image import Image, PlatformImage
from attest.policy.checks.signer import may_be_of, refused_check
from attest.policy.expectations import Expectations
from attest.policy.policy import SbomRules
from attest.policy.report import Check, Status
from attest.trust.authentication import Authenticated, VerifiedStatement

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN
_FORMATS: Final = {"spdx": SPDX_DOCUMENT, "cyclonedx": CYCLONEDX_BOM}


def sbom_present(image: Image, platform: PlatformImage, found: Authenticated, expected: Expectations) -> Check | None:
    """Is there a trusted SBOM of this platform, as the policy wants it? Any one will do: none contradicts another."""
    if expected.policy is None or expected.policy.sbom == SbomRules():
        return None
    asked = (name for name in ("sbom.required", "sbom.formats", "sbom.components") if name in expected.policy.lines)
    rules, origin = expected.policy.sbom, expected.policy.origin(next(asked, "sbom"))
    about = [one for one in found.statements if platform.digest in one.platforms and _format(one.statement)]
    fitting = [one for one in about if not rules.formats or _format(one.statement) in rules.formats]
    listing = [one for one in fitting if not rules.components or lists_something(one.statement)]
    refused = [one for one in found.refusals if one.evidence.is_sbom and may_be_of(one, image, platform)]
    if not about and refused:
        return refused_check("sbom.present", refused, str(platform.platform))
    if not about:
        return _check(UNKNOWN, "no trusted SBOM", "no-sbom", platform, rules, origin, about)
    if not fitting:
        summary = f"an SBOM in {_format(about[0].statement)}, expected {_wanted(rules)}"
        return _check(FAILED, summary, "other-format", platform, rules, origin, about)
    if not listing:
        return _check(FAILED, "its SBOM lists no component", "empty-sbom", platform, rules, origin, fitting)
    return _check(PASSED, f"an SBOM in {_format(listing[0].statement)}", "", platform, rules, origin, listing)


def _check(
    status: Status,
    summary: str,
    reason: str,
    platform: PlatformImage,
    rules: SbomRules,
    origin: str,
    of: Sequence[VerifiedStatement],
) -> Check:
    return Check(
        "sbom.present",
        status,
        summary,
        reason,
        str(platform.platform),
        expected=_wanted(rules),
        origin=origin,
        evidence=tuple(one.digest for one in of),
        hint=_HINTS.get(reason, ""),
    )


_HINTS: Final = {"no-sbom": "attest build --sbom=true writes and signs one; attest sbom makes one of what is there."}


def _wanted(rules: SbomRules) -> str:
    return ", or ".join(rules.formats or _FORMATS) + (" with components" if rules.components else "")


def _format(statement: Statement) -> str:
    kinds = (kind for kind, predicate_type in _FORMATS.items() if statement.predicate_type == predicate_type)
    return next(kinds, "")


def lists_something(statement: Statement) -> bool:
    """Whether an SBOM has a component besides the image itself; one made of provenance alone does not count."""
    document = statement.predicate
    if statement.predicate_type == CYCLONEDX_BOM:
        return bool(children(document, "components")) and not _is_of_build_inputs(document)
    described = set(_described(document))
    return any(text(package, "SPDXID") not in described for package in children(document, "packages"))


def _described(document: JsonObject) -> Iterator[str]:
    """What the document is about, in each of the three ways in which it may say so (SPDX 2.3, 6.1 and 11.1)."""
    listed = document.get("documentDescribes")
    yield from (one for one in listed if isinstance(one, str)) if isinstance(listed, list) else ()
    for relationship in children(document, "relationships"):
        if text(relationship, "relationshipType") == "DESCRIBES":
            yield text(relationship, "relatedSpdxElement")
        elif text(relationship, "relationshipType") == "DESCRIBED_BY":
            yield text(relationship, "spdxElementId")


def _is_of_build_inputs(document: JsonObject) -> bool:
    """Made of provenance alone: what went into the build, and nothing of what is in the image."""
    said = [*children(document, "properties"), *children(child(document, "metadata"), "properties")]
    return any(text(one, "name").endswith(":provenance:packages") and text(one, "value") == "unknown" for one in said)
