"""What texts in a policy must look like. Each function says what was expected instead of a text, or nothing.

A text that can match nothing is no strict expectation but a mistake: a tag with `refs/tags/` before it, a branch with a
star, an image with its tag.
"""

from __future__ import annotations

import re
from typing import Final

from attest.errors import InvalidReference
from attest.evidence.provenance import HEADS, TAGS
from attest.evidence.repository import canonical_repository, without_credentials
from attest.policy.language.expression import is_expression
from attest.policy.named_file import NamedFile
from attest.policy.policy import is_pem
from attest.reference import LAYOUT_SCHEME, Digest, RegistryReference, parse_reference

_IMAGE_TAG: Final = re.compile(r"[A-Za-z0-9._-]*\{source_tag\}[A-Za-z0-9._-]*")
_NO_REF: Final = re.compile(r"[\s*?\[\\^~:\x00-\x1f\x7f]|\.\.")  # git check-ref-format


def other_than_image_name(text: str) -> str:
    """For `images`."""
    return "" if text.startswith(LAYOUT_SCHEME) else other_than_repository_name(text)


def other_than_repository_name(text: str) -> str:
    """A repository of images, by its full name."""
    if is_expression(text):
        return ""
    try:
        reference = parse_reference(text)
    except InvalidReference:
        return "HOST/REPOSITORY, or an expression between two slashes"
    if not isinstance(reference, RegistryReference):
        return "HOST/REPOSITORY"
    return "" if reference.name == text else f"the full name without tag and digest: {reference.name}"


def other_than_template(text: str) -> str:
    """For `image_tag`."""
    return "" if _IMAGE_TAG.fullmatch(text) else '"{source_tag}" with letters, digits and . _ - around it'


def other_than_repository(text: str) -> str:
    """A repository of source."""
    if is_expression(text):
        return ""
    if not canonical_repository(text):
        return "an address like https://gitlab.com/acme/app"
    return "" if without_credentials(text) == text else "an address without user, query and fragment"


def other_than_tag(text: str) -> str:
    """A git tag."""
    return _other_than_ref(text, "v1.0.0")


def other_than_branch(text: str) -> str:
    """A git branch."""
    return _other_than_ref(text, "main")


def _other_than_ref(text: str, example: str) -> str:
    name = text.removeprefix("/").removeprefix("^") if is_expression(text) else text
    if name.startswith((TAGS, HEADS)):
        return f'the name alone, without refs/…/: "{example}"'
    if is_expression(text) or not _NO_REF.search(text):
        return ""
    return f'a name as git has them: "{example}"; an expression stands between slashes: "/{example[:1]}.*/"'


def other_than_issuer(text: str) -> str:
    """Who issues identities."""
    return "" if text.startswith(("https://", "http://")) else "an address: https://gitlab.com"


def other_than_key(text: str) -> str:
    """A key that is believed: PEM, or a file, a variable or a service."""
    return "" if is_pem(text) else other_than_file(text)


def other_than_file(text: str) -> str:
    """A file, pinned or not; what is no file has no bytes that could be pinned."""
    try:
        is_usable = NamedFile.parse(text).pin is None or "://" not in text
    except InvalidReference:
        is_usable = False
    return "" if is_usable else "FILE@sha256:<64 lower-case hex digits>"


def other_than_denied_key(text: str) -> str:
    """A key that is believed no longer."""
    if not text.startswith("sha256:"):
        return other_than_file(text)
    try:
        Digest.parse(text)
    except InvalidReference:
        return "sha256:<64 lower-case hex digits>, the key's fingerprint"
    return ""
