"""The lines of a policy's keys are right, in every shape that TOML has: held against tomllib, which gives no lines."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attest.policy.language.toml_lines import TomlPath, as_key, lines_of

bounded = settings(max_examples=150, derandomize=True, deadline=None, database=None)


def leaves(value: Any, path: TomlPath = ()) -> Iterator[tuple[TomlPath, Any]]:
    """Every number and text of a document with its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def paths(value: Any, path: TomlPath = ()) -> Iterator[TomlPath]:
    """Every key and item, tables and lists among them."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


@dataclass
class Writing:
    """A document in the making; every number that is written is the line on which it is written."""

    draw: st.DrawFn
    text: str = ""
    names: int = 0
    stop: int = field(default=3)

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def write(self, *choices: str) -> None:
        self.text += self.draw(st.sampled_from(choices))

    def key(self) -> str:
        """A new key, bare or quoted; quoted ones hold what looks like something else."""
        self.names += 1
        name = f"k{self.names}"
        return self.draw(
            st.sampled_from([name, f'"{name}"', f"'{name} = ['", f'"{name}.\\"]#"', f'"\\u00e9{name}"', f"-{name}-"])
        )

    def blank(self) -> None:
        self.write("", "\n", "\r\n", "  \t\n", '# a = 1 [b] """ \'\n', "\n\n# x\n")

    def value(self, depth: int) -> None:
        kinds = ["number", "words", *(["list", "table"] if depth < self.stop else [])]
        getattr(self, self.draw(st.sampled_from(kinds)))(depth)

    def number(self, depth: int) -> None:
        self.text += str(self.line)

    def words(self, depth: int) -> None:
        self.write(
            '"a # b"',
            "'c:\\'",
            '"\\"]}"',
            '"""\n\n"""',
            '"""a""\n"b\\""""',
            "'''\n[x]\n''a''''",
            '"""\\\n   x"""',
            '""',
            "''",
            "1979-05-27 07:32:00Z",
            "1.5e3",
            "true",
        )

    def list(self, depth: int) -> None:
        self.text += "["
        for _ in range(self.draw(st.integers(0, 3))):
            self.blank()
            self.value(depth + 1)
            self.write(",", " ,", "\n,", " # ]\n,")
        self.blank()
        self.text += "]"

    def table(self, depth: int) -> None:
        self.text += "{ "
        for index in range(self.draw(st.integers(0, 3))):
            self.text += ", " if index else ""
            self.pair(depth + 1)
        self.text += " }"

    def pair(self, depth: int) -> None:
        parts = [self.key() for _ in range(self.draw(st.integers(1, 3)))]
        self.text += self.draw(st.sampled_from([".", " . "])).join(parts)
        self.write(" = ", "=")
        self.value(depth)

    def pairs(self) -> None:
        for _ in range(self.draw(st.integers(0, 3))):
            self.blank()
            self.pair(0)
            self.write("\n", " # c = 1\n", "\r\n")


@st.composite
def documents(draw: st.DrawFn) -> str:
    writing = Writing(draw)
    writing.pairs()
    for _ in range(draw(st.integers(0, 3))):
        name = writing.key()
        if draw(st.booleans()):
            writing.text += f"[ {name}.x ]\n"
            writing.pairs()
            continue
        for _ in range(draw(st.integers(1, 3))):
            writing.blank()
            writing.text += f"[[{name}]]\n"
            writing.pairs()
            if draw(st.booleans()):
                writing.text += f"[{name}.inner]\n"
                writing.pairs()
            for _ in range(draw(st.integers(0, 2))):
                writing.text += f"[[{name}.items]] # [[no]]\n"
                writing.pairs()
    return writing.text


@bounded
@given(documents())
def test_every_key_is_found_and_every_number_stands_on_its_line(text: str) -> None:
    document = tomllib.loads(text)

    found = lines_of(text)

    assert set(found) == set(paths(document))
    assert [path for path, value in leaves(document) if type(value) is int and found[path] != value] == []


def test_the_documents_that_are_tried_hold_numbers_on_many_lines() -> None:
    seen: set[int] = set()

    @bounded
    @given(documents())
    def collect(text: str) -> None:
        seen.update(value for _, value in leaves(tomllib.loads(text)) if type(value) is int)

    collect()

    assert len(seen) > 30


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("a = 1\nb.c = 2", "b.c", 2),
        ("[a]\n[a.b]\nc = 1", "a.b.c", 3),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", "a[1].b", 4),
        ("[[a]]\n[[a.b]]\nc = 1\n[[a.b]]\nc = 2\n[[a]]\n[[a.b]]\nc = 3", "a[1].b[0].c", 8),
        ("a = [\n  1,\n  # 2\n  3]", "a[1]", 4),
        ('a = """\nb = 1\n"""\nb = 2', "b", 4),
        ('a = """x"""""\nb = 2', "b", 2),
        ("a = '''\n\n''' # c\nb = 2", "b", 4),
        ('"a.b" = 1\n"\\u0063" = 2', "c", 2),
        ("a = { b = 1, c = { d = [1, 2] } }", "a.c.d[1]", 1),
        ("a = 1\r\nb = 2\r\n\r\nc = 3", "c", 4),
    ],
)
def test_a_key_stands_on_its_line(text: str, key: str, line: int) -> None:
    tomllib.loads(text)
    found = {as_key(path): number for path, number in lines_of(text).items()}

    assert found[key] == line
