"""Where the source comes from, decided as docker decides it (buildx, build/opt.go; BuildKit, dfgitutil).

A directory that exists wins over everything that looks like an address.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

STANDARD_INPUT: Final = "-"

_HTTP: Final = ("http://", "https://")
_GIT_SCHEME: Final = re.compile(r"(?:git|ssh)://|https?://[^?#]*\.git(?:[?#]|$)", re.IGNORECASE)
_SCP: Final = re.compile(r"[A-Za-z0-9_-]+@[A-Za-z0-9.-]+:")
_SHORTHAND: Final = "github.com/"  # deprecated, and still built


def is_remote_context(context: str) -> bool:
    """Whether the builder fetches the context itself: a Git repository or an archive behind an address."""
    if context == STANDARD_INPUT or local_directory(context) is not None:
        return False
    if context.startswith((*_HTTP, _SHORTHAND)):
        return True
    return _GIT_SCHEME.match(context) is not None or _SCP.match(context) is not None


def local_directory(context: str) -> Path | None:
    """The directory on this machine; None for an address, for standard input and for what does not exist."""
    if context == STANDARD_INPUT:
        return None
    path = Path(context)
    try:
        return path if path.is_dir() else None
    except (OSError, ValueError):  # a name that no file system takes: too long, a null byte
        return None
