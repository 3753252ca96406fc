"""Reports as people read them in a terminal or a job's log: 100 columns, the verdict first, then what is wrong."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final

import click

from attest.cli.main import plain
from attest.cli.reports.claims import VOUCHERS, ClaimRow, claim_rows
from attest.cli.reports.trouble import count, name_of, notes, summary, worst_first
from attest.policy.report import Check, Report, Status
from attest.reference import Digest

_COLOURS: Final = {Status.PASSED: "green", Status.FAILED: "red", Status.UNKNOWN: "yellow"}
_COLUMNS: Final = 100
_PLATFORM: Final = 24
_CELL_LINES: Final = 4  # a value may be as long as its author likes; the JSON has all of it
_OBJECT_NAME: Final = re.compile(r"(?:sha256:)?([0-9a-f]{40}|[0-9a-f]{64})(-dirty)?")
_NOT_SEEN: Final = "what is unknown here, it has seen."
_KEY_SAYS: Final = "The holder of the key says so: a key proves who signed, not where the image was built."


def render_text(reports: Sequence[Report]) -> str:
    """All reports; above several of them, one line each: the first line never says better than the worst."""
    shown = "\n".join("\n".join(_report_lines(report)) + "\n" for report in reports)
    return shown if len(reports) < 2 else "\n".join((*_summary_lines(reports), "", shown))


def _summary_lines(reports: Sequence[Report]) -> Iterator[str]:
    yield f"{count(reports)}:"
    for report in reports:
        first, *rest = _wrapped(summary(report), " " * 11, " " * 13)
        yield f"  {_coloured(report.verdict, f'{report.verdict:7}')}  {first.lstrip()}"
        yield from rest


def _coloured(status: Status, word: str, *, bold: bool = False) -> str:
    return click.style(word, fg=_COLOURS[status], bold=bold)


def _report_lines(report: Report) -> Iterator[str]:
    yield f"{_coloured(report.verdict, report.verdict.upper(), bold=True)}  {plain(name_of(report))}"
    if report.verdict is Status.PASSED and report.summary is not None:
        yield from _wrapped(f"On the word of {report.summary.found[0]}, by this very policy: {_NOT_SEEN}", "", "  ")
    elif report.verdict is Status.PASSED and any(who.kind == "key" for who in report.trusted):
        yield _KEY_SAYS
    if report.narrowed:
        yield f"Only asked about {plain(', '.join(report.narrowed))}."
    if report.policy is not None:
        yield from _wrapped(f"Held against the policy {report.policy.uri} ({report.policy.digest}).", "", "  ")
    yield ""
    yield from _checks_lines(report)
    yield from _claims_lines(list(claim_rows(report)))
    if report.paths:
        yield ""
        yield "From the signature down to the provenance:"
        for path in report.paths:
            yield from _wrapped(f"{path.platform}  {_way(path.digests)}", "  ", "    ")
    yield ""
    yield from _wrapped(f"SLSA build level {report.level.reached}: {report.level.why_not_higher}.", "", "  ")


def _way(digests: Sequence[Digest]) -> str:
    """Each digest with what it names: the statement is in the bundle, or below what the bundle signs."""
    if len(digests) == 1:
        return f"in the bundle {digests[0].short}"
    names = ["bundle", *["index"] * (len(digests) - 3), "attestation manifest", "statement"]
    return " → ".join(f"{name} {digest.short}" for name, digest in zip(names, digests, strict=True))


def _checks_lines(report: Report) -> Iterator[str]:
    """Each check: the answer, what it is, and below it what was found and what to do."""
    ids = max(len(check.id) for check in report.checks)
    several = len({check.platform for check in report.checks} - {""}) > 1
    platforms = max(len(plain(check.platform)) for check in report.checks) + 2 if several else 0
    for check in worst_first(report.checks):
        platform = f"  {plain(check.platform)}".ljust(platforms) if several else ""
        again = sum((one.id, one.platform) == (check.id, check.platform) for one in report.checks) > 1
        yield from _check_lines(check, check.id.ljust(ids) + platform, check.origin if again else "")


def _check_lines(check: Check, name: str, origin: str) -> Iterator[str]:
    """`origin` tells two answers to one question apart."""
    voucher = f" ({check.vouched_by})" if check.vouched_by else ""
    asked = f", asked by {origin}" if origin else ""
    first, *rest = _wrapped(f"{check.summary}{voucher}{asked}", " " * (len(name) + 13), " " * 13)
    yield f"  {_coloured(check.status, f'{check.status:7}')}  {name}  {first.lstrip()}"
    yield from rest
    told = [check.hint] if check.status is Status.PASSED or not check.required else notes(check)
    if any(told):
        for line in "\n".join(told).splitlines():  # this far in, nobody takes a stranger's line for one of ours
            yield from _wrapped(line, " " * 13, " " * 13)


def _wrapped(text: str, first: str, following: str) -> list[str]:
    """Lines of at most _COLUMNS; a digest or commit is never broken."""
    return textwrap.wrap(
        plain(text),
        _COLUMNS,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _claims_lines(rows: Sequence[ClaimRow]) -> Iterator[str]:
    """A table with a column for each voucher that says anything."""
    if not rows:
        return
    columns = [voucher for voucher in VOUCHERS if any(voucher in row.cells for row in rows)]
    names = [(row.fact, _cut(plain(row.platform))) for row in rows]
    widths = [max(len(part) for part in parts) for parts in zip(*names, strict=True)]
    head = sum(widths) + (2 if widths[1] else 0)
    width = (_COLUMNS - 2 - head) // len(columns) - 2
    yield ""
    yield "What is said of the source, and who vouches for it:"
    yield _line(" " * head, columns, width)
    for row, (fact, platform) in zip(rows, names, strict=True):
        name = f"{fact:{widths[0]}}  {platform}".ljust(head)[:head]
        cells = [_cell(row.cells.get(voucher, {}), width) for voucher in columns]
        for number, parts in enumerate(zip_longest(*cells, fillvalue="")):
            yield _line(" " * head if number else name, parts, width)
    if not all(counts for row in rows for values in row.cells.values() for counts in values.values()):
        yield "  (In brackets: it proves nothing by itself.)"


def _line(name: str, parts: Iterable[str], width: int) -> str:
    return f"  {name}  {'  '.join(part.ljust(width) for part in parts)}".rstrip()


def _cell(values: Mapping[str, bool], width: int) -> list[str]:
    """The lines of one cell: each value begins a line of its own."""
    lines: list[str] = []
    for value, counts in values.items():
        shown = _shortened(plain(value))
        shown = shown if counts else f"({shown})"
        wrapped = textwrap.wrap(shown, width, max_lines=_CELL_LINES, placeholder="…", break_on_hyphens=False)
        lines += wrapped or [shown[:width]]  # nothing but blanks is a value too
    return lines


def _cut(platform: str) -> str:
    return platform if len(platform) <= _PLATFORM else f"{platform[: _PLATFORM - 1]}…"


def _shortened(value: str) -> str:
    """A commit or digest as people compare them at a glance."""
    match = _OBJECT_NAME.fullmatch(value)
    return f"{match[1][:12]}…{match[2] or ''}" if match else value
