from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attest.errors import MalformedStatement
from attest.evidence.statement import STATEMENT_V1, member_text, parse_statement
from attest.reference import Digest

SUBJECT = [{"name": "app", "digest": {"sha256": "a" * 64}}]


def statement(**changes: object) -> bytes:
    return json.dumps(
        {"_type": STATEMENT_V1, "subject": SUBJECT, "predicateType": "t", "predicate": {}, **changes}
    ).encode()


def test_a_statement_names_its_subjects_by_sha256() -> None:
    parsed = parse_statement(statement(subject=[*SUBJECT, {"name": "b", "digest": {"sha1": "b" * 40}}]), "here")
    assert parsed.subject_digests == (Digest("sha256", "a" * 64),)


@pytest.mark.parametrize("nothing", [None, [], [None], [{"name": "x"}], [{"digest": {"sha256": "short"}}], {}, "text"])
def test_a_subject_that_names_nothing_is_no_subject(nothing: object) -> None:
    assert parse_statement(statement(subject=nothing), "here").subject_digests == ()


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", statement(_type="https://in-toto.io/Statement/v9"), statement(predicateType=""), b"\xff"]
)
def test_what_is_no_statement_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedStatement, match=r"^here: "):
        parse_statement(raw, "here")


def test_the_predicate_is_given_back_as_the_text_it_was() -> None:
    text = '{ "n": 5.0,\t"big": 12345678901234567890123, "s": "}\\"{", "\\u0061":[ ] }'
    raw = f'\n{{"_type" :"{STATEMENT_V1}","predicateType":"t", "predicate": {text} , "subject":[]}}'.encode()
    assert parse_statement(raw, "here").predicate_text == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), JSON, min_size=1), st.sampled_from([None, 1, 4]), st.booleans())
def test_every_member_of_any_object_is_found_as_written(
    document: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        raw.decode()
    except UnicodeDecodeError:
        return
    for name, value in document.items():
        assert json.loads(member_text(raw, name)) == value
