"""Whether bytes are what they were asked for by: said in one place, so that every store says it alike."""

from __future__ import annotations

from attest.errors import ContentMismatch, Unreadable
from attest.oci.descriptor import Descriptor
from attest.reference import Digest


def within(descriptor: Descriptor, limit: int, where: str) -> None:
    """Refuse, before reading, what says that it is larger than `limit` bytes. Raises Unreadable."""
    if descriptor.size > limit:
        raise Unreadable(f"{where}: {descriptor.size} bytes, more than the {limit} that are read")


def checked(content: bytes, descriptor: Descriptor, where: str) -> bytes:
    """These bytes, if they are what the descriptor names. Raises Unreadable (size), ContentMismatch (digest)."""
    if len(content) != descriptor.size:
        raise Unreadable(f"{where}: expected {descriptor.size} bytes, found {len(content)}")
    if not descriptor.digest.matches(content):
        raise mismatch(content, descriptor.digest, where)
    return content


def mismatch(content: bytes, expected: Digest, where: str) -> ContentMismatch:
    """What to say of bytes of full length with another digest."""
    return ContentMismatch(
        f"{where}: the content was changed",
        f"Expected {expected}, found {Digest.of(content, expected.algorithm)}.",
        "Do not use it: whoever can write to this store, or stands between, replaced what the digest names.",
    )
