"""Which forms there are, what writes each, and the options that ask for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from attest.cli.main import say
from attest.cli.options import require_place, write_output
from attest.cli.reports.documents import render_json, render_json_lines
from attest.cli.reports.junit import render_junit
from attest.cli.reports.markdown import render_markdown
from attest.cli.reports.sarif import render_sarif
from attest.cli.reports.text import render_text
from attest.cli.reports.trouble import show_summary, show_trouble
from attest.errors import NotWritable
from attest.policy.report import Report

FORMS: Final[dict[str, Callable[[Sequence[Report]], str]]] = {
    "text": render_text,
    "json": render_json,
    "jsonl": render_json_lines,
    "junit": render_junit,
    "sarif": render_sarif,
    "markdown": render_markdown,
}

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file that was asked for, and the form that it is to have."""

    form: str
    path: Path

    def require_place(self) -> None:
        """Refuse what cannot be written before anything is asked. Raises NotWritable."""
        require_place(self.path)
        if self.path.exists() and not self.path.is_file():  # a directory; or a device, which a file would replace
            raise NotWritable(f"{self.path}: cannot write", "It is no file.")

    def write(self, reports: Sequence[Report]) -> None:
        """Write it whole or not at all. Raises NotWritable."""
        write_output(self.path, click.unstyle(FORMS[self.form](reports)).encode())


def report_options(command: F) -> F:
    """The form of standard output, and files beside it."""
    form = click.option("--format", "form", type=click.Choice(list(FORMS)), default="text", show_default=True)
    files = click.option(
        "--report",
        "report_files",
        metavar="FORM=FILE",
        multiple=True,
        callback=_report_files,
        help="Also write the report to this file, whatever the verdict (junit=attest.xml; repeatable).",
    )
    return form(files(command))


def _report_files(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[ReportFile, ...]:
    files = tuple(_report_file(value) for value in values)
    places = [file.path.resolve() for file in files]
    if twice := next((file for file, place in zip(files, places, strict=True) if places.count(place) > 1), None):
        raise click.BadParameter(f"{twice.path} is named twice.")
    return files


def _report_file(value: str) -> ReportFile:
    form, _, name = value.partition("=")
    if form not in FORMS or not name:
        raise click.BadParameter(f"{value!r} is not FORM=FILE with one of the forms {', '.join(FORMS)}.")
    return ReportFile(form, Path(name))


def show_reports(reports: Sequence[Report], form: str, files: Sequence[ReportFile]) -> set[int]:
    """Write the files, then standard output, then what is wrong; the exit codes of all that.

    A file that cannot be written hides neither the others nor the verdict.
    """
    codes = {report.exit_code for report in reports}
    refused: list[NotWritable] = []
    for file in files:
        try:
            file.write(reports)
        except NotWritable as error:
            refused.append(error)
    click.echo(FORMS[form](reports), nl=False)
    show_trouble(reports)
    if form != "text":
        show_summary(reports)
    for problem in refused:
        say(f"attest: {problem}")
    return codes | {problem.exit_code for problem in refused}
