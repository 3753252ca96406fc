"""The schema and the reader are the same language: what the one takes the other takes, key by key."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest

from attest.errors import UsageError
from attest.policy.language.reading import read_policy
from tests.unit.policy.language.policies import (
    EXAMPLES,
    HEAD,
    RIGHT,
    ROOT,
    STRICT,
    WRONG,
    WRONG_IN_SUBSTANCE,
    as_json,
    as_toml,
    in_one_line,
    key_paths,
)

SCHEMA: Final = json.loads((ROOT / "schemas" / "policy.v1.schema.json").read_text())
VALIDATOR: Final = jsonschema_rs.validator_for(SCHEMA)
STRANGER: Final = "zzzzzzzz"  # like no key


def tables(
    schema: dict[str, Any], path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], list[str]]]:
    """Every table of the schema, by where it stands in a policy that has everything, with its keys."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "properties" in schema:
        yield path, sorted(schema["properties"])
        for key, value in schema["properties"].items():
            yield from tables(value, (*path, key))
    elif schema.get("type") == "array":
        yield from tables(schema["items"], (*path, 0))


TABLES: Final = dict(tables(SCHEMA))


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_the_schema_takes_what_the_reader_takes(text: str) -> None:
    VALIDATOR.validate(as_json(HEAD + text))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_schema_takes_every_example(path: Path) -> None:
    VALIDATOR.validate(as_json(path.read_text()))


@pytest.mark.parametrize("text", [text for text, *_ in WRONG.values()], ids=WRONG)
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    assert not VALIDATOR.is_valid(as_json(HEAD + text))


@pytest.mark.parametrize("text", [text for text, *_ in WRONG_IN_SUBSTANCE.values()], ids=WRONG_IN_SUBSTANCE)
def test_what_a_schema_cannot_say_it_lets_the_reader_say(text: str) -> None:
    VALIDATOR.validate(as_json(HEAD + text))


@pytest.mark.parametrize(("path", "keys"), TABLES.items(), ids=lambda value: ".".join(map(str, value)))
def test_the_reader_knows_the_keys_of_the_schema_and_no_other(
    path: tuple[str | int, ...], keys: list[str], tmp_path: Path
) -> None:
    """It names what it knows to whoever gives it a key that it does not know."""
    document = in_one_line(tomllib.loads(STRICT.read_text()))
    table = document
    for part in path:
        table = table[part]  # type: ignore[index]
    table[STRANGER] = 1
    file = tmp_path / "policy.toml"
    file.write_text(as_toml(document))

    with pytest.raises(UsageError) as caught:
        read_policy(str(file))

    said = re.search(rf"{STRANGER}: unknown key; known are (.*)", caught.value.detail)
    assert said is not None
    assert sorted(said[1].split(", ")) == keys


def test_the_strict_example_has_every_key() -> None:
    document = tomllib.loads(STRICT.read_text())
    had = {re.sub(r"\.0(?=\.|$)", "[]", ".".join(map(str, path))) for path in key_paths(document)}
    names = {
        re.sub(r"\.0(?=\.|$)", "[]", ".".join(map(str, (*path, key)))) for path, keys in TABLES.items() for key in keys
    }

    assert names <= had
    assert {name.removeprefix("parameters.allowed.") for name in had - names} == set(document["parameters"]["allowed"])


def test_the_tables_of_the_schema_are_found() -> None:
    assert len(TABLES) == 13
