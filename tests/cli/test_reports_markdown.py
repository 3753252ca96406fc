"""Markdown for a comment, read back by a parser: what came from outside is code, and code alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from attest.cli.reports.markdown import code, render_markdown
from attest.policy.report import Check, Claim, Report, Status
from tests.cli import judged


def tokens(source: str) -> list[Token]:
    return list(_flat(MarkdownIt("commonmark").enable("table").parse(source)))


def _flat(nested: Iterable[Token]) -> Iterator[Token]:
    for token in nested:
        yield token
        yield from _flat(token.children or ())


def rows(*reports: Report) -> list[list[str]]:
    """The cells of all tables, as text."""
    found: list[list[str]] = []
    cell = False
    for token in tokens(render_markdown(reports)):
        if token.type == "tr_open":
            found.append([])
        if token.type in ("td_open", "th_open"):
            found[-1].append("")
            cell = True
        if token.type in ("td_close", "th_close"):
            cell = False
        if cell and token.type in ("text", "code_inline"):
            found[-1][-1] += token.content
    return found


@pytest.mark.parametrize("end", judged.judged())
def test_the_verdict_is_the_heading_and_what_is_wrong_the_first_row(end: str) -> None:
    report = judged.judged()[end]

    first = render_markdown([report]).splitlines()[0]
    table = rows(report)

    assert first.startswith(f"### {report.verdict.upper()} `registry.test/acme/app:1.0.0")
    assert table[0] == ["status", "check", "platform", "answer", "vouched by"]
    assert report.trouble is None or table[1][:2] == [report.trouble.status, report.trouble.id]
    assert report.trouble is None or report.trouble.summary in table[1][3]


def test_all_four_vouchers_have_a_column() -> None:
    check = Check("image.digest", Status.PASSED, "every manifest matches its digest")
    signer = Claim("commit", "1d48664a", "signer", judged.STATEMENT, judged.AMD64)
    client = Claim("commit", "8dedf8a5", "client", judged.STATEMENT, judged.AMD64, counts=False)

    table = rows(judged.report(check, claims=(signer, client)))

    assert table[-2:] == [
        ["fact", "platform", "certificate", "builder", "signer", "client"],
        ["commit", "", "", "", "1d48664a", "(8dedf8a5)"],
    ]


@pytest.mark.parametrize("value", judged.HOSTILE, ids=range(len(judged.HOSTILE)))
@pytest.mark.parametrize("status", Status)
def test_every_word_of_a_stranger_is_code(value: str, status: Status) -> None:
    """The shape is that of the same report with an honest value; everything else is inside code."""
    honest = tokens(render_markdown([judged.hostile("v1.0.0", status)]))

    seen = tokens(render_markdown([judged.hostile(value, status)]))

    assert [token.type for token in seen] == [token.type for token in honest]
    different = {a.type for a, b in zip(seen, honest, strict=True) if a.content != b.content}
    assert different <= {"code_inline", "inline"}
    assert {token.content for token in seen if token.type.startswith("html")} <= {"<br>"}


def test_rows_have_as_many_cells_as_their_heading() -> None:
    table = rows(*map(judged.hostile, judged.HOSTILE))

    assert {len(row) for row in table} == {5, 6}


@pytest.mark.parametrize("value", ["`", "``", "a`b", "`a``b```", " a ", "\\", "a\\", "a\\`", "x", "`` `"])
def test_a_code_span_says_what_it_was_given(value: str) -> None:
    spans = [token.content for token in tokens(f"| a |\n| --- |\n| {code(value)} |\n") if token.type == "code_inline"]

    assert spans == [value]


@pytest.mark.parametrize("value", ["|", "\\|", "\\\\|", "a|b"])
def test_a_bar_never_stands_in_a_cell(value: str) -> None:
    """Renderers disagree on `\\|` after a backslash, so that escaping it holds for some of them alone."""
    assert "|" not in code(value)
    assert "¦" in code(value)


def test_what_has_no_end_is_cut_off() -> None:
    assert len(render_markdown([judged.hostile("x" * 100_000)])) < 10_000
