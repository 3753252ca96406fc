"""What a conversion could not carry, counted by kind: nothing is passed over in silence.

A foreign document's fields are read through its ledger, so that a value of the wrong type is counted as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attest.oci.document import Json, JsonObject
from attest.sbom.text import printable

_NOTHING: Final = ("", "NOASSERTION", "NONE")  # SPDX 2.3: said on purpose, and still nothing
_EXAMPLE: Final = 80  # characters; an example shows what is meant, it does not save the data


class Ledger:
    """The losses of one conversion: a count and the first example of each kind."""

    __slots__ = ("_counts", "_examples")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each kind was lost, by name of the kind."""
        return dict(sorted(self._counts.items()))

    @property
    def examples(self) -> Mapping[str, str]:
        """The first example of each kind, printable and short."""
        return dict(sorted(self._examples.items()))

    def lose(self, kind: str, example: str, count: int = 1) -> None:
        """Note that something could not be carried."""
        self._counts[kind] = self._counts.get(kind, 0) + count
        if kind not in self._examples:
            self._examples[kind] = printable(example[:_EXAMPLE])

    def text(self, document: JsonObject, key: str) -> str:
        """The printable string under `key`; missing, null, NOASSERTION and NONE are ""."""
        value = document.get(key)
        return "" if value in _NOTHING else self.printable(value, key)

    def printable(self, value: Json, key: str) -> str:
        """The printable form of `value`; what had to be replaced, or is no string, is counted."""
        if value is None:
            return ""
        if not isinstance(value, str):
            self.lose("malformed", key)
            return ""
        text = printable(value)
        if text != value:
            self.lose("control-character", key)
        return text

    def strings(self, document: JsonObject, key: str) -> list[str]:
        """The printable strings in the list under `key`; anything else is counted."""
        value = document.get(key)
        found = [self.printable(item, key) for item in (value if isinstance(value, list) else [value])]
        return [text for text in found if text]

    def objects(self, document: JsonObject, key: str) -> list[JsonObject]:
        """The objects in the list under `key`; anything else is counted."""
        value = document.get(key)
        if value is None:
            return []
        entries = value if isinstance(value, list) else [value]
        found = [entry for entry in entries if isinstance(entry, Mapping)] if entries is value else []
        if len(found) < len(entries):
            self.lose("malformed", key, len(entries) - len(found))
        return found
