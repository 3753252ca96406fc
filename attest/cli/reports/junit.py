"""Reports as JUnit XML, which GitLab and Jenkins show beside test results: a suite an image, a case a check.

GitLab shows classname, name and the text of a failure or error; it ignores their attributes, and of two cases with the
same classname and name it shows the first. The structure is that of Jenkins' junit-10.xsd.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from xml.etree import ElementTree as ET

from attest.cli.main import plain
from attest.cli.reports.trouble import check_name, name_of, notes
from attest.policy.report import Check, Report, Status


def render_junit(reports: Sequence[Report]) -> str:
    """One document for all images."""
    root = ET.Element("testsuites", name="attest verify")
    for report in reports:
        root.append(_suite(report))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(report: Report) -> ET.Element:
    suite = ET.Element("testsuite", name=plain(report.reference), timestamp=report.time)
    said = {"narrowed": ", ".join(report.narrowed), "policy": _policy(report)}
    if any(said.values()):
        properties = ET.SubElement(suite, "properties")
        for key, value in said.items():
            if value:
                ET.SubElement(properties, "property", name=key, value=plain(value))
    for check, name in zip(report.checks, _different_names(report.checks), strict=True):
        suite.append(_case(report, check, name))
    for attribute, element in _COUNTED.items():
        suite.set(attribute, str(len(suite.findall(element))))
    only = f"\nOnly asked about {plain(', '.join(report.narrowed))}." if report.narrowed else ""
    ET.SubElement(suite, "system-out").text = f"{report.verdict.upper()}  {plain(name_of(report))}{only}"
    return suite


def _policy(report: Report) -> str:
    return f"{report.policy.uri} {report.policy.digest}" if report.policy is not None else ""


_COUNTED: Final = {
    "tests": "testcase",
    "failures": "testcase/failure",
    "errors": "testcase/error",
    "skipped": "testcase/skipped",
}


def _different_names(checks: Sequence[Check]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in map(check_name, checks):
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def _case(report: Report, check: Check, name: str) -> ET.Element:
    case = ET.Element("testcase", classname=plain(report.reference), name=plain(name))
    if check.status is not Status.PASSED:
        element = "failure" if check.status is Status.FAILED else "error" if check.required else "skipped"
        answer = ET.SubElement(case, element, message=plain(check.summary), type=plain(check.reason))
        lines = (check.summary, *notes(check), f"Reason: {check.reason}. Image: {name_of(report)}")
        answer.text = "\n".join(map(plain, lines))
    return case
