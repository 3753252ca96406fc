"""What a policy can be drafted of: what an image claims of itself, or what a project's pipelines will be.

What an image says of itself is unverified, and may be written by somebody who wants to be believed: it goes into the
draft as plain text, never as an expression, and says where it comes from.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from attest.errors import UsageError
from attest.evidence.attestation import Evidence
from attest.evidence.certificate import claimed_identity
from attest.evidence.provenance import HEADS, TAGS, read_provenance
from attest.evidence.repository import canonical_repository, without_credentials
from attest.evidence.statement import CI_JOB
from attest.oci.document import child, text
from attest.policy.language.advice_on_roots import GITHUB, GITLAB
from attest.policy.language.exact import other_than_branch, other_than_image_name
from attest.policy.language.expression import is_expression
from attest.policy.named_file import NamedFile
from attest.reference import Digest, ImageReference

_LONGEST: Final = 500  # characters of a claim; nobody checks a longer one by eye
_DOTS: Final = 50
_SHA256: Final = 32  # bytes
_KEY_FILES: Final = 100  # that are looked at
_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
_GITLAB_FILE: Final = ".gitlab-ci.yml"
_ISSUED: Final = re.compile(r"https://[!-~]+")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a draft is made of; "" is not known. `said_by` tells who says it, `origin` where it was found.

    `identity` is an identity or an expression between slashes, as the policy language has them; `key` a file with its
    digest. `by_key` says that no identity is to be believed, although there is one.
    """

    origin: str
    said_by: str
    images: str = ""
    image_tag: str = ""
    repository: str = ""
    tag: str = ""
    branch: str = ""
    builder: str = ""
    build_type: str = ""
    identity: str = ""
    issuer: str = ""
    fingerprint: str = ""
    key: str = ""
    by_key: bool = False


def findings_of_image(reference: ImageReference, evidence: Evidence, folder: Path) -> Findings:
    """What is attached to an image claims, nothing of it verified; of several claims the first.

    The keys in `folder` are the reader's own: one that made a signature here is believed rather than what is claimed.
    """
    said: dict[str, Any] = {}
    for attestation in evidence.attestations:
        provenance = read_provenance(attestation.statement)
        if provenance is not None:
            fact = provenance.fact("repository")
            said.setdefault("repository", _repository(fact.value if fact else ""))
            said.setdefault("builder", _sayable(provenance.builder))
            said.setdefault("build_type", _sayable(provenance.build_type))
        if attestation.statement.predicate_type == CI_JOB:
            source = child(attestation.statement.predicate, "source")
            said.setdefault("tag", _sayable(text(source, "tag")))
            said.setdefault("branch", _branch(text(source, "branch")))
        if attestation.bundle is not None and attestation.bundle.certificate is not None:
            claimed = claimed_identity(attestation.bundle.certificate)
            said.setdefault("identity", _for_every_tag(_sayable(claimed.name)))
            said.setdefault("issuer", claimed.issuer if _ISSUED.fullmatch(_sayable(claimed.issuer)) else "")
    hints = (one.bundle.key_hint for one in evidence.attestations if one.bundle and not one.bundle.certificate)
    fingerprints = [fingerprint for hint in hints if (fingerprint := _fingerprint(hint))]
    key, fingerprint = _key_in(folder, fingerprints) or ("", next(iter(fingerprints), ""))
    found = Findings(str(reference), "as the image claims; check it", reference.name, reference.tag or "", **said)
    return replace(found, fingerprint=fingerprint, key=key, by_key=bool(key))


def findings_of_project(
    repository: str, origin: str, server: str = "", configuration: str = "", ref: str = "", image: str = ""
) -> Findings:
    """What a project's pipelines will be, for refs of the kind of `ref`; tags where nothing is known of it.

    `server` is GitLab's address and `image` the project's image where its job says them.
    """
    canonical = canonical_repository(repository)
    host, _, path = canonical.partition("/")
    start = repository.lower().find(path.lower()) if path else -1
    address = f"https://{host}/{repository[start : start + len(path)]}" if start >= 0 else ""
    found = Findings(
        origin,
        f"from {origin}",
        images=image if image and not other_than_image_name(image) else "",
        image_tag=_name(ref, TAGS),
        repository=address,
        tag=_name(ref, TAGS),
        branch=_branch(_name(ref, HEADS)),
    )
    if host == "github.com":
        file = quoted(configuration) if configuration else r"\.github/workflows/[^@/]+"
        return replace(found, identity=_pipelines(f"{address}/", file, found.branch), issuer=GITHUB)
    if server or host.startswith("gitlab."):
        issuer = server.rstrip("/") or f"https://{host}"
        # Where the configuration is another project's (`file@group/project`), the identity is another one too.
        file = configuration if configuration and "@" not in configuration else _GITLAB_FILE
        identity = _pipelines(f"{address}//", quoted(file), found.branch)
        return replace(found, identity=identity, issuer=issuer, by_key=issuer != GITLAB)
    return found


def _name(ref: str, kind: str) -> str:
    return ref.removeprefix(kind) if ref.startswith(kind) else ""


def _branch(claim: str) -> str:
    """Nothing where a policy would refuse the name."""
    return _sayable(claim) if is_expression(claim) or not other_than_branch(claim) else ""


def _key_in(folder: Path, fingerprints: Collection[str]) -> tuple[str, str] | None:
    """A public key among the files of `folder` that has one of these fingerprints, named with its digest."""
    from attest.trust.keys import parse_public_key

    for path in sorted(folder.glob("*.pub"))[:_KEY_FILES]:
        try:
            content = NamedFile(str(path)).read("key")
            fingerprint = parse_public_key(path.name, content).fingerprint
        except UsageError:  # another kind of file, which is nothing to a draft
            continue
        if fingerprint in fingerprints:
            return f"{path.name}@{Digest.of(content)}", fingerprint
    return None


def _repository(address: str) -> str:
    """Without credentials, and only if a policy takes it."""
    plain = _sayable(without_credentials(address))
    return plain if canonical_repository(plain) else ""


def _for_every_tag(identity: str) -> str:
    """An identity for one tag will never sign again; the same pipeline for the next tag will."""
    pipeline, at, ref = identity.rpartition("@")
    if at and ref.startswith(TAGS):
        return f"/{quoted(pipeline)}@{TAGS}.*/"
    return f"/{quoted(identity)}/" if is_expression(identity) else identity


def _pipelines(project: str, file: str, branch: str) -> str:
    return f"/{quoted(project)}{file}@{HEADS + quoted(branch) if branch else TAGS + '.*'}/"


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


def quoted(value: str) -> str:
    """The text as an expression for exactly this text."""
    return _SPECIAL.sub(r"\\\1", value)
