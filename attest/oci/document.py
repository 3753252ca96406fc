"""JSON as it comes from strangers: parsed strictly, then read field by field.

Duplicate keys, NaN, absurd nesting and anything that is not an object are refused. null, empty and missing are the
same everywhere (SLSA v1.2, "Parsing rules"), so the readers below answer with the empty value for all three.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Never

from attest.errors import Unreadable
from attest.oci import limits

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


def parse_object(content: bytes, where: str) -> JsonObject:
    """Parse a JSON object of at most limits.VALUES values. Raises Unreadable, naming `where`."""
    # Parsed JSON takes up to thirty times the room of its text, so this is asked of the text.
    if sum(map(content.count, (b",", b":", b"[", b"{"))) > limits.VALUES:
        raise Unreadable(f"{where}: more than the {limits.VALUES} values that are read of one JSON document")
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse)
    except RecursionError:
        raise Unreadable(f"{where}: JSON nested too deeply") from None
    except ValueError as error:  # covers JSONDecodeError, UnicodeDecodeError, over-long integers
        raise Unreadable(f"{where}: not valid JSON", _brief(error)) from None
    if not isinstance(value, dict):
        raise Unreadable(f"{where}: expected a JSON object, found {_kind(value)}")
    return value


def text(document: JsonObject, key: str) -> str:
    """The string under `key`, or "" where it is missing, null or no string."""
    value = document.get(key)
    return value if isinstance(value, str) else ""


def integer(document: JsonObject, key: str) -> int | None:
    """The integer under `key`, or None."""
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def child(document: JsonObject, *keys: str) -> JsonObject:
    """The object at this path of keys, or {} where it is missing, null or no object."""
    value: Json = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def children(document: JsonObject, key: str) -> tuple[JsonObject, ...]:
    """The objects in the list under `key`; null entries and entries that are no objects are left out."""
    value = document.get(key)
    return tuple(item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def strings(document: JsonObject, key: str) -> Mapping[str, str]:
    """The string-valued entries of the object under `key`."""
    return {name: value for name, value in child(document, key).items() if isinstance(value, str)}


def encode(document: JsonObject) -> bytes:
    """Compact UTF-8 JSON in the order given. Raises ValueError for a number that JSON does not have.

    A lone surrogate, as it comes from a variable that is not UTF-8, is written as the escape that JSON has for it.
    """
    written = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return written.encode("utf-8", "backslashreplace")


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key[:80]!r} occurs twice in one object")
        result[key] = value
    return result


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON")


def _brief(error: ValueError) -> str:
    return str(error)[:200]


def _kind(value: object) -> str:
    return {list: "a list", str: "a string", bool: "a boolean", type(None): "null"}.get(type(value), "a number")
