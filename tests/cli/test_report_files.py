"""attest verify --format and --report, as people and pipelines type them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from attest.cli.reports.forms import FORMS
from tests.cli.answers import Answers
from tests.cli.layouts import SOURCE
from tests.cli.running import Done, attest, minimal

PAGE: Final = Path(__file__).parents[2] / "docs" / "reports.md"
GOOD: Final = "oci-layout:signed:v1.0.0"
TRUST: Final = ("--key", "attest.pub")
EVERY: Final = {"text": "a.txt", "json": "a.json", "jsonl": "a.jsonl", "junit": "a.xml", "sarif": "a.sarif"} | {
    "markdown": "a.md"
}


def verify(ground: Path, *words: str | Path, source: tuple[str, ...] = SOURCE) -> Done:
    return attest("verify", *words, *TRUST, *source, env=minimal(ground), cwd=ground)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def asked_for(folder: Path) -> list[str]:
    return [word for form, name in EVERY.items() for word in ("--report", f"{form}={folder / name}")]


def without_times(text: str) -> str:
    """Two runs have two times."""
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "TIME", text)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_holds_what_standard_output_would(ground: Path, tmp_path: Path, form: str) -> None:
    assert EVERY.keys() == FORMS.keys()
    printed = verify(ground, GOOD, "--format", form)

    written = verify(ground, GOOD, "--report", f"{form}={tmp_path / 'report'}")

    assert (printed.code, written.code) == (0, 0)
    assert without_times((tmp_path / "report").read_text()) == without_times(printed.out)
    assert written.out.startswith("PASSED ")
    assert files_in(tmp_path) == ["report"]


@pytest.mark.parametrize(
    ("image", "source", "code", "word"),
    [
        (GOOD, SOURCE, 0, "passed"),
        (GOOD, ("--source-tag", "v2"), 1, "failed"),
        ("oci-layout:bare:v1.0.0", SOURCE, 3, "no-provenance"),
        ("oci-layout:nowhere:v1.0.0", SOURCE, 3, "absent"),
    ],
)
def test_all_files_are_written_whatever_the_verdict(
    ground: Path, tmp_path: Path, image: str, source: tuple[str, ...], code: int, word: str
) -> None:
    done = verify(ground, image, *asked_for(tmp_path), source=source)

    assert done.code == code
    assert files_in(tmp_path) == sorted(EVERY.values())
    assert word in (tmp_path / "a.json").read_text()
    assert "\x1b" not in (tmp_path / "a.txt").read_text()


@pytest.mark.parametrize("repository", ["breaks", "wants-password"])
def test_an_image_that_could_not_be_looked_at_hides_no_other(
    ground: Path, tmp_path: Path, answers: Answers, repository: str
) -> None:
    bad = f"{answers.host}/{repository}/app:1"

    done = verify(ground, bad, GOOD, "--format", "json", "--report", f"jsonl={tmp_path / 'a.jsonl'}")

    said = json.loads(done.out)
    assert [report["verdict"] for report in said] == ["unknown", "passed"]
    assert [json.loads(line)["verdict"] for line in (tmp_path / "a.jsonl").read_text().splitlines()] == [
        "unknown",
        "passed",
    ]
    assert done.code == said[0]["exit"]
    summary = done.err.splitlines()[-3:]
    assert summary[0] == "attest: 2 images: 1 passed, 1 unknown"
    assert summary[1].startswith(f"attest: unknown  {bad}  image.digest: ")
    assert summary[2] == f"attest: passed   {GOOD}"


def test_one_image_needs_no_summary(ground: Path) -> None:
    assert verify(ground, GOOD, "--format", "json").err == ""


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["html=a"], "'html=a' is not FORM=FILE with one of the forms text, json, jsonl, junit, sarif, markdown."),
        (["junit"], "'junit' is not FORM=FILE"),
        (["junit="], "'junit=' is not FORM=FILE"),
        (["=a"], "'=a' is not FORM=FILE"),
        (["json=HERE/a", "junit=HERE/a"], "is named twice"),
        (["json=HERE/a", "json=HERE/../HERE_NAME/a"], "is named twice"),
    ],
)
def test_a_usage_error_writes_nothing(ground: Path, tmp_path: Path, values: list[str], said: str) -> None:
    named = [value.replace("HERE_NAME", tmp_path.name).replace("HERE", str(tmp_path)) for value in values]
    words = [word for value in named for word in ("--report", value)]

    done = verify(ground, GOOD, "--report", f"text={tmp_path / 'good'}", *words)

    assert (done.code, done.out) == (2, "")
    assert "Invalid value for '--report'" in done.err
    assert said in done.err
    assert files_in(tmp_path) == []


def test_a_bad_reference_writes_nothing(ground: Path, tmp_path: Path) -> None:
    done = verify(ground, "UPPER CASE", *asked_for(tmp_path))

    assert (done.code, files_in(tmp_path)) == (2, [])


@pytest.mark.parametrize("place", ["nowhere/a.xml", ".", os.devnull])
def test_a_file_that_cannot_be_written_is_found_before_anything_is_asked(
    ground: Path, tmp_path: Path, answers: Answers, place: str
) -> None:
    answers.asked.clear()
    words = ("--report", f"json={tmp_path / 'good'}", "--report", f"junit={tmp_path / place}")

    done = verify(ground, f"{answers.host}/silent/app:1", *words)

    assert (done.code, done.out) == (3, "")
    assert f"{tmp_path / place}: cannot write" in done.err
    assert not answers.asked.is_set()
    assert files_in(tmp_path) == []


def test_a_file_that_cannot_be_written_after_all_hides_neither_the_others_nor_the_verdict(
    ground: Path, tmp_path: Path
) -> None:
    name = "n" * 250  # the temporary name beside it is too long for any file system
    words = ("--report", f"junit={tmp_path / name}", "--report", f"json={tmp_path / 'good'}")

    passed = verify(ground, GOOD, *words)
    failed = verify(ground, GOOD, *words, source=("--source-tag", "v2"))

    assert (passed.code, failed.code) == (3, 1)
    assert passed.out.startswith("PASSED ")
    assert f"{tmp_path / name}: cannot write: File name too long" in passed.err
    assert files_in(tmp_path) == ["good"]


def test_what_was_there_before_is_replaced(ground: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("old" * 10_000)

    done = verify(ground, GOOD, "--report", f"json={tmp_path / 'a.json'}")

    assert done.code == 0
    assert json.loads((tmp_path / "a.json").read_text())["verdict"] == "passed"


def test_the_pipeline_in_the_documentation_is_valid_for_gitlab(tmp_path: Path) -> None:
    job = PAGE.read_text().partition("## GitLab")[2].partition("```yaml\n")[2].partition("```")[0]
    assert "junit: attest.xml" in job
    (tmp_path / "pipeline.yml").write_text(job)
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")

    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, tmp_path / "pipeline.yml"], capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
