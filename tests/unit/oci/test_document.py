from __future__ import annotations

import pytest

from attest.errors import Unreadable
from attest.oci.document import child, children, encode, integer, parse_object, strings, text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not valid JSON"),
        (b"<html>", "not valid JSON"),
        (b'{"a": 1} {"b": 2}', "not valid JSON"),
        (b'{"a": 1, "a": 2}', "not valid JSON"),
        (b'{"a": {"b": 1, "b": 1}}', "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": -Infinity}', "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", "JSON nested too deeply"),
        (b"[]", "expected a JSON object, found a list"),
        (b"null", "expected a JSON object, found null"),
        (b'"text"', "expected a JSON object, found a string"),
        (b"true", "expected a JSON object, found a boolean"),
        (b"1", "expected a JSON object, found a number"),
    ],
)
def test_what_is_no_plain_json_object_is_unreadable(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=f"index.json: {why}"):
        parse_object(content, "index.json")


def test_a_repeated_key_is_named_in_the_error() -> None:
    with pytest.raises(Unreadable, match="'digest' occurs twice"):
        parse_object(b'{"digest": 1, "digest": 2}', "here")


def test_missing_null_and_the_wrong_kind_read_alike() -> None:
    for document in ({}, {"a": None}, {"a": 1.5}):
        assert text(document, "a") == ""
        assert integer(document, "a") is None
        assert child(document, "a") == {}
        assert children(document, "a") == ()
        assert strings(document, "a") == {}


def test_a_boolean_is_no_integer() -> None:
    assert integer({"size": True}, "size") is None
    assert integer({"size": 5}, "size") == 5


def test_readers_pass_over_entries_of_the_wrong_kind() -> None:
    assert children({"a": [{"b": 1}, None, 3, "x", {"c": 2}]}, "a") == ({"b": 1}, {"c": 2})
    assert strings({"a": {"b": "x", "c": 1, "d": None}}, "a") == {"b": "x"}
    assert child({"a": {"b": {"c": 1}}}, "a", "b") == {"c": 1}
    assert child({"a": "text"}, "a", "b") == {}


def test_encoding_keeps_the_order_and_reads_back() -> None:
    content = encode({"b": [1, {"ü": None}], "a": "x"})
    assert content == '{"b":[1,{"ü":null}],"a":"x"}'.encode()
    assert parse_object(content, "") == {"b": [1, {"ü": None}], "a": "x"}
