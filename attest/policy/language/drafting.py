"""A first policy for an image or a project, with comments: whoever uses it has to check every line of it.

What an image says of itself is unverified, and may be written by somebody who wants to be believed: it goes into the
draft as plain text, never as an expression, and says where it comes from.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from attest.evidence.attestation import Evidence
from attest.evidence.certificate import claimed_identity
from attest.evidence.provenance import TAGS, read_provenance
from attest.evidence.repository import canonical_repository, without_credentials
from attest.evidence.statement import CI_JOB
from attest.oci.document import child, text
from attest.policy.language.advice_on_roots import GITHUB, GITLAB
from attest.policy.language.expression import is_expression
from attest.reference import ImageReference

_LONGEST: Final = 500  # characters of a claim; nobody checks a longer one by eye
_DOTS: Final = 50
_SHA256: Final = 32  # bytes
_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
_GITLAB_FILE: Final = ".gitlab-ci.yml"
_ISSUED: Final = re.compile(r"https://[!-~]+")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a draft is made of; "" is not known. `said_by` tells who says it, `origin` where it was found.

    `identity` is an identity or an expression between slashes, as the policy language has them.
    """

    origin: str
    said_by: str
    images: str = ""
    image_tag: str = ""
    repository: str = ""
    tag: str = ""
    builder: str = ""
    build_type: str = ""
    identity: str = ""
    issuer: str = ""
    fingerprint: str = ""


def findings_of_image(reference: ImageReference, evidence: Evidence) -> Findings:
    """What is attached to an image claims, nothing of it verified; of several claims the first."""
    said: dict[str, str] = {}
    for attestation in evidence.attestations:
        provenance = read_provenance(attestation.statement)
        if provenance is not None:
            fact = provenance.fact("repository")
            said.setdefault("repository", _repository(fact.value if fact else ""))
            said.setdefault("builder", _sayable(provenance.builder))
            said.setdefault("build_type", _sayable(provenance.build_type))
        if attestation.statement.predicate_type == CI_JOB:
            said.setdefault("tag", _sayable(text(child(attestation.statement.predicate, "source"), "tag")))
        if attestation.bundle is not None and attestation.bundle.certificate is not None:
            claimed = claimed_identity(attestation.bundle.certificate)
            said.setdefault("identity", _for_every_tag(_sayable(claimed.name)))
            said.setdefault("issuer", claimed.issuer if _ISSUED.fullmatch(_sayable(claimed.issuer)) else "")
        elif attestation.bundle is not None:
            said.setdefault("fingerprint", _fingerprint(attestation.bundle.key_hint))
    return Findings(str(reference), "as the image claims; check it", reference.name, reference.tag or "", **said)


def findings_of_project(repository: str, origin: str, server: str = "", configuration: str = "") -> Findings:
    """What a project's pipelines will be. `server` is GitLab's address where its job says it."""
    canonical = canonical_repository(repository)
    host, _, path = canonical.partition("/")
    start = repository.lower().find(path.lower()) if path else -1
    address = f"https://{host}/{repository[start : start + len(path)]}" if start >= 0 else ""
    said_by = f"from {origin}"
    if host == "github.com":
        file = _quoted(configuration) if configuration else r"\.github/workflows/[^@/]+"
        return Findings(origin, said_by, "", "", address, identity=_tags_of(f"{address}/", file), issuer=GITHUB)
    if server or host.startswith("gitlab."):
        issuer = server.rstrip("/") or f"https://{host}"
        # Where the configuration is another project's (`file@group/project`), the identity is another one too.
        file = configuration if configuration and "@" not in configuration else _GITLAB_FILE
        return Findings(
            origin, said_by, "", "", address, identity=_tags_of(f"{address}//", _quoted(file)), issuer=issuer
        )
    return Findings(origin, said_by, "", "", address)


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
    """By certificate where an identity is known, else by key."""
    if found.identity and found.issuer:
        yield "# Whom you believe: the pipelines of this project, if this issuer vouches for them."
        if found.issuer not in (GITHUB, GITLAB):
            yield "# The public Sigstore may not know this issuer; with a Sigstore of your own:"
            yield "# [trust]"
            yield '# trusted_root = "trusted_root.json"'
        yield "[[trust.identities]]"
        yield f"identity = {_text(found.identity)}  # {found.said_by}"
        yield f"issuer = {_text(found.issuer)}  # {found.said_by}"
    else:
        yield "# Whom you believe: the holder of this key. Put the public key beside this file."
        if found.fingerprint:
            yield f"# Fingerprint, {found.said_by}: {found.fingerprint}"
        yield "[[trust.keys]]"
        yield 'key = "attest.pub"'
    yield "# level = 2  # only if those who use the builder cannot reach what it signs with"
    yield ""


def _source(found: Findings) -> Iterator[str]:
    yield "[source]"
    if found.repository:
        yield f"repository = {_exactly(found.repository)}  # {found.said_by}"
    else:
        yield '# repository = "https://gitlab.com/acme/app"'
    yield "commit_required = true"
    if found.tag or found.identity:
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


def _repository(address: str) -> str:
    """Without credentials, and only if a policy takes it."""
    plain = _sayable(without_credentials(address))
    return plain if canonical_repository(plain) else ""


def _for_every_tag(identity: str) -> str:
    """An identity for one tag will never sign again; the same pipeline for the next tag will."""
    pipeline, at, ref = identity.rpartition("@")
    if at and ref.startswith(TAGS):
        return f"/{_quoted(pipeline)}@{TAGS}.*/"
    return f"/{_quoted(identity)}/" if is_expression(identity) else identity


def _tags_of(project: str, file: str) -> str:
    return f"/{_quoted(project)}{file}@{TAGS}.*/"


def _fingerprint(hint: str) -> str:
    """cosign's hint is the SHA-256 of the public key, in base64."""
    try:
        digest = base64.b64decode(hint, validate=True)
    except ValueError:
        return ""
    return f"sha256:{digest.hex()}" if len(digest) == _SHA256 else ""


def _sayable(claim: str) -> str:
    """The claim, or nothing where a person could not check it."""
    return claim if claim.strip() and len(claim) <= _LONGEST and claim.count(".") <= _DOTS else ""


def _exactly(value: str) -> str:
    """TOML for exactly this text, even if it looks like an expression."""
    return _text(f"/{_quoted(value)}/" if is_expression(value) else value)


def _quoted(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value)


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
