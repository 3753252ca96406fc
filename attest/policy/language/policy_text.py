"""A policy file as text and as TOML, before anybody asks what it means. Everything about it has a cap.

What is said of a file names the file and the line; all of it is said at once.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from attest.errors import InvalidReference, UsageError
from attest.evidence.repository import without_credentials
from attest.policy.language.toml_lines import TomlPath, lines_of
from attest.policy.named_file import NamedFile
from attest.reference import Digest

_CHARACTERS: Final[Mapping[str, int]] = {  # each begins a value; the time to read grows with them
    "=": 5_000,
    ",": 20_000,
    "[": 20_000,
    "{": 5_000,
    ".": 100_000,
}
_DOTS: Final = 100  # in one line; tomllib takes the square of a dotted key's parts
_NESTING: Final = 16  # a policy needs four
_SHOWN: Final = 20  # faults; the rest are counted
_NO_PIN: Final = re.compile(r"(?P<file>.+)@(?P<pin>|[0-9A-Fa-f]{32,}|\w+:.*)", re.DOTALL)
_PLACE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about one line of a policy file; line 0 stands for the whole file."""

    line: int
    message: str

    def at(self, uri: str) -> str:
        """As people and editors read it: `policy.toml:12: …`."""
        return f"{uri}:{self.line}: {self.message}" if self.line else f"{uri}: {self.message}"


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One file: its name as it was given, the digest of its exact bytes, and what stands where."""

    uri: str
    digest: Digest
    is_pinned: bool
    document: Mapping[str, object] = field(hash=False)
    lines: Mapping[TomlPath, int] = field(hash=False)


def read_policy_text(argument: str) -> PolicyText:
    """Read FILE, or FILE@sha256:HEX if its bytes have that digest. Raises UsageError."""
    file = _file(argument)
    uri, content = file.name, file.read("policy", "attest policy init writes one.")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refused(uri, [Remark(line, f"not UTF-8: byte 0x{content[error.start]:02x}")]) from None
    return PolicyText(uri, Digest.of(content), file.pin is not None, *_parsed(uri, text))


def refused(uri: str, faults: Iterable[Remark]) -> UsageError:
    """The error that says everything that is wrong with a policy."""
    told = sorted(set(faults), key=lambda fault: (fault.line, fault.message))
    lines = [fault.at(uri) for fault in told[:_SHOWN]]
    if len(told) > _SHOWN:
        lines.append(f"and {len(told) - _SHOWN} more")
    count = "1 error" if len(told) == 1 else f"{len(told)} errors"
    return UsageError(f"{uri}: not a usable policy: {count}", "\n".join(lines), "docs/policy.md tells the language.")


def _file(argument: str) -> NamedFile:
    """What looks like a pin and is none is no file's name: whoever laid such a file there would choose the policy."""
    if argument.startswith(("https://", "http://")):
        remedy = "Fetch it first, and pin what you have read: FILE@sha256:…."
        raise UsageError(f"{without_credentials(argument)}: a policy is a file, not an address", "", remedy)
    try:
        file = NamedFile.parse(argument)
    except InvalidReference as error:
        raise UsageError(f"{argument}: not a pinned policy", error.summary, error.remedy) from None
    if file.pin is None and (near := _NO_PIN.fullmatch(argument)):
        raise _no_pin(argument, near["file"], near["pin"])
    return file


def _no_pin(argument: str, name: str, pin: str) -> UsageError:
    remedy = f"Write {name}@sha256:… with what attest policy check {name} prints."
    if not pin:
        return UsageError(f"{argument}: nothing behind the @", "Is a variable not set?", remedy)
    return UsageError(f"{argument}: not a pinned policy", f"A pin is @sha256:…, found @{pin}.", remedy)


def _parsed(uri: str, text: str) -> tuple[Mapping[str, object], Mapping[TomlPath, int]]:
    for mark, most in _CHARACTERS.items():
        if text.count(mark) > most:
            raise refused(uri, [Remark(0, f"more than {most:,} of the character {mark}, which no policy needs")])
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > _DOTS and not line.lstrip().startswith("#"):
            message = f"more than {_DOTS} dots in one line; break the list over several lines"
            raise refused(uri, [Remark(number, message)])
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise _too_deep(uri) from None
    except ValueError as error:  # TOMLDecodeError is one; so is what int() says of thousands of digits
        raise refused(uri, [_syntax(str(error), text)]) from None
    if _depth(document) > _NESTING:
        raise _too_deep(uri)
    return document, lines_of(text)


def _too_deep(uri: str) -> UsageError:
    return refused(uri, [Remark(0, f"lists and tables in each other, more than {_NESTING} deep")])


def _syntax(said: str, text: str) -> Remark:
    place = _PLACE.search(said)
    line = int(place[1]) if place and place[1] else text.count("\n") + 1 if place else 0
    return Remark(line, f"not TOML: {_PLACE.sub('', said)}")


def _depth(document: object) -> int:
    depth, level = 0, [document]
    while level and depth <= _NESTING:
        depth += 1
        inside = (one.values() if isinstance(one, dict) else one if isinstance(one, list) else () for one in level)
        level = [item for items in inside for item in items]
    return depth
