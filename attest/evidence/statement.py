"""in-toto statements (attestation framework v1, and v0.1 as BuildKit before 0.31 writes them), exact text kept."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from attest.errors import InvalidReference, MalformedStatement, TooLarge, Unreadable
from attest.oci import limits
from attest.oci.document import JsonObject, child, children, parse_object, strings, text
from attest.reference import Digest

STATEMENT_V1: Final = "https://in-toto.io/Statement/v1"
STATEMENT_V01: Final = "https://in-toto.io/Statement/v0.1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

SPDX_DOCUMENT: Final = "https://spdx.dev/Document"
CYCLONEDX_BOM: Final = "https://cyclonedx.org/bom"
COSIGN_SIGN: Final = "https://sigstore.dev/cosign/sign/v1"
CI_JOB: Final = "https://oci-attest.github.io/predicates/ci-job/v1"

_SPACE: Final = " \t\r\n"
_SHOWN: Final = 8  # subjects that a message names


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about; only the digests bind, the name is a label."""

    name: str
    digests: Mapping[str, str] = field(hash=False)

    @property
    def digest(self) -> Digest | None:
        """The sha256 digest, or None where there is none or it is not one."""
        try:
            return Digest("sha256", self.digests["sha256"])
        except (KeyError, InvalidReference):
            return None


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as found. It is a claim: nothing here has been verified.

    `subject_digests` are the sha256 digests that it names, in order; subjects without one are left out.
    """

    raw: bytes
    type: str
    predicate_type: str
    subjects: tuple[Subject, ...]
    subject_digests: tuple[Digest, ...] = field(init=False)

    def __post_init__(self) -> None:
        # Asked for again for each platform and each signature, and there may be thousands.
        digests = (subject.digest for subject in self.subjects)
        object.__setattr__(self, "subject_digests", tuple(digest for digest in digests if digest is not None))

    @property
    def about(self) -> str:
        """What it says that it is about, whatever the algorithm, in words: for showing."""
        return _listed(f"{name}:{value}" for one in self.subjects for name, value in one.digests.items()) or "nothing"

    @property
    def names(self) -> str:
        """What it calls that: labels, which bind nothing."""
        return _listed(one.name for one in self.subjects if one.name)

    @property
    def predicate(self) -> JsonObject:
        """The predicate, parsed anew: that takes up to fifty times the room of its text, and many are held at once."""
        return child(parse_object(self.raw, "a statement"), "predicate")

    @property
    def predicate_text(self) -> str:
        """The predicate exactly as it stands in the statement, so that signing it again changes nothing."""
        return member_text(self.raw, "predicate")


def _listed(texts: Iterable[str]) -> str:
    shown = list(dict.fromkeys(text[:160] for text in texts))
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def parse_evidence(raw: bytes, where: str) -> JsonObject:
    """Parse what should be a piece of evidence. Raises MalformedStatement, and TooLarge: that may contradict."""
    try:
        return parse_object(raw, where)
    except TooLarge:
        raise
    except Unreadable as error:
        raise MalformedStatement(error.summary, error.detail) from None


def parse_statement(raw: bytes, where: str) -> Statement:
    """Read a statement (in-toto attestation framework, "Statement"). Raises MalformedStatement, TooLarge."""
    document = parse_evidence(raw, where)
    statement_type = text(document, "_type")
    if statement_type not in (STATEMENT_V1, STATEMENT_V01):
        raise MalformedStatement(f"{where}: not an in-toto statement", f"_type is {statement_type[:80]!r}.")
    if not text(document, "predicateType"):
        raise MalformedStatement(f"{where}: an in-toto statement without predicateType")
    if len(children(document, "subject")) > limits.SUBJECTS:
        raise TooLarge(f"{where}: a statement of more than {limits.SUBJECTS} subjects")
    subjects = tuple(
        Subject(text(subject, "name"), strings(subject, "digest")) for subject in children(document, "subject")
    )
    return Statement(raw, statement_type, text(document, "predicateType"), subjects)


def read_timestamp(written: str) -> datetime | None:
    """A time in UTC, or None where none can be read; without a zone it is UTC (in-toto v1, field type Timestamp)."""
    try:
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def member_text(raw: bytes, name: str) -> str:
    """The text of one member of a JSON object that has been parsed before (RFC 8259, section 4)."""
    source = raw.decode("utf-8")
    for key, start, end in _members(source):
        if key == name:
            return source[start:end]
    raise MalformedStatement(f"a statement without {name}")


def _members(source: str) -> Iterator[tuple[str, int, int]]:
    """Key, start and end of each member's value; the text is known to be a valid JSON object."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(source, _skip(source, 0) + 1)
    while source[at] != "}":
        key, at = decode(source, at)
        start = _skip(source, _skip(source, at) + 1)
        _, end = decode(source, start)
        yield str(key), start, end
        at = _skip(source, end)
        if source[at] == ",":
            at = _skip(source, at + 1)


def _skip(source: str, at: int) -> int:
    while source[at] in _SPACE:
        at += 1
    return at
