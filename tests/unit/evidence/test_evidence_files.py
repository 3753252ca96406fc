from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from attest.errors import AttestError, MalformedStatement, UsageError
from attest.evidence.collect import fetch, with_files
from attest.evidence.files import read_evidence
from attest.trust.signing.statements import sign_image
from tests import images


def statement(digest: str = "0" * 64, *, indent: int | None = None) -> bytes:
    subject = [{"name": "x", "digest": {"sha256": digest}}]
    document = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject,
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {},
    }
    return json.dumps(document, indent=indent).encode()


def dsse(content: bytes) -> bytes:
    encoded = base64.b64encode(content).decode()
    document = {"payloadType": "application/vnd.in-toto+json", "payload": encoded, "signatures": [{"sig": "c2ln"}]}
    return json.dumps(document).encode()


def write(folder: Path, content: bytes) -> Path:
    path = folder / "evidence.json"
    path.write_bytes(content)
    return path


def test_a_file_of_lines_holds_bundles_envelopes_and_statements_side_by_side(tmp_path: Path) -> None:
    pushed = images.push({"linux/amd64": None})
    bundle = sign_image(pushed.digest, images.new_key()).content
    path = write(tmp_path, b"\n".join([bundle, b"", dsse(statement()), statement()]) + b"\n")

    found = read_evidence(path)

    assert [one.bundle and one.bundle.format for one in found] == ["bundle-v0.3", "dsse", None]
    assert [place.found for one in found for place in one.places] == ["file", "file", "file"]


@pytest.mark.parametrize("content", [statement(indent=2), statement(), dsse(statement()) + b"\r\n"])
def test_a_file_of_one_document_may_have_many_lines(tmp_path: Path, content: bytes) -> None:
    assert len(read_evidence(write(tmp_path, content))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds nothing"),
        (b"\n\n", "holds nothing"),
        (b"hello", "not valid JSON"),
        (b"[]", "expected a JSON object"),
        (b"{}", "not an in-toto statement"),
        (statement() + b"\n{}", "line 2: not an in-toto statement"),
        (b'{"mediaType": "text/plain"}', "not a Sigstore bundle"),
        (b'{"payloadType": "text/plain", "payload": ""}', "holds no in-toto statement"),
        (b'{"a": 1, "a": 2}', "occurs twice"),
    ],
)
def test_what_is_no_evidence_says_so_and_where(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(MalformedStatement, match=said) as error:
        read_evidence(write(tmp_path, content))
    assert "evidence.json" in str(error.value)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_evidence(tmp_path / "missing.json")


def test_more_lines_than_are_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AttestError, match="101 lines"):
        read_evidence(write(tmp_path, (statement() + b"\n") * 101))


def test_the_same_statement_in_the_image_and_in_a_file_is_one_in_two_places(tmp_path: Path) -> None:
    image, evidence = fetch(images.push({"linux/amd64": images.local_build()}).store)
    (embedded,) = evidence.attestations

    (both,) = with_files(image, evidence, read_evidence(write(tmp_path, embedded.statement.raw))).attestations

    assert [place.found for place in both.places] == ["embedded", "file"]


def test_a_file_about_another_image_is_a_problem(tmp_path: Path) -> None:
    image, evidence = fetch(images.push({"linux/amd64": None}).store)
    problems = with_files(image, evidence, read_evidence(write(tmp_path, statement("1" * 64)))).problems

    assert [problem.id for problem in problems] == ["subject-elsewhere"]
