"""JUnit XML, held against the rules of Jenkins' junit-10.xsd and what GitLab does with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.etree import ElementTree as ET

import pytest

from attest.cli.reports.junit import render_junit
from attest.policy.report import Check, Report, Status
from tests import images
from tests.cli import judged

# Jenkins' xunit plugin, junit-10.xsd: element: attributes (those with ! are required), elements in it.
RULES: Final = {
    "testsuites": ("name time tests failures errors", "testsuite"),
    "testsuite": (
        "name! tests! failures! errors! group time skipped timestamp hostname id package file log url",
        "testsuite properties testcase system-out system-err",
    ),
    "testcase": ("name! time classname group", "skipped error failure system-out system-err"),
    "failure": ("type message", ""),
    "error": ("type message", ""),
    "skipped": ("type message", ""),
    "system-out": ("", ""),
    "properties": ("", "property"),
    "property": ("name! value!", ""),
}


def broken_rules(element: ET.Element) -> Iterator[str]:
    """What the schema would refuse."""
    attributes, inside = (words.split() for words in RULES[element.tag])
    allowed = {name.rstrip("!") for name in attributes}
    required = {name.rstrip("!") for name in attributes if name.endswith("!")}
    yield from (f"{element.tag} has {name}" for name in set(element.keys()) - allowed)
    yield from (f"{element.tag} lacks {name}" for name in required - set(element.keys()))
    if inside and (element.text or "").strip():
        yield f"{element.tag} has text"
    for child in element:
        if child.tag in inside:
            yield from broken_rules(child)
        else:
            yield f"{element.tag} holds {child.tag}"


def parsed(*reports: Report) -> ET.Element:
    root = ET.fromstring(render_junit(reports))  # noqa: S314 - our own
    assert root.tag == "testsuites"
    assert not list(broken_rules(root))
    return root


def shown_by_gitlab(root: ET.Element) -> dict[tuple[str | None, str | None], tuple[str, str | None]]:
    """Its parser: failure before error before skipped, by text alone; the first of the same class and name."""
    cases: dict[tuple[str | None, str | None], tuple[str, str | None]] = {}
    for case in root.iterfind("testsuite/testcase"):
        found = [(tag, answer.text) for tag in ("failure", "error", "skipped") for answer in case.findall(tag)]
        cases.setdefault((case.get("classname"), case.get("name")), (found or [("success", None)])[0])
    return cases


@pytest.mark.parametrize("end", judged.judged())
def test_every_check_is_one_case_and_the_counts_are_right(end: str) -> None:
    report = judged.judged()[end]
    suite = parsed(report)[0]

    statuses = [check.status for check in report.checks]
    assert len(shown_by_gitlab(parsed(report))) == len(report.checks) == int(suite.attrib["tests"])
    assert int(suite.attrib["failures"]) == statuses.count(Status.FAILED)
    assert int(suite.attrib["errors"]) == statuses.count(Status.UNKNOWN)


def test_failed_and_unknown_are_red_and_say_what_to_do() -> None:
    failed, unknown = judged.judged()["failed"], judged.judged()["unreachable"]

    cases = shown_by_gitlab(parsed(failed, unknown))

    commit = cases[failed.reference, "source.commit linux/amd64"]
    assert commit[0] == "failure"
    assert commit[1] is not None
    assert commit[1].startswith(f"built from commit {images.COMMIT}, expected {images.OTHER_COMMIT}\n")
    assert f"Image: {failed.reference}@{failed.digest}" in commit[1]
    suites = parsed(failed, unknown).findall("testsuite")
    error = suites[1].find("testcase/error")
    assert error is not None
    assert error.attrib == {"message": "registry.test: no answer", "type": "unreachable"}
    assert "Try again." in (error.text or "")


def test_what_nobody_required_and_nobody_knows_is_skipped() -> None:
    nice = Check("source.tag", Status.UNKNOWN, "no word of it", "no-claim", required=False)
    wrong = Check("source.branch", Status.FAILED, "another", "other-branch", required=False)

    cases = shown_by_gitlab(parsed(judged.report(nice, wrong)))

    assert [answer for answer, _ in cases.values()] == ["skipped", "failure"]


def test_two_answers_to_one_question_are_both_shown() -> None:
    checks = [Check("source.tag", Status.FAILED, text, "contradiction", judged.AMD64) for text in ("one", "two")]

    names = [name for _, name in shown_by_gitlab(parsed(judged.report(*checks)))]

    assert names == ["source.tag linux/amd64", "source.tag linux/amd64 (2)"]


def test_the_digest_stands_in_the_output_of_the_suite() -> None:
    report = judged.judged()["passed"]

    assert parsed(report)[0].findtext("system-out") == f"PASSED  {report.reference}@{report.digest}"


@pytest.mark.parametrize("value", judged.HOSTILE, ids=range(len(judged.HOSTILE)))
@pytest.mark.parametrize("status", Status)
def test_no_word_of_a_stranger_ends_an_element_or_is_no_xml(value: str, status: Status) -> None:
    root = parsed(judged.hostile(value, status))

    assert [case.tag for case in root[0]] == ["properties", "testcase", "testcase", "system-out"]
    assert len(shown_by_gitlab(root)) == 2


def test_no_character_at_all_is_no_xml() -> None:
    everything = "".join(map(chr, range(0x10000)))

    assert parsed(judged.hostile(everything)).find("testsuite/testcase/failure") is not None


def test_no_attachment_can_be_named_by_a_stranger() -> None:
    """GitLab takes [[ATTACHMENT|path]] in a case's system-out for a file of the job."""
    assert not parsed(judged.hostile("[[ATTACHMENT|attest.key]]")).findall("testsuite/testcase/system-out")
