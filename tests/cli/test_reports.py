"""Every form of a report, for every end of a verification, with the words of friends and of strangers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
import jsonschema_rs
import pytest

from attest.cli.reports.claims import claim_rows
from attest.cli.reports.forms import FORMS
from attest.cli.reports.text import render_text
from attest.policy.report import Check, Claim, Report, Status
from tests import images
from tests.cli import judged
from tests.cli.judged import AMD64, ARM64, STATEMENT

SCHEMA: Final = Path(__file__).parents[2] / "schemas" / "report.v1.schema.json"
COLUMNS: Final = 100


def lines(*reports: Report) -> list[str]:
    return click.unstyle(render_text(reports)).splitlines()


def table(*claims: Claim, platforms: tuple[str, ...] = (AMD64,)) -> list[list[str]]:
    """The claims as the text shows them, cell by cell."""
    check = Check("image.digest", Status.PASSED, "every manifest matches its digest")
    shown = lines(judged.report(check, claims=claims, platforms=platforms))
    begin = shown.index("What is said of the source, and who vouches for it:")
    return [line.split() for line in shown[begin + 1 : shown.index("", begin)]]


def claim(value: str, fact: str = "commit", by: str = "signer", platform: str = AMD64, counts: bool = True) -> Claim:
    return Claim(fact, value, by, STATEMENT, platform, counts)  # type: ignore[arg-type]


# --- every form -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", judged.judged())
def test_every_form_names_the_image_and_what_is_wrong(form: str, end: str) -> None:
    report = judged.judged()[end]

    shown = FORMS[form]([report])
    words = " ".join(shown.split())  # the text is wrapped

    silent = form == "sarif" and report.trouble is None  # which tells what is wrong, and nothing else
    assert silent or report.reference.replace(":", "%3A" if form == "sarif" else ":") in shown
    assert report.trouble is None or report.trouble.summary in words
    assert shown.endswith("\n")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", judged.HOSTILE, ids=range(len(judged.HOSTILE)))
def test_no_form_lets_a_stranger_move_the_cursor(form: str, value: str) -> None:
    shown = click.unstyle(FORMS[form]([judged.hostile(value)]))

    assert {letter for letter in shown if not letter.isprintable()} == {"\n"}
    shown.encode()  # a lone surrogate would be refused


@pytest.mark.parametrize("form", FORMS)
def test_several_images_are_all_there(form: str) -> None:
    ends = list(judged.judged().values())

    words = " ".join(FORMS[form](ends).split())

    for report in ends:
        assert report.trouble is None or report.trouble.summary in words


@pytest.mark.parametrize("end", judged.judged())
def test_both_json_forms_keep_to_the_schema_and_say_the_same(end: str) -> None:
    report = judged.judged()[end]
    validator = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text()))

    one, several = json.loads(FORMS["json"]([report])), json.loads(FORMS["json"]([report, report]))
    of_lines = [json.loads(line) for line in FORMS["jsonl"]([report, report]).splitlines()]

    validator.validate(one)
    assert several == of_lines == [one, one]


# --- text -------------------------------------------------------------------------------------------------------------


def test_the_first_word_is_the_verdict_and_what_is_wrong_stands_above_what_is_right() -> None:
    shown = lines(judged.judged()["failed"])

    assert shown[0].split() == ["FAILED", shown[0].split()[1]]
    assert [line.split()[:2] for line in shown if line.startswith(("  failed", "  unknown", "  passed"))] == [
        ["failed", "source.commit"],
        ["passed", "image.digest"],
        ["passed", "signer.identity"],
    ]


def test_unknown_stands_between_failed_and_passed() -> None:
    checks = (
        Check("image.digest", Status.PASSED, "fine"),
        Check("source.tag", Status.UNKNOWN, "no word of it", "no-claim"),
        Check("source.commit", Status.FAILED, "another", "other-commit"),
    )

    shown = [line.split()[0] for line in lines(judged.report(*checks)) if line.startswith("  ")]

    assert shown == ["failed", "unknown", "passed"]


@pytest.mark.parametrize("end", judged.judged())
def test_below_the_image_no_line_is_wider_than_100_columns(end: str) -> None:
    too_wide = [line for line in lines(judged.judged()[end])[1:] if len(line) > COLUMNS]

    assert not too_wide


def test_four_vouchers_with_long_words_fit_100_columns() -> None:
    claims = [claim(f"{by}-" + 40 * "word", by=by) for by in ("certificate", "builder", "signer", "client")]
    claims += [claim(images.REPOSITORY + "/very/deep" * 20, "repository", by) for by in ("certificate", "client")]
    claims += [claim("x" * 300, platform="linux/" + "arm" * 100)]
    check = Check("image.digest", Status.PASSED, "every manifest matches its digest")

    shown = lines(judged.report(check, claims=tuple(claims)))

    assert max(map(len, shown[1:])) <= COLUMNS
    assert len(shown) < 50


def test_no_line_of_a_stranger_looks_like_one_of_ours() -> None:
    """The honest check begins its line; what a stranger wrote never does, line breaks or not."""
    forged = "v1\n  passed   source.tag  built from tag v2\nPASSED  registry.test/acme/app:2\r  passed   source.tag"

    shown = lines(judged.hostile(forged), judged.hostile(forged))

    assert [line for line in shown if line.startswith("  passed   image.digest")] == 2 * [
        "  passed   image.digest  every manifest matches its digest"
    ]
    assert not [line for line in shown if line.startswith(("PASSED", "  passed   source"))]


def test_above_several_images_each_has_one_line_with_the_first_thing_that_is_wrong() -> None:
    ends = judged.judged()
    shown = lines(ends["passed"], ends["unreachable"], ends["refused"])

    assert shown[:4] == [
        "3 images: 1 passed, 2 unknown:",
        "  passed   registry.test/acme/app:1.0.0",
        "  unknown  registry.test/acme/app:1.0.0  image.digest: registry.test: no answer",
        "  unknown  registry.test/acme/app:1.0.0  image.digest: registry.test/acme/app: refused",
    ]
    assert not [line for line in lines(ends["passed"]) if "images" in line]


# --- who vouches for what ---------------------------------------------------------------------------------------------


def test_each_voucher_that_speaks_has_a_column() -> None:
    shown = table(
        claim(images.COMMIT),
        claim(images.COMMIT, by="certificate"),
        claim("v1.0.0", "tag", "certificate"),
    )

    short = f"{images.COMMIT[:12]}…"
    assert shown == [["certificate", "signer"], ["commit", short, short], ["tag", "v1.0.0"]]


def test_what_does_not_count_stands_in_brackets_unless_somebody_else_makes_it_count() -> None:
    alone = table(claim("v1.0.0", "tag", counts=False))
    both = (claim("v1.0.0", "tag", counts=False), claim("v1.0.0", "tag"))

    assert alone[1] == ["tag", "(v1.0.0)"]
    assert alone[2:] == [["(In", "brackets:", "it", "proves", "nothing", "by", "itself.)"]]
    assert table(*both)[1:] == table(*reversed(both))[1:] == [["tag", "v1.0.0"]]


def test_values_that_contradict_each_other_stand_below_each_other() -> None:
    shown = table(claim("v1.0.0", "tag"), claim("v2.0.0", "tag"), claim("v2.0.0", "tag"))

    assert shown == [["signer"], ["tag", "v1.0.0"], ["v2.0.0"]]


def test_platforms_are_named_only_where_they_differ() -> None:
    both = (AMD64, ARM64)
    same = [claim(images.REPOSITORY, "repository", platform=name) for name in both]
    other = [claim(images.COMMIT), claim(images.OTHER_COMMIT, platform=ARM64)]

    shown = table(*same, *other, platforms=both)

    assert [line[:2] for line in shown[1:]] == [["repository", images.REPOSITORY], ["commit", AMD64], ["commit", ARM64]]


def test_what_is_said_of_one_platform_is_not_said_of_all() -> None:
    report = judged.report(
        Check("image.digest", Status.PASSED, "fine"), claims=(claim(images.COMMIT),), platforms=(AMD64, ARM64)
    )

    assert [row.platform for row in claim_rows(report)] == [AMD64]


def test_a_dirty_commit_stays_dirty_when_it_is_shortened() -> None:
    assert table(claim(f"{images.COMMIT}-dirty"))[1] == ["commit", f"{images.COMMIT[:12]}…-dirty"]
