"""Annotated tags: the commits behind the objects that a builder recorded, each proven by the raw tag object's hash."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from attest.evidence.statement import CI_JOB
from attest.evidence.tag_object import peel
from attest.oci.document import child, text
from attest.trust.authentication import VerifiedStatement


@dataclass(frozen=True, slots=True)
class TagObject:
    """A raw annotated tag, wherever it was found: what it hashes to decides what it is worth."""

    raw: bytes = field(repr=False)
    where: str


TagObjects = Callable[[str], TagObject | None]  # by the object's name


def nowhere(_: str) -> TagObject | None:
    """No tag object is known but those that were signed along."""
    return None


def proven_commits(
    objects: Iterable[str], statements: Sequence[VerifiedStatement], expected_commit: str, tag_objects: TagObjects
) -> Iterator[tuple[str, tuple[str, str]]]:
    """The commits of those objects whose raw tag object was found and hashes to them, each with where it was found.

    What is expected as a commit is one: its hash says so, and nobody is asked.
    """
    signed = [TagObject(raw, "signed along") for statement in statements if (raw := _tag_object(statement))]
    for name in dict.fromkeys(objects):
        elsewhere = tag_objects(name) if name != expected_commit else None
        for candidate in [*signed, *([elsewhere] if elsewhere else [])]:
            peeled = peel(candidate.raw, name)
            if peeled is not None:
                yield name, (peeled[0], candidate.where)
                break


def _tag_object(verified: VerifiedStatement) -> bytes:
    encoded = text(child(verified.statement.predicate, "source"), "tagObject")
    if verified.statement.predicate_type != CI_JOB or not encoded:
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError:  # covers binascii.Error, and text that is not ASCII
        return b""
