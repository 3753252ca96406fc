"""Answers that should be manifests: held against their digests, and told apart from pages that stand in their place."""

from __future__ import annotations

from attest.errors import InvalidReference, Unreadable
from attest.oci.content import mismatch
from attest.oci.descriptor import INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX, Descriptor, Index, parse_manifest
from attest.oci.document import JsonObject, parse_object, text
from attest.oci.http.answer import Answer, printable
from attest.reference import Digest


def described(answer: Answer, wanted: Digest | None, where: str) -> Descriptor:
    """The descriptor of an answer, held against the digest asked for, or else the one that the registry promises."""
    document = checked_document(answer, wanted or promised(answer), where)
    media_type = answer.media_type if answer.media_type in INDEX_TYPES | MANIFEST_TYPES else text(document, "mediaType")
    descriptor = Descriptor(media_type, wanted or Digest.of(answer.body), len(answer.body))
    parse_manifest(descriptor, answer.body, where)
    return descriptor


def index(answer: Answer, where: str) -> Index:
    """What a list of referrers holds. Raises Unreadable for anything else."""
    parsed = parse_manifest(described(answer, None, where), answer.body, where)
    if not isinstance(parsed, Index):
        raise Unreadable(f"{where}: expected an image index, found a manifest")
    return parsed


def is_index(answer: Answer) -> bool:
    """Whether this means to be what the referrers API answers, and is not some page that stands in its place."""
    try:
        document = parse_object(answer.body, answer.url)
    except Unreadable:
        return answer.media_type == OCI_INDEX  # half an answer is not the answer that there is no such API
    return (text(document, "mediaType") or answer.media_type) == OCI_INDEX


def checked_document(answer: Answer, expected: Digest | None, where: str) -> JsonObject:
    """The answer's document. Raises ContentMismatch if it is one and its digest another, Unreadable for no document."""
    if expected is not None and not expected.matches(answer.body):
        _document(answer, where)  # raises: half a document or a login page is no changed image
        raise mismatch(answer.body, expected, where)
    return _document(answer, where)


def _document(answer: Answer, where: str) -> JsonObject:
    try:
        return parse_object(answer.body, where)
    except Unreadable as error:
        raise Unreadable(
            f"{where}: expected a manifest, found {printable(answer.media_type)!r} that is none",
            error.detail or error.summary,
            "Is this the address of a registry? A login page or a proxy may stand in its place.",
        ) from None


def promised(answer: Answer) -> Digest | None:
    """The digest that the registry itself gives for its answer, if any."""
    try:
        return Digest.parse(answer.headers.get("Docker-Content-Digest", ""))
    except InvalidReference:
        return None
