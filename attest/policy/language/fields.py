"""The tables of a policy file, asked key by key: what has the right shape comes back, everything else is a fault.

What nobody asked for is a fault too. A value that is missing or wrong comes back empty, so that one reading finds all
faults; the policy is used only where there is none.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from attest.errors import InvalidReference
from attest.policy.language.expression import is_expression, why_unusable
from attest.policy.language.policy_text import Remark
from attest.policy.language.toml_lines import TomlPath, as_key
from attest.policy.pattern import Pattern
from attest.reference import Digest

_EXPRESSIONS: Final = 200  # in one policy; each may take milliseconds to compile, and `|` joins any number
_SUGGESTIONS: Final = 100  # each compares a word with all that are known
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE: Final = re.compile(r"([1-9][0-9]{0,4})([smhdw])")
_TIME: Final = "a time with its zone, without quotes: 2026-01-01T00:00:00Z"

T = TypeVar("T")
Word = TypeVar("Word", bound=str)
Check = Callable[[str], str]  # what was expected instead of an exact text or expression, "" where it will do


@dataclass(slots=True)
class Faults:
    """Everything found wrong so far, and where the keys stand."""

    lines: Mapping[TomlPath, int]
    found: list[Remark] = field(default_factory=list)
    expressions: int = 0

    def add(self, path: TomlPath, message: str) -> None:
        """Note a fault at a key, or where the table is that lacks it."""
        self.found.append(Remark(self.line(path) or 1, f"{as_key(path)}: {message}"))

    def line(self, path: TomlPath) -> int:
        """The line of a key, or of what it would be in; 0 for the whole file."""
        return next((self.lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in self.lines), 0)


class Table:
    """One table of the policy; `close` it when everything that is known has been asked for."""

    def __init__(self, values: Mapping[str, object], path: TomlPath, faults: Faults) -> None:
        self._values = values
        self._path = path
        self._faults = faults
        self._asked: list[str] = []

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def line(self, key: str = "") -> int:
        """Where a key of this table stands, or the table."""
        return self._faults.line((*self._path, key) if key else self._path)

    def fault(self, key: str, message: str) -> None:
        """Note that something is wrong with a key."""
        self._faults.add((*self._path, key), message)

    def require(self, *keys: str) -> None:
        """Note those that are missing."""
        for key in keys:
            if key not in self._values:
                self.fault(key, "missing")

    def text(self, key: str, check: Check | None = None) -> str:
        """A text that is not empty."""
        value = self._get(key, str, "a text in quotes")
        return self._checked((*self._path, key), value, check) if value is not None else ""

    def truth(self, key: str) -> bool:
        """true or false; false where it is missing."""
        return self._get(key, bool, "true or false") or False

    def number(self, key: str, lowest: int, highest: int, default: int) -> int:
        """A whole number of a range."""
        value = self._get(key, int, f"a number from {lowest} to {highest}")
        if value is not None and not lowest <= value <= highest:
            self.fault(key, f"expected a number from {lowest} to {highest}, found {_shown(value)}")
        return default if value is None else value

    def time(self, key: str) -> datetime | None:
        """A time, in UTC."""
        value = self._get(key, datetime, _TIME)
        if value is None:
            return None
        if value.tzinfo is None:
            self.fault(key, f"expected {_TIME}; found {_shown(value)}")
            return None
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fault(key, f"expected a time between the years 1 and 9999, found {_shown(value)}")
            return None

    def age(self, key: str) -> timedelta | None:
        """A length of time: `30d`."""
        value = self._get(key, str, 'a length of time: "30d"')
        match = _AGE.fullmatch(value) if value is not None else None
        if value is not None and match is None:
            self.fault(key, f'expected a number above 0 and one of s, m, h, d, w, like "30d"; found {_shown(value)}')
        return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None

    def pattern(self, key: str, check: Check | None = None) -> Pattern | None:
        """An exact text or an expression."""
        value = self.text(key)
        return self._pattern((*self._path, key), value, check) if value else None

    def patterns(self, key: str, nothing: str, check: Check | None = None) -> tuple[Pattern, ...]:
        """A list of them; `nothing` says what an empty list would mean."""
        texts = self._texts(key, f"an empty list, so {nothing}; leave the key out if anything will do")
        return tuple(self._patterns(((path, text) for path, text in texts if text), check))

    def texts(self, key: str, nothing: str, check: Check | None = None) -> tuple[str, ...]:
        """A list of texts that are not empty."""
        texts = self._texts(key, f"an empty list, so {nothing}; leave the key out if anything will do")
        return tuple(self._checked(path, text, check) for path, text in texts)

    def digests(self, key: str) -> tuple[Digest, ...]:
        """A list of digests."""
        found = (self._digest(path, text) for path, text in self._texts(key, "an empty list; leave the key out"))
        return tuple(digest for digest in found if digest is not None)

    def digest(self, key: str) -> Digest | None:
        """One digest."""
        text = self.text(key)
        return self._digest((*self._path, key), text) if text else None

    def words(self, key: str, known: tuple[Word, ...]) -> tuple[Word, ...]:
        """Some of a few known words, each once."""
        texts = list(self._texts(key, f"an empty list; expected some of {', '.join(known)}, or leave the key out"))
        found = [word for _, text in texts for word in known if word == text]
        for path, text in texts:
            if text and text not in known:
                self._faults.add(path, f"expected one of {', '.join(known)}, found {_shown(text)}{_meant(text, known)}")
        return tuple(dict.fromkeys(found))

    def named_patterns(self) -> Mapping[str, tuple[Pattern, ...]]:
        """Every key of this table with its list: here an empty text is a value, and an empty list allows none."""
        return {name: tuple(self._patterns(self._texts(name))) for name in self._values}

    def table(self, key: str) -> Table:
        """A table in this one, empty where it is missing."""
        values = self._get(key, dict, f"a table: [{as_key((*self._path, key))}]")
        return Table(values or {}, (*self._path, key), self._faults)

    def tables(self, key: str) -> Iterator[Table]:
        """The tables of `[[key]]`."""
        header = f"[[{as_key((*self._path, key))}]]"
        values = self._get(key, list, f"tables that begin with {header}") or []
        for index, value in enumerate(values):
            path = (*self._path, key, index)
            if isinstance(value, dict):
                yield Table(value, path, self._faults)
            else:
                self._faults.add(path, f"expected a table that begins with {header}, found {_shown(value)}")

    def close(self) -> None:
        """Note every key that nobody asked for."""
        for key in self._values:
            if key not in self._asked:
                meant = _meant(key, self._asked) if len(self._faults.found) < _SUGGESTIONS else ""
                known = f"; known are {', '.join(self._asked)}"
                self.fault(key, f"unknown key{meant or known}")

    def _get(self, key: str, kind: type[T], expected: str) -> T | None:
        self._asked.append(key)
        value = self._values.get(key)
        if value is None or (isinstance(value, kind) and not (kind is int and isinstance(value, bool))):
            return value
        self.fault(key, f"expected {expected}, found {_shown(value)}")
        return None

    def _texts(self, key: str, empty: str = "") -> Iterator[tuple[TomlPath, str]]:
        """The items of a list with their places. With `empty`, what an empty list means, no item may be empty."""
        values = self._get(key, list, "a list of texts")
        if values == [] and empty:
            self.fault(key, empty)
        for index, value in enumerate(values or ()):
            path = (*self._path, key, index)
            if not isinstance(value, str):
                self._faults.add(path, f"expected a text in quotes, found {_shown(value)}")
            elif empty:
                yield path, self._checked(path, value, None)
            else:
                yield path, value

    def _digest(self, path: TomlPath, text: str) -> Digest | None:
        try:
            return Digest.parse(text) if text else None
        except InvalidReference:
            self._faults.add(path, f"expected sha256:<64 lower-case hex digits>, found {_shown(text)}")
            return None

    def _patterns(self, texts: Iterable[tuple[TomlPath, str]], check: Check | None = None) -> Iterator[Pattern]:
        return (pattern for path, text in texts if (pattern := self._pattern(path, text, check)) is not None)

    def _checked(self, path: TomlPath, text: str, check: Check | None) -> str:
        if not text.strip():
            self._faults.add(path, "an empty text, which can be meant for nothing and for everything; leave it out")
            return ""
        if expected := check(text) if check else "":
            self._faults.add(path, f"expected {expected}, found {_shown(text)}")
        return text

    def _pattern(self, path: TomlPath, text: str, check: Check | None) -> Pattern | None:
        if expected := check(text) if check else "":
            self._faults.add(path, f"expected {expected}, found {_shown(text)}")
            return None
        self._faults.expressions += is_expression(text)
        if self._faults.expressions > _EXPRESSIONS:
            self._faults.add(path, f"more than {_EXPRESSIONS} expressions in one policy; join some with |")
            return None
        if why := why_unusable(text):
            self._faults.add(path, f"{why}: {_shown(text)}")
            return None
        return Pattern(text)


def _meant(word: str, known: list[str] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word[:100], known, n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


_KINDS: Final[Mapping[type, str]] = {list: "a list", dict: "a table"}


def _shown(value: object) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 80 else f"{value[:80]}…")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value.bit_length() > 64:
        return "a huge number"  # str() refuses thousands of digits
    return _KINDS.get(type(value)) or str(value)
