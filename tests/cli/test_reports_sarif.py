"""SARIF, held against the standard's schema by a public validator, and against what GitHub accepts."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pytest

from attest.cli.reports.sarif import QUESTIONS, render_sarif
from attest.policy.report import Check, Report, Status
from attest.reference import Digest
from tests.cli import judged
from tests.e2e import stand

DOCS: Final = Path(__file__).parents[2] / "docs" / "checks.md"
ENDS: Final = [pytest.param(report, id=end) for end, report in judged.judged().items()]
STRANGERS: Final = [pytest.param(judged.hostile(value), id=f"{n}") for n, value in enumerate(judged.HOSTILE)]


def run_of(*reports: Report) -> Any:
    document = json.loads(render_sarif(reports))
    (run,) = document["runs"]  # GitHub takes one run of one tool
    return run


def validated(document: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([stand.tool("sarif-validate")], input=document, capture_output=True, text=True)


@pytest.mark.e2e
@pytest.mark.parametrize("report", [*ENDS, *STRANGERS])
def test_it_is_valid(report: Report) -> None:
    assert validated(render_sarif([report, report])).stderr == ""


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('"level": "error"', '"level": "failed"'),
        ('"kind": "fail"', '"kinds": "fail"'),
        ('"startLine": 1', '"startLine": 0'),
        ('"version": "2.1.0"', '"version": "2.2.0"'),
        ('"uri": "registry', '"uri": "% registry'),
    ],
)
def test_the_validator_sees_what_is_wrong(right: str, wrong: str) -> None:
    document = render_sarif([judged.judged()["failed"]])
    assert right in document

    assert validated(document.replace(right, wrong)).returncode == 1


def test_failed_is_an_error_unknown_a_warning_and_passed_no_result() -> None:
    checks = (
        Check("image.digest", Status.PASSED, "fine"),
        Check("source.commit", Status.FAILED, "another", "other-commit"),
        Check("source.tag", Status.UNKNOWN, "no word of it", "no-claim"),
        Check("source.branch", Status.UNKNOWN, "no word of it", "no-claim", required=False),
    )

    results = run_of(judged.report(*checks))["results"]

    assert [(result["kind"], result["level"]) for result in results] == [
        ("fail", "error"),
        ("fail", "warning"),
        ("fail", "note"),
    ]


@pytest.mark.parametrize("report", [*ENDS, *STRANGERS])
def test_every_result_has_a_rule_and_a_place_that_github_accepts(report: Report) -> None:
    run = run_of(report)
    rules = run["tool"]["driver"]["rules"]

    told = [check for check in report.checks if check.status is not Status.PASSED]
    for check, result in zip(told, run["results"], strict=True):
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"] == check.id
        assert all(rule[said]["text"] for said in ("shortDescription", "fullDescription", "help"))
        (location,) = result["locations"]
        place = location["physicalLocation"]["artifactLocation"]["uri"]
        assert urlsplit(place).scheme == urlsplit(place).netloc == ""
        assert ":" not in place.split("/")[0]
        assert location["physicalLocation"]["region"] == {"startLine": 1}
        assert re.fullmatch("[0-9a-f]{64}", result["partialFingerprints"]["primaryLocationLineHash"])


def test_the_place_is_the_image_as_it_was_asked_for_and_the_digest_stands_beside_it() -> None:
    report = judged.judged()["failed"]

    (location,) = run_of(report)["results"][0]["locations"]

    assert unquote(location["physicalLocation"]["artifactLocation"]["uri"]) == report.reference
    assert location["logicalLocations"][0]["fullyQualifiedName"] == f"{report.reference}@{report.digest}"


def test_an_alert_stays_the_same_when_the_image_changes_and_differs_from_every_other() -> None:
    checks = [Check(f"source.{fact}", Status.UNKNOWN, "no word of it", "no-claim") for fact in ("commit", "tag")]
    before, after = judged.report(*checks), replace(judged.report(*checks), digest=Digest.of(b"another image"))

    hashes = [
        [result["partialFingerprints"]["primaryLocationLineHash"] for result in run_of(report)["results"]]
        for report in (before, after)
    ]

    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == len(checks)


def test_no_word_of_a_stranger_becomes_a_link() -> None:
    honest = run_of(judged.hostile("v1.0.0"))["results"][0]["message"]["text"]
    assert "built from tag v1.0.0" in honest

    text = run_of(judged.hostile("[here](https://evil.example) \\[x\\](https://evil.example)"))["results"][0]["message"]

    assert "\\[here\\](https://evil.example)" in text["text"]
    assert not re.findall(r"(?<!\\)(?:\\\\)*[\[\]]", text["text"])


def test_each_check_is_described_as_the_documentation_does() -> None:
    page = DOCS.read_text().partition("| reason |")[0]
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^?|]+\?)", page, re.MULTILINE))

    assert rows
    assert rows == QUESTIONS
