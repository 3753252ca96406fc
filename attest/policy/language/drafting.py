"""A first policy for an image or a project, with comments: whoever uses it has to check every line of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from attest.policy.language.advice_on_roots import GITHUB, GITLAB
from attest.policy.language.expression import is_expression
from attest.policy.language.findings import Findings, quoted

_OWN_ROOT: Final = 'trusted_root = "trusted_root.json@sha256:…"'


def draft(found: Findings) -> str:
    """The text of a policy file."""
    return "\n".join([*_heading(found), *_whom(found), *_source(found), *_build(found)]) + "\n"


def _heading(found: Findings) -> Iterator[str]:
    yield "# What an image must be: attest verify --policy THIS-FILE IMAGE. docs/policy.md tells the language."
    yield f"# Drafted from {_printable(found.origin)}; nothing of it was verified, so check every line."
    yield "# Keep this file where those whom it judges cannot change it, or pin it: FILE@sha256:…"
    yield 'schema = "policy.v1"'
    yield ""
    yield "# The images that it speaks for."
    if found.images:
        yield f"images = [{_exactly(found.images)}]"
    else:
        yield '# images = ["registry.example.com/acme/app"]'
    yield "# An old image under a new tag is old: the image's tag must be the git tag that it was built from."
    is_same = found.tag and found.tag == found.image_tag
    yield f'{"" if is_same else "# "}image_tag = "{{source_tag}}"'
    yield "# The image itself must be signed, and not only its provenance."
    yield "# signature_required = true"
    yield ""


def _whom(found: Findings) -> Iterator[str]:
    """By certificate where an identity is known and certificates are to be had, else by key."""
    if found.identity and found.issuer and not found.by_key:
        yield "# Whom you believe: the pipelines of this project, if this issuer vouches for them."
        if found.issuer not in (GITHUB, GITLAB):
            yield "# The public Sigstore may not know this issuer; with a Sigstore of your own:"
            yield from ("# [trust]", f"# {_OWN_ROOT}")
        yield from _identity(found)
    else:
        yield from _key(found)
    yield "# level = 2  # only if those who use the builder cannot reach what it signs with"
    yield ""
    if found.identity and found.by_key and not found.key:
        issuer = _printable(found.issuer)
        yield f"# Keyless takes a Sigstore of your own: the public one issues no certificates for {issuer}."
        yield from ("# [trust]", f"# {_OWN_ROOT}")
        yield from (f"# {line}" for line in _identity(found))
        yield ""


def _identity(found: Findings) -> Iterator[str]:
    yield "[[trust.identities]]"
    yield f"identity = {_text(found.identity)}  # {found.said_by}"
    yield f"issuer = {_text(found.issuer)}  # {found.said_by}"


def _key(found: Findings) -> Iterator[str]:
    yield "# Whom you believe: the holder of this key."
    if not found.key:
        yield "# Put the public key beside this file, or its name here; attest policy check then says how to pin it."
    if found.fingerprint:
        yield f"# Fingerprint, {found.said_by}: {found.fingerprint}"
    yield "[[trust.keys]]"
    yield f"key = {_text(found.key or 'attest.pub')}"


def _source(found: Findings) -> Iterator[str]:
    yield "[source]"
    if found.repository:
        yield f"repository = {_exactly(found.repository)}  # {found.said_by}"
    else:
        yield '# repository = "https://gitlab.com/acme/app"'
    yield "commit_required = true"
    if found.branch and not found.tag:
        yield f'branches = [{_exactly(found.branch)}]  # or tags instead: tags = ["/v[0-9].*/"]'
    elif found.tag or found.identity:
        yield 'tags = ["/.*/"]  # any tag; narrow it, or name branches instead: branches = ["main"]'
    else:
        yield '# tags = ["/v[0-9].*/"]  # or branches = ["main"]'
    yield "# clean = true  # only a build from a git context shows it"
    yield ""


def _build(found: Findings) -> Iterator[str]:
    yield "[build]"
    if found.builder:
        yield f"builders = [{_exactly(found.builder)}]  # {found.said_by}"
    if found.build_type:
        yield f"types = [{_exactly(found.build_type)}]  # {found.said_by}"
    yield '# max_age = "90d"'
    yield ""
    yield "# [sbom]"
    yield "# required = true"


def _exactly(value: str) -> str:
    """TOML for exactly this text, even if it looks like an expression."""
    return _text(f"/{quoted(value)}/" if is_expression(value) else value)


def _text(value: str) -> str:
    """A TOML string on one line; what cannot be seen is escaped."""
    if value.isprintable() and "'" not in value and "\\" in value:
        return f"'{value}'"
    return '"' + "".join(_letter(letter) for letter in value) + '"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    code = ord(letter)
    return "\\uFFFD" if 0xD800 <= code <= 0xDFFF else f"\\U{code:08X}"  # TOML has no lone surrogates


def _printable(value: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in value)
