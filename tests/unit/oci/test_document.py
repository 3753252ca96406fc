from __future__ import annotations

import pytest

from attest.errors import Unreadable
from attest.oci import limits
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
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON nested too deeply"),
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


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def test_nesting_ends_at_a_fixed_depth_whoever_calls() -> None:
    def from_far_below(frames: int) -> object:
        return from_far_below(frames - 1) if frames else parse_object(nested(limits.NESTING), "here")

    assert from_far_below(400)
    with pytest.raises(Unreadable, match="here: JSON nested too deeply"):
        parse_object(nested(limits.NESTING + 1), "here")
    with pytest.raises(Unreadable, match="here: JSON nested too deeply"):
        parse_object(b'{"a":' + b"[" * limits.NESTING + b"]" * limits.NESTING + b"}", "here")


def test_a_document_of_next_to_nothing_but_values_is_refused_before_it_is_parsed() -> None:
    """It is no JSON to its end, so that who parses it says something else."""
    dense = b'{"a":[' + b"0," * limits.DENSE_VALUES
    with pytest.raises(Unreadable, match=f"of 250005 values in {len(dense)} bytes, more than the 250000"):
        parse_object(dense, "here")


def test_a_document_of_as_many_values_and_more_beside_them_is_read() -> None:
    item = b'"%s",' % (b"x" * limits.BYTES_A_VALUE)
    content = b'{"a":[' + item * limits.DENSE_VALUES + b'""]}'
    assert len(children(parse_object(content.replace(b'"xxxx"', b'{"n":"xxxxxxxxxxxxxx"}'), "here"), "a")) == 250_000


def test_too_many_values_are_refused_however_much_stands_beside_them() -> None:
    with pytest.raises(Unreadable, match="more than the 2500000 that are read"):
        parse_object(b'{"a":[' + b"0000," * limits.VALUES, "here")


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
