"""Reports as SARIF 2.1.0, which GitHub shows as code scanning alerts.

GitHub asks for what the standard leaves open, and refuses some of what it allows: an address with a scheme other than
`file`, several runs of one tool, a result without a place and line, a rule without descriptions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from attest import __version__
from attest.cli.main import plain
from attest.cli.reports.documents import as_json
from attest.cli.reports.trouble import check_name, name_of, notes
from attest.oci.document import Json
from attest.policy.report import VERIFIER_ID, Check, Report, Status

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HELP: Final = f"{VERIFIER_ID}/checks"

# What docs/checks.md says of each check; a rule is described where the documentation is not at hand.
QUESTIONS: Final = {
    "image.digest": "Is the image what its digest says, down to every manifest?",
    "image.platforms": "Is there one manifest for each platform?",
    "evidence.complete": "Could everything that is attached be read?",
    "signature.valid": "Did somebody who is believed sign the image: its index, or every platform by itself?",
    "signer.identity": "Is there provenance for this platform that somebody who is believed vouches for?",
    "subject.digest": "Is what somebody who is believed signed about this image?",
    "predicate.type": "Is there provenance at all?",
    "source.expected": "Was anything expected?",
    "source.repository": "Was it built from the expected repository?",
    "source.commit": "Was it built from the expected commit, and nothing but it?",
    "source.tag": "Was it built from the expected tag?",
    "source.branch": "Was it built from the expected branch?",
    "source.ref": "Was it built from one of the expected tags or branches?",
    "source.clean": "Was it built from what is committed, and from nothing else?",
    "image.denied": "Is no digest of it denied?",
    "image.covered": "Does the policy speak for this image?",
    "image.tag": "Is its tag what the policy makes of the source's tag?",
    "builder.id": "Was it built by the expected builder?",
    "build.type": "Is the build type one of those expected?",
    "build.hermetic": "Was it built without a network, from what is listed only?",
    "build.age": "Is the build recent enough?",
    "parameters.allowed": "Are the build's parameters those that are allowed?",
    "materials.complete": "Does the provenance list everything that the build used?",
    "materials.allowed": "Do the images that it was built from come from allowed repositories?",
    "materials.pinned": "Were they pinned by digest?",
    "sbom.present": "Is there a trusted SBOM as the policy wants it?",
    "slsa.level": "Is the build level high enough?",
    "summary.accepted": "Did a verifier that the policy names verify it by this policy?",
}


def render_sarif(reports: Sequence[Report]) -> str:
    """One run for all images: every question is a rule, every answer but "passed" a result. GitHub shows all results as
    alerts, whatever their kind.
    """
    ids = list(dict.fromkeys(check.id for report in reports for check in report.checks))
    rules: list[Json] = [_rule(check_id) for check_id in ids]
    results: list[Json] = [
        _result(report, check, ids)
        for report in reports
        for check in report.checks
        if check.status is not Status.PASSED
    ]
    driver: dict[str, Json] = {"name": "attest", "version": __version__, "informationUri": VERIFIER_ID, "rules": rules}
    run: dict[str, Json] = {"tool": {"driver": driver}, "results": results}
    return as_json({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(check_id: str) -> Json:
    question = QUESTIONS.get(check_id, check_id)
    return {
        "id": check_id,
        "shortDescription": {"text": question},
        "fullDescription": {"text": question},
        "help": {"text": f"{question} What each reason means: {_HELP}"},
        "helpUri": _HELP,
    }


def _result(report: Report, check: Check, ids: Sequence[str]) -> Json:
    used = f"{report.policy.uri} {report.policy.digest}" if report.policy is not None else ""
    bag = {
        "platform": check.platform,
        "reason": check.reason,
        "vouchedBy": check.vouched_by,
        "narrowed": ", ".join(report.narrowed),
        "policy": used,
    }
    return {
        "ruleId": check.id,
        "ruleIndex": ids.index(check.id),
        "kind": "fail",  # to `open`, which unknown is, the standard allows no level
        "level": _level(check),
        "message": {"text": _message(report, check)},
        "locations": [_location(report)],
        "partialFingerprints": {"primaryLocationLineHash": _fingerprint(report, check)},  # GitHub knows no other
        "properties": {name: value for name, value in bag.items() if value},
    }


def _level(check: Check) -> str:
    if check.status is Status.FAILED:
        return "error"
    return "warning" if check.required else "note"


def _message(report: Report, check: Check) -> str:
    """What a stranger wrote must not become a link: [text](address) is one in a message (SARIF 2.1.0, 3.11.6)."""
    lines = (f"{name_of(report)}: {check_name(check)}: {check.summary}", *(notes(check) if check.reason else ()))
    text = "\n".join(map(plain, lines))
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _location(report: Report) -> Json:
    """A path and line, since GitHub takes nothing else: an image has neither."""
    place: dict[str, Json] = {"uri": quote(report.reference, safe="/", errors="replace")}
    return {
        "physicalLocation": {"artifactLocation": place, "region": {"startLine": 1}},
        "logicalLocations": [{"fullyQualifiedName": plain(name_of(report)), "kind": "resource"}],
    }


def _fingerprint(report: Report, check: Check) -> str:
    """The same question about the same name is the same alert, whatever the name points at today."""
    about = "\0".join((report.reference, check.id, check.platform))
    return hashlib.sha256(about.encode(errors="replace")).hexdigest()
