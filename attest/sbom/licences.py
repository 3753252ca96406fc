"""Which of CycloneDX's three places a licence text belongs in: an SPDX id, a licence expression, or a mere name.

The ids come from the schema that cyclonedx-python-lib carries, the exceptions from license-expression. Whether a text
is an expression they are not asked: they say yes to the empty text, `mit` and `GPL`, and no to every LicenseRef.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from attest.oci.document import Json, JsonObject
from attest.sbom.ledger import Ledger

_REFERENCE: Final = re.compile(r"(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_WORD: Final = re.compile(r"[()]|[^\s()]+")
_LONGEST: Final = 16_384  # characters; the expressions of Debian's largest packages have about 3,000
_OPERATORS: Final = frozenset({"(", ")", "AND", "OR", "WITH"})

# SPDX 2.3, annex D, as a state machine: (what was read last, what comes) → what was read last.
_GRAMMAR: Final[Mapping[tuple[str, str], str]] = {
    ("start", "("): "start",
    ("start", "licence"): "licence",
    ("licence", "WITH"): "with",
    ("licence", "AND"): "start",
    ("licence", "OR"): "start",
    ("licence", ")"): "closed",
    ("with", "exception"): "closed",
    ("closed", "AND"): "start",
    ("closed", "OR"): "start",
    ("closed", ")"): "closed",
}


def licence_choice(concluded: str, declared: str, ledger: Ledger) -> list[JsonObject]:
    """CycloneDX 1.6, `licenseChoice`: any number of licences, or one expression and nothing beside it."""
    said = {"concluded": concluded, "declared": declared}
    choices = [_choice(text, how) for how, text in said.items() if text]
    if len(choices) == 2 and any("expression" in choice for choice in choices):
        if concluded != declared:
            ledger.lose("package.licenseDeclared", declared)
        return choices[:1]
    return choices


def is_licence_id(text: str) -> bool:
    """Whether it is the exact id of a licence, and not of an exception, on the SPDX licence list."""
    from cyclonedx.spdx import is_supported_id

    return is_supported_id(text) and text not in _exceptions()


def is_expression(text: str) -> bool:
    """Whether it is a licence expression (SPDX 2.3, annex D) of ids on the list and LicenseRefs.

    Operators are upper-case and ids exact, as tools that read the result expect them.
    """
    if len(text) > _LONGEST:
        return False
    state, depth = "start", 0
    for word in _WORD.findall(text):
        state = _GRAMMAR.get((state, _class(word)), "")
        depth += (word == "(") - (word == ")")
        if not state or depth < 0:
            return False
    return depth == 0 and state in ("licence", "closed")


def _choice(text: str, how: str) -> JsonObject:
    place = _place(text)
    if place == "expression":
        return {"expression": text, "acknowledgement": how}
    licence: dict[str, Json] = {place: text, "acknowledgement": how}
    return {"license": licence}


@lru_cache(maxsize=4096)  # a distribution has some hundreds of distinct licence texts for its thousands of packages
def _place(text: str) -> str:
    if is_licence_id(text):
        return "id"
    return "expression" if is_expression(text) else "name"


def _class(word: str) -> str:
    if word in _OPERATORS:
        return word
    if word in _exceptions():
        return "exception"
    known = is_licence_id(word) or is_licence_id(word.removesuffix("+")) or _REFERENCE.fullmatch(word)
    return "licence" if known else "unknown"


@cache
def _exceptions() -> frozenset[str]:
    from cyclonedx.spdx import is_supported_id
    from license_expression import get_spdx_licensing

    symbols = get_spdx_licensing().known_symbols
    return frozenset(key for key, symbol in symbols.items() if symbol.is_exception and is_supported_id(key))
