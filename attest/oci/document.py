"""JSON as it comes from strangers: parsed strictly, then read field by field.

Duplicate keys, NaN, absurd nesting and anything that is not an object are refused. null, empty and missing are the
same everywhere (SLSA v1.2, "Parsing rules"), so the readers below answer with the empty value for all three.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Never

from attest.errors import TooLarge, Unreadable
from attest.oci import limits

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


def parse_object(content: bytes, where: str) -> JsonObject:
    """Parse a JSON object within limits.VALUES and limits.NESTING. Raises Unreadable, TooLarge."""
    _refuse_bombs(content, where)
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse)
    except RecursionError:
        raise TooLarge(f"{where}: JSON nested too deeply") from None
    except ValueError as error:  # covers JSONDecodeError, UnicodeDecodeError, over-long integers
        raise Unreadable(f"{where}: not valid JSON", _brief(error)) from None
    if not isinstance(value, dict):
        raise Unreadable(f"{where}: expected a JSON object, found {_kind(value)}")
    _refuse_nesting(value, where)
    return value


def _refuse_bombs(content: bytes, where: str) -> None:
    """Parsed JSON takes up to fifty times the room of its text (`[[[…`), so this is asked of the text.

    What opens a list or an object counts twice, as that costs about twice as much.
    """
    values = sum(map(content.count, (b",", b":", b"[", b"{", b"[", b"{")))
    is_dense = values * limits.BYTES_A_VALUE > len(content)
    most = limits.DENSE_VALUES if is_dense else limits.VALUES
    if values > most:
        raise TooLarge(f"{where}: JSON of {values} values in {len(content)} bytes, more than the {most} that are read")


def _refuse_nesting(value: Json, where: str) -> None:
    """At a fixed depth: where Python itself gives up depends on its version and on who called."""
    level: list[Json] = [value]
    for _ in range(limits.NESTING):
        level = [item for outer in level for item in _inside(outer) if isinstance(item, (dict, list))]
        if not level:
            return
    raise TooLarge(f"{where}: JSON nested too deeply", f"More than {limits.NESTING} levels.")


def _inside(value: Json) -> Iterable[Json]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


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
