"""Passwords of private keys: from a variable, or from whoever sits at a terminal; never from an argument."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping
from typing import Final

from attest.errors import UsageError

_VARIABLES: Final = ("ATTEST_PASSWORD", "COSIGN_PASSWORD")
_REMEDY: Final = f"Set {' or '.join(_VARIABLES)}; on a terminal you are asked."


def find_password(name: str, environ: Mapping[str, str]) -> bytes | None:
    """The password of the key `name`, or None where there is neither a variable nor anybody to ask."""
    password = _of_variables(environ)
    return password if password is not None else _ask(f"Password for {name}: ")


def choose_password(name: str, environ: Mapping[str, str]) -> bytes:
    """The password that the new key `name` shall have; whoever types it types it twice. Raises UsageError."""
    password = _of_variables(environ)
    if password is None:
        password = _ask(f"New password for {name}: ")
        if password is not None and password != _ask("Once more: "):
            raise UsageError("the two passwords are not the same; nothing was written")
    if password is None:
        raise UsageError(f"{name}: no password is given for the new key", "", _REMEDY)
    return password


def _of_variables(environ: Mapping[str, str]) -> bytes | None:
    for variable in _VARIABLES:
        if variable in environ:  # an empty password is one: cosign allows it
            return environ[variable].encode("utf-8", "surrogateescape")
    return None


def _ask(prompt: str) -> bytes | None:
    """Nobody is asked who does not see the question: in a pipeline that would wait for ever."""
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr)):
        return None
    try:
        return getpass.getpass(prompt).encode("utf-8", "surrogateescape")
    except EOFError:
        return None
