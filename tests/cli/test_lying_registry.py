"""What attest answers to a registry that lies, with the command line that people use: docs/hostile-registries.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_httpserver import HTTPServer

from tests import images
from tests.cli import lying
from tests.cli.running import attest, minimal
from tests.unit.oci.http.registries import NAME

PAGE: Final = Path(__file__).parents[2] / "docs" / "hostile-registries.md"


class Row(NamedTuple):
    """One line of the page's table."""

    case: str
    exit: int
    reason: str
    said: str


def rows() -> list[Row]:
    found = re.findall(r"^\| `([\w-]+)` \|[^|]*\| (\d) \| `([\w-]+)` \| “([^”]*)” \|$", PAGE.read_text(), re.MULTILINE)
    return [Row(case, int(code), reason, said) for case, code, reason, said in found]


@pytest.fixture(scope="module")
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", threaded=True) as running:
        yield running


@pytest.fixture(scope="module")
def truth(server: HTTPServer, tmp_path_factory: pytest.TempPathFactory) -> lying.Truth:
    pushed = images.push({"linux/amd64": images.local_build()})
    key = images.new_key()
    images.sign_index(pushed, key)
    pem = key.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path_factory.getbasetemp() / "lying.pub").write_bytes(pem)
    return lying.tell_truth(server, pushed)


@pytest.fixture
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "lying.pub"


def verified(reference: str, key: Path, home: Path) -> tuple[int, dict[str, Any], str]:
    done = attest("verify", reference, "--key", key, "--signature-only", "--format", "json", env=minimal(home))
    report: dict[str, Any] = json.loads(done.out)
    return done.code, report, done.err


def reference(truth: lying.Truth, case: str) -> str:
    name = f"127.0.0.1:{truth.port}/{NAME}"
    return f"{name}:1.0.0" if case in lying.DOCUMENTS else f"{name}@{truth.pushed.digest}"


def test_the_honest_registry_passes(truth: lying.Truth, key: Path, tmp_path: Path) -> None:
    truth.registry.before = lambda _: None
    code, report, _ = verified(reference(truth, ""), key, tmp_path)
    assert (code, report["verdict"]) == (0, "passed")


def test_the_page_and_the_lies_are_the_same() -> None:
    assert sorted(row.case for row in rows()) == sorted(lying.CASES)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.case)
def test_each_lie_ends_as_the_page_says(row: Row, truth: lying.Truth, key: Path, tmp_path: Path) -> None:
    truth.registry.before = lying.lie(row.case, truth)
    code, report, said = verified(reference(truth, row.case), key, tmp_path)

    trouble = [check for check in report["checks"] if check["status"] != "passed" and check["required"]]
    assert code == row.exit, (report, said)
    assert row.reason in {check["reason"] for check in trouble}
    assert row.said in said.replace(f"127.0.0.1:{truth.port}", "HOST")


@pytest.mark.parametrize("case", sorted(lying.CASES))
def test_inspect_says_it_as_well(case: str, truth: lying.Truth, tmp_path: Path) -> None:
    """A picture with a hole says so; where there is no picture there is nothing on standard output."""
    truth.registry.before = lying.lie(case, truth)
    done = attest("inspect", "--format", "json", reference(truth, case), env=minimal(tmp_path))
    if done.code:
        assert (done.out, done.code in (1, 3, 4)) == ("", True)
        assert done.err.startswith("attest: ")
    else:
        assert json.loads(done.out)["problems"]
