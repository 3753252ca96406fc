"""Expected texts: exact, or a regular expression (RE2, anchored at both ends) between two slashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from attest.trust.expression import compiled, matches


@dataclass(frozen=True, slots=True)
class Pattern:
    """`v1.0.0` is that text; `/v[0-9]+/` is every text that the expression matches as a whole.

    Raises ValueError, with RE2's words, for an expression that is none.
    """

    text: str

    def __post_init__(self) -> None:
        if self.is_expression:
            compiled(self._expression)

    @property
    def is_expression(self) -> bool:
        """Whether it stands for more than one text."""
        return len(self.text) > 2 and self.text.startswith("/") and self.text.endswith("/")

    @property
    def _expression(self) -> str:
        return self.text[1:-1]

    def matches(self, value: str) -> bool:
        """Whether this is one of the expected texts. No line break is matched by any expression."""
        if not self.is_expression:
            return value == self.text
        return matches(self._expression, value)

    def __str__(self) -> str:
        return self.text


def any_matches(patterns: Iterable[Pattern], value: str) -> bool:
    """Whether one of them matches."""
    return any(pattern.matches(value) for pattern in patterns)


def listed(patterns: Iterable[Pattern]) -> str:
    """As reports name what was expected."""
    return ", or ".join(str(pattern) for pattern in patterns)
