"""Regular expressions (RE2), as policies and command lines give them: none takes long, and none much memory."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import re2

_UNMATCHABLE: Final = re.compile("[\r\n\ud800-\udfff]")
_MEMORY: Final = 256 * 1024  # bytes; a hundred times what people's expressions take, and no more than milliseconds
_LONGEST: Final = 200  # characters of what RE2 says, which quotes the expression
_NO_ROOM: Final = "pattern too large"  # RE2's words


def compiled(expression: str) -> re2._Regexp[str]:
    """The expression, to be matched against a whole text. Raises ValueError that says why it is none."""
    import re2  # google-re2: the standard library's expressions have no time limit

    options = re2.Options()
    options.log_errors = False
    options.dot_nl = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(expression, options)  # RE2 keeps the last few compiled
    except re2.error as error:
        words = error.args[0] if error.args else ""
        said = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
        if _NO_ROOM in said:
            said = f"too large: it takes more than {_MEMORY // 1024} KiB"
        raise ValueError(said[:_LONGEST]) from None


def matches(expression: str, text: str) -> bool:
    """Whether the expression matches all of a text. None matches a line break, or what no encoding has."""
    if _UNMATCHABLE.search(text):
        return False
    return compiled(expression).fullmatch(text) is not None
