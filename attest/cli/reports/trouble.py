"""Why an image did not pass, in the words that all forms use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attest.cli.main import plain, say
from attest.policy.report import Check, Report, Status


def name_of(report: Report) -> str:
    """The image as it was asked for, and its digest."""
    pinned = report.digest is None or str(report.digest) in report.reference
    return report.reference if pinned else f"{report.reference}@{report.digest}"


def check_name(check: Check) -> str:
    """The check's id, and the platform that it is about."""
    return f"{check.id} {check.platform}".rstrip()


def worst_first(checks: Iterable[Check]) -> list[Check]:
    """The checks in the order in which somebody must look at them."""
    return sorted(checks, key=_place)


def _place(check: Check) -> int:
    """What is open and not needed stands last."""
    return _ORDER.index(check.status) if check.required else len(_ORDER)


_ORDER: Final = (Status.FAILED, Status.UNKNOWN, Status.PASSED)


def notes(check: Check) -> list[str]:
    """What was found, unless the summary says it already, and what to do."""
    found = [value for value in check.found if value not in check.summary]
    return [note for note in (*found, check.hint) if note]


def show_trouble(reports: Iterable[Report]) -> None:
    """For each image that did not pass, why, on standard error: what was expected, what was found, what to do."""
    for report in reports:
        check = report.trouble
        if report.verdict is Status.PASSED or check is None:
            continue
        about = check.summary if check.summary.startswith(report.reference) else f"{name_of(report)}: {check.summary}"
        # Cleaned one by one: a stranger's line break must not begin a line of ours.
        say("\n".join(plain(line) for line in (f"attest: {about}", *notes(check))))


def show_summary(reports: Sequence[Report]) -> None:
    """Of several images, one line each on standard error: standard output holds a document and nothing else."""
    if len(reports) > 1:
        lines = (count(reports), *(f"{report.verdict:7}  {summary(report)}" for report in reports))
        say("\n".join(f"attest: {plain(line)}" for line in lines))


def count(reports: Sequence[Report]) -> str:
    """How many there are of each verdict."""
    verdicts = [report.verdict for report in reports]
    counted = [f"{verdicts.count(status)} {status}" for status in Status if status in verdicts]
    return f"{len(reports)} images: {', '.join(counted)}"


def summary(report: Report) -> str:
    """The image as it was asked for, and the first thing that is wrong with it."""
    check = report.trouble
    return report.reference if check is None else f"{report.reference}  {check_name(check)}: {check.summary}"
