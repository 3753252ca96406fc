"""The published schemas and the code agree, both ways: what the code says is allowed, and what is allowed is said.

Ids and reasons are read from the source text, so that one which no test provokes is found as well.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, get_args, get_type_hints

import jsonschema_rs
import pytest

from attest.errors import NotWritable, StoreError, Unauthorised, Unreachable
from attest.evidence.attestation import Found
from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.evidence.provenance import Writer
from attest.oci.image import Problem
from attest.policy import levels, summaries
from attest.policy.checks import asking, materials
from attest.policy.checks import build as build_checks
from attest.policy.checks import image as image_checks
from attest.policy.checks import sbom as sbom_checks
from attest.policy.checks import signer as signer_checks
from attest.policy.checks import source as source_checks
from attest.policy.expectations import Expectations
from attest.policy.report import Check, Claim, Report, Status, Trusted
from attest.reference import Digest
from attest.trust.keys import SigningKey
from attest.trust.signatures import RefusalReason, Trust
from attest.verification import verify_reference
from tests import images

ROOT: Final = Path(__file__).parents[1]
SCHEMAS: Final = {path.name.removesuffix(".schema.json"): path for path in (ROOT / "schemas").glob("*.schema.json")}
AMD64: Final = "linux/amd64"

# What a store may answer when it is read; it can refuse to be written to, but nothing writes while it looks.
STORE_REASONS: Final = {error.reason for error in StoreError.__subclasses__() if error is not NotWritable}


def schema(name: str) -> Any:
    return json.loads(SCHEMAS[name].read_text())


def validator(name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(schema(name))


# --- The schemas themselves -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_valid_and_says_where_it_lives(name: str) -> None:
    document = schema(name)

    jsonschema_rs.meta.validate(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"https://oci-attest.github.io/schemas/{name}.schema.json"
    assert document["properties"]["schema"] == {"const": name}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_nothing_unknown_is_allowed_anywhere(name: str) -> None:
    """An object with properties is closed: a word that is misspelt is seen, and so is one that is not documented."""
    open_objects = [
        where
        for where, part in parts(schema(name), name)
        if "properties" in part and part.get("type") == "object" and part.get("additionalProperties") is not False
    ]

    assert not open_objects


def parts(document: object, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(document, dict):
        yield where, document
        for key, value in document.items():
            yield from parts(value, f"{where}.{key}")
    elif isinstance(document, list):
        for value in document:
            yield from parts(value, where)


# --- Words, from source text ------------------------------------------------------------------------------------------


Functions = dict[str, Callable[..., object]]


@dataclass(frozen=True)
class Words:
    """Literal words, and patterns of those that are put together."""

    literal: frozenset[str]
    patterns: frozenset[str] = frozenset()

    def __or__(self, other: Words) -> Words:
        return Words(self.literal | other.literal, self.patterns | other.patterns)

    def agree_with(self, allowed: set[str]) -> bool:
        """The same words, and for each pattern at least one."""
        used = all(any(re.fullmatch(pattern, word) for word in allowed) for pattern in self.patterns)
        return used and self.literal == allowed


def words_of(expression: ast.expr | None) -> Words:
    """The words that an expression may be; none for a variable."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return Words(frozenset({expression.value} - {""}))
    if isinstance(expression, ast.IfExp):
        return words_of(expression.body) | words_of(expression.orelse)
    if isinstance(expression, ast.JoinedStr):
        spelt = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in expression.values]
        return Words(frozenset(), frozenset({"".join(spelt)}))
    return Words(frozenset())


def words_given(source: str, functions: Functions, *parameters: str) -> Words:
    """What calls of these functions, and variables of the same name, give for a parameter."""
    found = Words(frozenset())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in parameters:
            found |= words_of(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in functions:
            names = inspect.signature(functions[node.func.id]).parameters
            given = [*zip(names, node.args, strict=False), *((word.arg, word.value) for word in node.keywords)]
            for name, expression in given:
                found |= words_of(expression) if name in parameters else Words(frozenset())
    return found


MODULES: Final = (
    *(image_checks, signer_checks, source_checks, build_checks, materials),
    *(asking, sbom_checks, levels, summaries),
)


def in_checks(*parameters: str) -> Words:
    found = Words(frozenset())
    for module in (
        image_checks,
        signer_checks,
        source_checks,
        build_checks,
        materials,
        asking,
        sbom_checks,
        levels,
        summaries,
    ):
        found |= words_given(inspect.getsource(module), functions_in(module), *parameters)
    return found


def functions_in(module: ModuleType) -> Functions:
    """The functions and classes of such modules: what they are given as reason becomes a check's."""
    ours = {each.__name__ for each in MODULES}
    own = {name: each for name, each in vars(module).items() if getattr(each, "__module__", "") in ours}
    return {"Check": Check, **{name: each for name, each in own.items() if callable(each)}}


def check_enum(name: str) -> set[str]:
    return set(schema("report.v1")["$defs"]["check"]["properties"][name]["enum"])


def test_the_ids_of_checks_are_those_of_the_code() -> None:
    assert in_checks("id", "check_id").agree_with(check_enum("id"))


def test_the_reasons_of_checks_are_those_of_the_code() -> None:
    said = in_checks("reason") | Words(frozenset(STORE_REASONS | set(get_args(RefusalReason))))

    assert said.agree_with(check_enum("reason"))


def test_the_problems_are_those_of_the_code() -> None:
    allowed = {each["const"] for each in schema("inspect.v1")["$defs"]["problem"]["properties"]["id"]["oneOf"]}
    found = Words(frozenset(f"unread-{reason}" for reason in STORE_REASONS))
    for path in (ROOT / "attest").rglob("*.py"):
        found |= words_given(path.read_text(), {"Problem": Problem}, "id")

    assert found.agree_with(allowed)


@pytest.mark.parametrize(
    ("source", "allowed", "agree"),
    [
        ("Check('a', PASSED, '')", {"a"}, True),
        ("Check(id='a' if x else 'b')", {"a", "b"}, True),
        ("Check('a.b'); Check(f'a.{x}')", {"a.b"}, True),
        ("id = 'a'\nCheck(id)", {"a"}, True),
        ("Check('b')", {"a"}, False),
        ("Check('a')", {"a", "b"}, False),
        ("Check('b.c'); Check(f'a.{x}')", {"b.c"}, False),
    ],
)
def test_a_word_that_only_one_side_knows_is_seen(source: str, allowed: set[str], agree: bool) -> None:
    assert words_given(source, {"Check": Check}, "id").agree_with(allowed) is agree


def test_the_other_words_are_those_of_the_code() -> None:
    report, shown = schema("report.v1"), schema("inspect.v1")
    claim, trusted = get_type_hints(Claim), get_type_hints(Trusted)
    claimed = report["$defs"]["claim"]["properties"]

    assert report["properties"]["verdict"]["enum"] == [str(status) for status in Status]
    assert check_enum("status") == {str(status) for status in Status}
    assert set(claimed["fact"]["enum"]) == {f"source.{fact}" for fact in get_args(claim["fact"])}
    assert set(claimed["vouchedBy"]["enum"]) == check_enum("vouchedBy") == set(get_args(claim["vouched_by"]))
    assert set(report["properties"]["trust"]["items"]["properties"]["kind"]["enum"]) == set(get_args(trusted["kind"]))
    assert set(shown["$defs"]["fact"]["properties"]["vouchedBy"]["enum"]) == set(get_args(Writer))
    assert set(shown["$defs"]["place"]["properties"]["found"]["enum"]) >= set(get_args(Found))


# --- Documents --------------------------------------------------------------------------------------------------------


def signed(key: SigningKey) -> images.Pushed:
    pushed = images.push({AMD64: images.local_build()})
    images.sign_index(pushed, key)
    images.sign_provenance(pushed, AMD64, images.local_build(), key)
    return pushed


def asked(pushed: images.Pushed, key: SigningKey | None, expected: Expectations) -> Report:
    return verify_reference(pushed.store, Trust((key.public,) if key else ()), expected)


@cache
def reports() -> dict[str, Report]:
    """One for each exit code, and some more ways of not knowing."""
    key = images.new_key()
    refusing, changed, lost = signed(key), signed(key), signed(key)
    refusing.store.errors[refusing.digest] = Unauthorised("registry.test/acme/app: refused", "HTTP 401", "Log in.")
    changed.store.change(changed.digest)
    lost.store.errors[lost.platforms[AMD64].digest] = Unreachable("registry.test: no answer")
    commit = Expectations(commit=images.COMMIT)
    return {
        "0 passed": asked(signed(key), key, Expectations(images.REPOSITORY, images.COMMIT)),
        "1 other commit": asked(signed(key), key, Expectations(commit=images.OTHER_COMMIT)),
        "1 other key": asked(signed(key), images.new_key(), commit),
        "1 changed": asked(changed, key, commit),
        "3 no claim": asked(signed(key), key, Expectations(tag=images.TAG)),
        "3 nobody believed": asked(signed(key), None, commit),
        "3 nothing expected": asked(signed(key), key, Expectations()),
        "3 no answer": asked(lost, key, commit),
        "4 refused": asked(refusing, key, commit),
    }


@pytest.mark.parametrize(("name", "report"), reports().items(), ids=reports())
def test_every_kind_of_report_keeps_to_its_schema(name: str, report: Report) -> None:
    assert report.exit_code == int(name[0])
    validator("report.v1").validate(report.to_json())


def test_the_exit_codes_of_reports_are_all_there_are() -> None:
    said = {report.exit_code for report in reports().values()}

    assert said == set(schema("report.v1")["properties"]["exit"]["enum"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("verdict", "ok"),
        ("exit", 2),
        ("time", "2026-11-23"),
        ("checks", []),
        ("checks", [{"id": "source.commit", "status": "failed", "required": True, "summary": "why?", "evidence": []}]),
        ("image", {"reference": "registry.test/acme/app:1", "platforms": [], "digest": ""}),
        ("extra", True),
    ],
)
def test_a_report_that_says_something_else_is_refused(key: str, value: object) -> None:
    document: dict[str, object] = {**reports()["0 passed"].to_json(), key: value}

    assert not validator("report.v1").is_valid(document)


def test_an_inspection_with_problems_keeps_to_its_schema() -> None:
    key = images.new_key()
    pushed = images.push({AMD64: images.git_build("main"), "linux/arm64": None})
    bundle = images.sign_provenance(pushed, AMD64, images.git_build("main"), key)
    images.sign_claim(pushed, AMD64, {"tag": images.TAG}, key)
    images.sign_index(pushed, key)
    pushed.store.errors[Digest.of(bundle.content)] = Unreachable("registry.test: no answer")

    image, evidence = fetch(pushed.store)
    shown = inspection(image, evidence)

    validator("inspect.v1").validate(shown)
    problems = json.loads(json.dumps(shown["problems"]))
    assert {problem["id"] for problem in problems} == {"attestation-missing", "unread-unreachable"}
    assert not validator("inspect.v1").is_valid({**shown, "problems": [{"id": "strange", "message": "…"}]})
    assert not validator("inspect.v1").is_valid({**shown, "verdict": "passed"})
