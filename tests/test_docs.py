"""What the documents show is true: commands parse, links lead somewhere, tables are complete."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from attest.cli.main import attest
from tests.e2e.test_signature_formats import BY_ATTEST, BY_COSIGN

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("[A-Z]*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"```(?:sh|console)\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^(?:\$ )?(attest (?:.*\\\n)*.*)$", re.MULTILINE)


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text()):
            for line in COMMAND.findall(block):
                yield page.name, line.replace("\\\n", " ")


@pytest.mark.parametrize(("page", "line"), list(commands()))
def test_every_command_shown_is_one_that_attest_understands(page: str, line: str) -> None:
    command: click.Command = attest
    context = click.Context(attest)
    name, *arguments = shlex.split(line)
    while isinstance(command, click.Group):  # `attest policy check` is two names deep
        name, *arguments = arguments
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(name, arguments)


def test_there_are_commands_to_check() -> None:
    assert len(list(commands())) > 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def anchors(page: Path) -> set[str]:
    """As GitLab and GitHub make them of headings."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


def test_every_attack_that_is_tried_stands_among_the_threats() -> None:
    told = re.findall(r"`tests/attacks/(test_\w+\.py)`", (ROOT / "docs" / "threats.md").read_text())
    assert set(told) == {path.name for path in (ROOT / "tests" / "attacks").glob("test_*.py")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for target in re.findall(r"`((?:tests|attest|docs|schemas|bench)/[\w./-]+)`", page.read_text()):
        assert (ROOT / target).exists(), target


def test_checks_and_reasons_are_the_schema_s() -> None:
    schema = json.loads((ROOT / "schemas" / "report.v1.schema.json").read_text())["$defs"]["check"]["properties"]
    page = (ROOT / "docs" / "checks.md").read_text()
    checks, reasons = page.split("| reason |")
    first = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)
    assert {name for cell in first.findall(checks) for name in re.findall("`([^`]+)`", cell)} == set(
        schema["id"]["enum"]
    )
    assert {name for cell in first.findall(reasons) for name in re.findall("`([^`]+)`", cell)} == set(
        schema["reason"]["enum"]
    )


def test_each_cell_of_the_table_of_signatures_is_tried_by_a_test() -> None:
    page = (ROOT / "docs" / "signatures.md").read_text()
    table = page[page.index("| signed with |") :].partition("\n\n")[0]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())
    shown = {(*row[:3], what): judge for row in rows for what, judge in zip(head[3:], row[3:], strict=True)}
    assert shown == {**dict.fromkeys(BY_COSIGN, "attest"), **dict.fromkeys(BY_ATTEST, "cosign")}
