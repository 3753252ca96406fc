"""Reading a policy file: TOML becomes a Policy, or one error that tells every fault with its line.

docs/policy.md is the language for people, schemas/policy.v1.schema.json for programs; tests hold the three together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

from attest.policy.language.exact import (
    other_than_branch,
    other_than_denied_key,
    other_than_file,
    other_than_image_name,
    other_than_issuer,
    other_than_key,
    other_than_repository,
    other_than_repository_name,
    other_than_tag,
    other_than_template,
)
from attest.policy.language.fields import Faults, Table
from attest.policy.language.pinning import unpinned
from attest.policy.language.policy_text import PolicyText, read_policy_text, refused
from attest.policy.language.toml_lines import as_key
from attest.policy.policy import (
    Accepted,
    BaseImageRules,
    BuildRules,
    KeyRoot,
    ParameterRules,
    Policy,
    SbomRules,
    SourceRules,
    SummaryRules,
    TrustRules,
    Voucher,
    is_pem,
)
from attest.trust.held.kms import is_address
from attest.trust.identity import ExpectedIdentity
from attest.trust.scope import Scope

SCHEMA: Final = "policy.v1"
LEVELS: Final = (1, 3)


def read_policy(argument: str) -> Policy:
    """Read FILE, or FILE@sha256:HEX if its bytes have that digest. Raises UsageError that tells every fault.

    A policy that is pinned is refused if it names anything that is not.
    """
    source = read_policy_text(argument)
    faults = Faults(source.lines)
    policy = _Reading(source, Table(source.document, (), faults)).policy()
    found = faults.found or (list(unpinned(policy)) if source.is_pinned else [])
    if found:
        raise refused(source.uri, found)
    return policy


@dataclass(frozen=True, slots=True)
class _Reading:
    """One file and its outermost table; each method reads one table of the language."""

    source: PolicyText
    top: Table

    def policy(self) -> Policy:
        top = self.top
        top.require("schema")
        top.text("schema", lambda text: "" if text == SCHEMA else f'"{SCHEMA}"')
        policy = Policy(
            self.source.uri,
            self.source.digest,
            {as_key(path): line for path, line in self.source.lines.items()},
            images=top.patterns("images", "the policy speaks for no image", other_than_image_name),
            image_tag=top.text("image_tag", other_than_template),
            denied_digests=top.digests("denied_digests"),
            signature_required=top.truth("signature_required"),
            trust=self._trust(top.table("trust")),
            source=_source(top.table("source")),
            build=_build(top.table("build")),
            parameters=_parameters(top.table("parameters")),
            base_images=_base_images(top.table("base_images")),
            sbom=_sbom(top.table("sbom")),
            summaries=tuple(self._summaries(top)),
        )
        top.close()
        return policy

    def _trust(self, table: Table) -> TrustRules:
        root = table.text("trusted_root", other_than_file)
        rules = TrustRules(
            tuple(self._keys(table, self._scope)),
            tuple(self._identities(table, self._scope)),
            self._beside(root) if root else None,
            tuple(self._denied(table)),
        )
        table.close()
        return rules

    def _denied(self, table: Table) -> Iterator[str]:
        """Fingerprints stay; files lie beside the policy."""
        for text in table.texts("denied_keys", "no key is denied", other_than_denied_key):
            yield text if text.startswith("sha256:") else self._beside(text)

    def _keys(self, table: Table, scope: Callable[[Table], Scope]) -> Iterator[KeyRoot]:
        for item in table.tables("keys"):
            item.require("key")
            key = item.text("key", other_than_key)
            root = KeyRoot(self._beside(key), scope(item))
            item.close()
            yield root

    def _identities(self, table: Table, scope: Callable[[Table], Scope]) -> Iterator[ExpectedIdentity]:
        for item in table.tables("identities"):
            item.require("identity", "issuer")
            identity, issuer = item.pattern("identity"), item.text("issuer", other_than_issuer)
            reach = scope(item)
            item.close()
            if identity is not None and issuer:
                name = identity.text[1:-1] if identity.is_expression else identity.text
                yield ExpectedIdentity(name, issuer, identity.is_expression, reach)

    def _scope(self, item: Table) -> Scope:
        """How far who signs images is believed."""
        level = item.number("level", *LEVELS, default=1)
        builders = item.texts("builders", "it speaks for no builder")
        is_isolated = item.truth("isolated")
        return replace(self._window(item), level=level, builders=builders, is_isolated=is_isolated)

    def _window(self, item: Table) -> Scope:
        """When somebody is believed: of who signs summaries nothing else matters, since these name the level."""
        start, end = item.time("not_before"), item.time("not_after")
        if start is not None and end is not None and start >= end:
            item.fault("not_after", f"expected a time after not_before ({start:%Y-%m-%dT%H:%M:%SZ})")
        return Scope(not_before=start, not_after=end, origin=f"{self.source.uri}:{item.line()}")

    def _summaries(self, top: Table) -> Iterator[SummaryRules]:
        for item in top.tables("summaries"):
            item.require("verifier")
            if not item.has("keys") and not item.has("identities"):
                item.fault("keys", "missing, and identities too: nobody is believed as this verifier")
            rules = SummaryRules(
                item.text("verifier"),
                tuple(self._keys(item, self._window)),
                tuple(self._identities(item, self._window)),
                item.age("max_age"),
            )
            item.close()
            yield rules

    def _beside(self, name: str) -> str:
        """Files lie beside the policy, wherever it is read from; keys, variables and services stay as they are."""
        if is_pem(name) or name.startswith("env://") or is_address(name):
            return name
        return str(Path(self.source.uri).parent / name)


def _source(table: Table) -> SourceRules:
    rules = SourceRules(
        table.pattern("repository", other_than_repository),
        table.patterns("branches", "no branch will do", other_than_branch),
        table.patterns("tags", "no tag will do", other_than_tag),
        table.truth("commit_required"),
        table.truth("clean"),
        table.words("vouchers", get_args(Voucher)),
        table.truth("certificate_alone"),
        tuple(_accepted(table)),
    )
    table.close()
    return rules


def _accepted(table: Table) -> Iterator[Accepted]:
    for item in table.tables("accepted"):
        item.require("name", "digest")
        name, digest = item.text("name"), item.digest("digest")
        item.close()
        if digest is not None:
            yield Accepted(name, digest)


def _build(table: Table) -> BuildRules:
    rules = BuildRules(
        table.patterns("builders", "no builder will do"),
        table.patterns("types", "no build type will do"),
        table.truth("hermetic"),
        table.truth("complete"),
        table.age("max_age"),
        table.number("level", *LEVELS, default=0),
    )
    table.close()
    return rules


def _parameters(table: Table) -> ParameterRules:
    rules = ParameterRules(table.truth("closed"), table.table("allowed").named_patterns())
    table.close()
    return rules


def _base_images(table: Table) -> BaseImageRules:
    repositories = table.patterns("repositories", "no image will do to build from", other_than_repository_name)
    rules = BaseImageRules(repositories, table.truth("pinned"))
    table.close()
    return rules


def _sbom(table: Table) -> SbomRules:
    rules = SbomRules(table.truth("required"), table.words("formats", ("spdx", "cyclonedx")), table.truth("components"))
    table.close()
    return rules
