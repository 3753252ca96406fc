"""What is asked of a server and what it answers; what it says is shown to people only after it has been cleaned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import Unreadable
from attest.oci import limits
from attest.oci.document import children, parse_object, text

_QUOTED: Final = 200  # characters of a server's own words in one message


@dataclass(frozen=True, slots=True)
class Request:
    """One question; `limit` is the number of bytes that a good answer's body may have.

    `repeatable` says of a request that writes that doing it twice does no more than doing it once.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    limit: int = limits.ANSWER
    repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its whole body; `url` is where it came from after redirects, header names have no case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    url: str

    @property
    def media_type(self) -> str:
        """The Content-Type without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def complaint(self) -> str:
        """What the server says went wrong (distribution-spec 1.1, "Error Codes"), or "": still a stranger's words."""
        try:
            document = parse_object(self.body, self.url)
        except Unreadable:
            return ""
        first = next(iter(children(document, "errors")), {})
        said = [text(first, key) for key in ("code", "message")]
        said += [text(document, key) for key in ("error", "error_description", "details")]  # of token servers
        return ": ".join(part for part in said if part)


def printable(text: str) -> str:
    """The beginning of a stranger's words, without what would move a terminal's cursor or hide text."""
    return "".join(character for character in text[:_QUOTED] if character.isprintable())
