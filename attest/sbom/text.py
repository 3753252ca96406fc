"""What may stand in a document that others read: printable text, addresses without credentials, real times."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

# What XML 1.0 cannot hold, what UTF-8 cannot encode, and what a terminal would obey.
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

# RFC 3986: scheme://authority and what may follow it; brackets belong to IPv6 hosts alone.
_CHARACTER = r"(?:[!$&'()*+,./0-9:;=?@A-Z_a-z~-]|%[0-9A-Fa-f]{2})"
_ADDRESS: Final = re.compile(
    rf"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^@/?#\[\]]*)@)?(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"
    rf"(?P<port>:[0-9]{{1,5}})?(?P<rest>(?:[/?]{_CHARACTER}*)?(?:\#{_CHARACTER}*)?)"
)
_RFC3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def printable(text: str) -> str:
    """The text with U+FFFD for every control character and lone surrogate; tab and line ends stay."""
    return _UNPRINTABLE.sub(_REPLACEMENT, text)


def public_address(text: str) -> str | None:
    """A URL as it may be published, or None where `text` is none.

    A password is taken out, and over HTTP the user name too: there it is as often the token itself.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None or not _splits(text):
        return None
    user = (match["user"] or "").partition(":")[0]
    if match["scheme"].lower().endswith(("http", "https")) or not re.fullmatch(r"[A-Za-z0-9._~-]+", user):
        user = ""
    return f"{match['scheme']}://{user}{'@' if user else ''}{match['host']}{match['port'] or ''}{match['rest']}"


def is_timestamp(text: str) -> bool:
    """Whether it is a time as RFC 3339 writes it."""
    if not _RFC3339.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _splits(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
