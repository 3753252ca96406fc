"""Reports as Markdown, for a comment in a merge request.

Everything that came from outside stands in a code span: there nothing is a link, a mention or a reference to an issue,
neither for GitHub nor for GitLab.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from attest.cli.main import plain
from attest.cli.reports.claims import VOUCHERS, ClaimRow, claim_rows
from attest.cli.reports.trouble import count, name_of, notes, worst_first
from attest.policy.report import Check, Report, Status

_LONGEST: Final = 400  # a comment holds some ten thousand characters


def render_markdown(reports: Sequence[Report]) -> str:
    """All reports; above several of them, how many there are of each verdict."""
    above = (f"{count(reports)}.",) if len(reports) > 1 else ()
    return "\n\n".join((*above, *("\n".join(_report_lines(report)) for report in reports))) + "\n"


def _report_lines(report: Report) -> Iterator[str]:
    yield f"### {report.verdict.upper()} {code(name_of(report))}"
    yield ""
    if report.narrowed:
        yield f"Only asked about {', '.join(map(code, report.narrowed))}."
        yield ""
    if report.policy is not None:
        yield f"Held against the policy {code(report.policy.uri)}, {code(str(report.policy.digest))}."
        yield ""
    yield from _table("status", "check", "platform", "answer", "vouched by")
    for check in worst_first(report.checks):
        yield _row(_check_cells(check))
    if rows := list(claim_rows(report)):
        yield ""
        yield "What is said of the source, and who vouches for it (in brackets: it proves nothing by itself):"
        yield ""
        yield from _table("fact", "platform", *VOUCHERS)
        yield from (_row(_claim_cells(row)) for row in rows)
    yield ""
    yield f"SLSA build level {report.level.reached}: {code(report.level.why_not_higher)}"


def _check_cells(check: Check) -> Iterator[str]:
    yield f"**{check.status}**" if check.status is not Status.PASSED else str(check.status)
    yield code(check.id)
    yield code(check.platform)
    lines = (check.summary, *(notes(check) if check.status is not Status.PASSED else ()))
    yield "<br>".join(map(code, lines))
    yield check.vouched_by


def _claim_cells(row: ClaimRow) -> Iterator[str]:
    yield row.fact
    yield code(row.platform)
    yield from (_values(row.cells.get(voucher, {})) for voucher in VOUCHERS)


def _values(values: Mapping[str, bool]) -> str:
    return "<br>".join(code(value) if counts else f"({code(value)})" for value, counts in values.items())


def _table(*titles: str) -> Iterator[str]:
    yield _row(titles)
    yield _row("---" for _ in titles)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def code(value: str) -> str:
    """A code span that the value cannot end, nor the table's cell; nothing for nothing.

    Renderers disagree on what a backslash before a bar means, so that no way of escaping one holds everywhere.
    """
    if not value:
        return ""
    shown = plain(value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…").replace("|", "¦")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    padding = " " if shown.startswith(("`", " ")) or shown.endswith(("`", " ")) else ""
    return f"{fence}{padding}{shown}{padding}{fence}"
