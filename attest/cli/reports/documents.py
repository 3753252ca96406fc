"""Reports as the published JSON, `schemas/report.v1.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from attest.oci.document import Json
from attest.policy.report import Report


def render_json(reports: Sequence[Report]) -> str:
    """One object for one image, an array for several."""
    documents: list[Json] = [report.to_json() for report in reports]
    return as_json(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"


def render_json_lines(reports: Sequence[Report]) -> str:
    """One object a line."""
    return "".join(as_json(report.to_json()) + "\n" for report in reports)


def as_json(document: Json, indent: int | None = None) -> str:
    """JSON for people's eyes too; a lone surrogate, which no encoding has, stays the escape that it was."""
    written = json.dumps(document, indent=indent, ensure_ascii=False)
    return "".join(letter if letter.isprintable() or letter == "\n" else _escaped(letter) for letter in written)


def _escaped(letter: str) -> str:
    """As JSON escapes what would move a terminal's cursor, or what no encoding has (RFC 8259, section 7)."""
    return json.dumps(letter)[1:-1] if ord(letter) != 0x7F else "\\u007f"
