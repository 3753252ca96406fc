"""On which line each key of a TOML document stands: tomllib gives values without positions.

The text is one that tomllib has read, so only the shapes of TOML 1.0 are told apart here, not right from wrong.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final

# Keys, and positions in lists: ("trust", "keys", 0, "level").
TomlPath = tuple[str | int, ...]

_BARE: Final = r"[A-Za-z0-9_-]+"
_BASIC: Final = r'"(?:[^"\\\n]|\\.)*+"'
_LITERAL: Final = r"'[^'\n]*'"
_PART: Final = re.compile(f"{_BARE}|{_BASIC}|{_LITERAL}")
_STRING: Final = re.compile(  # one of three quotes may end in five: two of them belong to the text
    r'"""(?:[^"\\]|\\.|"(?!""))*+"{3,5}' r"|'''(?:[^']|'(?!''))*+'{3,5}" f"|{_BASIC}|{_LITERAL}", re.DOTALL
)
_BETWEEN: Final = re.compile(r"(?:[ \t\n]|#[^\n]*)*+")
_SPACES: Final = re.compile(r"[ \t]*")
_SCALAR: Final = re.compile(r"[^,\]}#\n]+")  # numbers, truths and times, which may hold a space


def lines_of(text: str) -> Mapping[TomlPath, int]:
    """The line of each key, table and list item of a document that tomllib takes."""
    scan = _Scan(text.replace("\r\n", "\n"))
    scan.document()
    return scan.found


def as_key(path: TomlPath) -> str:
    """How people name a place: `trust.keys[0].level`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


class _Scan:
    """A position in the text, and what has been seen on the way there."""

    def __init__(self, text: str) -> None:
        self.found: dict[TomlPath, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._last: dict[TomlPath, int] = {}  # where arrays of tables have got to

    def document(self) -> None:
        table: TomlPath = ()
        while True:
            self._skip(_BETWEEN)
            if self._at == len(self._text):
                return
            if self._takes("[["):
                table = self._header(is_item=True)
                self._take("]]")
            elif self._takes("["):
                table = self._header(is_item=False)
                self._take("]")
            else:
                self._pair(table)

    def _header(self, *, is_item: bool) -> TomlPath:
        """The table that a header opens; `[a.b]` under `[[a]]` is the last item's."""
        path: TomlPath = ()
        keys = self._key()
        for depth, key in enumerate(keys, 1):
            path = (*path, key)
            self._note(path)
            if is_item and depth == len(keys):
                self._last[path] = self._last.get(path, -1) + 1
            if path in self._last:
                path = (*path, self._last[path])
                self._note(path)
        return path

    def _pair(self, table: TomlPath) -> None:
        path = table
        for key in self._key():
            path = (*path, key)
            self._note(path)
        self._take("=")
        self._value(path)

    def _key(self) -> list[str]:
        """`a."b.c"` is two parts."""
        parts = [self._part()]
        while self._takes("."):
            parts.append(self._part())
        return parts

    def _part(self) -> str:
        self._skip(_SPACES)
        raw = self._skip(_PART)
        self._skip(_SPACES)
        return raw if raw[0] not in "\"'" else next(iter(tomllib.loads(f"{raw} = 0")))

    def _value(self, path: TomlPath) -> None:
        self._skip(_SPACES)
        if self._takes("["):
            self._list(path)
        elif self._takes("{"):
            self._inline_table(path)
        else:
            self._skip(_STRING if self._text[self._at] in "\"'" else _SCALAR)

    def _list(self, path: TomlPath) -> None:
        index = 0
        self._skip(_BETWEEN)
        while not self._takes("]"):
            self._note((*path, index))
            self._value((*path, index))
            self._skip(_BETWEEN)
            self._takes(",")
            self._skip(_BETWEEN)
            index += 1

    def _inline_table(self, path: TomlPath) -> None:
        self._skip(_BETWEEN)  # TOML 1.1 lets lines break here
        while not self._takes("}"):
            self._pair(path)
            self._skip(_BETWEEN)
            self._takes(",")
            self._skip(_BETWEEN)

    def _note(self, path: TomlPath) -> None:
        self.found.setdefault(path, self._line)

    def _takes(self, mark: str) -> bool:
        there = self._text.startswith(mark, self._at)
        self._at += len(mark) if there else 0
        return there

    def _take(self, mark: str) -> None:
        self._skip(_SPACES)
        if not self._takes(mark):
            raise ValueError(f"line {self._line}: expected {mark}")  # then tomllib would not have taken it

    def _skip(self, what: re.Pattern[str]) -> str:
        found = what.match(self._text, self._at)
        if found is None:
            raise ValueError(f"line {self._line}: this is not TOML")
        self._at = found.end()
        self._line += found[0].count("\n")
        return found[0]
