"""Evidence that the user brings along in files: as untrusted as what hangs off the image.

A file holds one Sigstore bundle, DSSE envelope or in-toto statement, or several, one a line (JSON lines, as
`gh attestation download` and `cosign download attestation` write them).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attest.errors import MalformedStatement, Unreadable, UsageError
from attest.evidence.attestation import Attestation, Place
from attest.evidence.bundle import parse_bundle, parse_envelope
from attest.evidence.piece import signed_statement
from attest.evidence.statement import parse_evidence, parse_statement
from attest.oci import limits
from attest.oci.document import parse_object
from attest.reference import Digest

_PLACE: Final = Place("file")


def read_evidence(path: Path) -> tuple[Attestation, ...]:
    """What a file holds, in its order. Raises UsageError (no such file), Unreadable, MalformedStatement."""
    content = _content(path)
    lines = [line for line in content.splitlines() if line.strip()]
    texts = [content] if lines and _is_document(content) else lines
    if len(texts) > limits.STATEMENTS:
        raise Unreadable(f"{path}: {len(texts)} lines, more than the {limits.STATEMENTS} that are read")
    if not texts:
        raise MalformedStatement(f"{path}: holds nothing", "Expected a Sigstore bundle, DSSE envelope or statement.")
    several = len(texts) > 1
    return tuple(_parse(text, f"{path}{f', line {at}' if several else ''}") for at, text in enumerate(texts, 1))


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limits.SBOM + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > limits.SBOM:
        raise Unreadable(f"{path}: more than the {limits.SBOM} bytes that are read")
    return content


def _is_document(content: bytes) -> bool:
    """Whether the file is one JSON object, over however many lines; what is neither is told line by line."""
    try:
        parse_object(content, "")
    except Unreadable:
        return b"\n" not in content.strip()
    return True


def _parse(content: bytes, where: str) -> Attestation:
    document = parse_evidence(content, where)
    digest = Digest.of(content)
    if "mediaType" in document:
        return signed_statement(parse_bundle(content, where), digest, _PLACE, where)
    if "payloadType" in document:
        return signed_statement(parse_envelope(content, where), digest, _PLACE, where)
    return Attestation(digest, len(content), parse_statement(content, where), None, (_PLACE,))
