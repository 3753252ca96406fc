"""Run attest on recordings, in this process, and read what it prints; all JSON is held against its schema."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import jsonschema_rs

from attest.cli.main import main
from tests.recordings.expected import Answer

ASSETS: Final = Path(__file__).parents[1] / "assets" / "buildkit"
SCHEMAS: Final = Path(__file__).parents[2] / "schemas"

Printed = dict[str, Any]


class Run(NamedTuple):
    exit: int
    out: str
    err: str


def attest(*arguments: str | Path) -> Run:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        exit_code = main([str(argument) for argument in arguments])
    return Run(exit_code, out.getvalue(), err.getvalue())


def layout(name: str) -> Path:
    return ASSETS / name / "layout"


def copy_of(name: str, folder: Path) -> Path:
    """A recording that may be written to."""
    return Path(shutil.copytree(layout(name), folder / name))


def digest_of(folder: Path) -> str:
    """What the layout's own list says of its only image."""
    entry = json.loads((folder / "index.json").read_text())["manifests"][0]
    return str(entry["digest"])


def inspect(folder: Path) -> Printed:
    run = attest("inspect", "--format", "json", f"oci-layout:{folder}")
    assert (run.exit, run.err) == (0, "")
    shown: Printed = json.loads(run.out)
    _schema("inspect.v1").validate(shown)
    return shown


def verify(folder: Path, *arguments: str | Path) -> Printed:
    """The report of the image in a layout; what it says of the exit code is true."""
    run = attest("verify", "--format", "json", f"oci-layout:{folder}", *arguments)
    report: Printed = json.loads(run.out)
    _schema("report.v1").validate(report)
    assert report["exit"] == run.exit
    return report


def answer(report: Printed) -> Answer:
    return Answer(report["exit"], frozenset(check["reason"] for check in report["checks"] if "reason" in check))


def sign(folder: Path, key: Path, *arguments: str) -> Run:
    return attest("sign", f"oci-layout:{folder}@{digest_of(folder)}", "--key", key, *arguments)


@cache
def _schema(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads((SCHEMAS / f"{name}.schema.json").read_text()))
