"""What a policy file says, as values. How it is written is docs/policy.md; reading it is attest.policy.language's work.

Every default asks for nothing: what a policy does not mention is not checked, and nobody is believed by default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from attest.policy.pattern import Pattern
from attest.reference import Digest
from attest.trust.identity import ExpectedIdentity
from attest.trust.scope import Scope

Voucher = Literal["certificate", "builder", "signer"]


def is_pem(key: str) -> bool:
    """Whether this is a key itself, and not the name of one."""
    return key.lstrip().startswith("-----BEGIN ")


@dataclass(frozen=True, slots=True)
class KeyRoot:
    """A key that is believed, and how far: a PEM file beside the policy (or FILE@sha256:HEX), an address, or PEM."""

    key: str
    scope: Scope

    @property
    def is_inline(self) -> bool:
        """Whether the policy holds the key itself."""
        return is_pem(self.key)

    @property
    def name(self) -> str:
        """How reports call it."""
        return self.scope.origin if self.is_inline else self.key


@dataclass(frozen=True, slots=True)
class TrustRules:
    """`[trust]`: the roots of trust. `denied_keys` are fingerprints or key files that are believed no longer.

    Files may be pinned, as FILE@sha256:HEX (attest.policy.named_file).
    """

    keys: tuple[KeyRoot, ...] = ()
    identities: tuple[ExpectedIdentity, ...] = ()
    trusted_root: str | None = None
    denied_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A replacement of part of the source that is accepted, by its name and the digest of what it brings in."""

    name: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class SourceRules:
    """`[source]`. An empty `vouchers` leaves the rule of design: with a certificate, the signer's word is not enough.

    With `certificate_alone` a certificate's claims count beside provenance that names no commit at all.
    """

    repository: Pattern | None = None
    branches: tuple[Pattern, ...] = ()
    tags: tuple[Pattern, ...] = ()
    commit_required: bool = False
    clean: bool = False
    vouchers: tuple[Voucher, ...] = ()
    certificate_alone: bool = False
    accepted: tuple[Accepted, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildRules:
    """`[build]`. Builder ids without a ref match any; `max_age` counts from the end of the build."""

    builders: tuple[Pattern, ...] = ()
    types: tuple[Pattern, ...] = ()
    hermetic: bool = False
    complete: bool = False
    max_age: timedelta | None = None
    level: int = 0


@dataclass(frozen=True, slots=True)
class ParameterRules:
    """`[parameters]`: the build's external parameters by name, `build-arg:NAME`, `target`, `frontend`, `secret:ID`….

    Those named must have one of the values; with `closed` everything that is not named is refused.
    """

    closed: bool = False
    allowed: Mapping[str, tuple[Pattern, ...]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class BaseImageRules:
    """`[base_images]`: from which repositories, as `docker.io/library/alpine`, and whether pinned by digest."""

    repositories: tuple[Pattern, ...] = ()
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class SbomRules:
    """`[sbom]`. Each of them demands an SBOM; with `components` one that lists nothing is none."""

    required: bool = False
    formats: tuple[Literal["spdx", "cyclonedx"], ...] = ()
    components: bool = False


@dataclass(frozen=True, slots=True)
class SummaryRules:
    """`[[summaries]]`: a verifier whose verification summaries are accepted instead of the evidence.

    Only those count that say that it judged by this very policy. Its keys are never those of images.
    """

    verifier: str
    keys: tuple[KeyRoot, ...] = ()
    identities: tuple[ExpectedIdentity, ...] = ()
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy file. `digest` is of its exact bytes, `lines` say where each key stands."""

    uri: str
    digest: Digest
    lines: Mapping[str, int] = field(hash=False)
    images: tuple[Pattern, ...] = ()
    image_tag: str = ""
    denied_digests: tuple[Digest, ...] = ()
    signature_required: bool = False
    trust: TrustRules = TrustRules()
    source: SourceRules = SourceRules()
    build: BuildRules = BuildRules()
    parameters: ParameterRules = ParameterRules()
    base_images: BaseImageRules = BaseImageRules()
    sbom: SbomRules = SbomRules()
    summaries: tuple[SummaryRules, ...] = ()

    def origin(self, key: str) -> str:
        """Where an expectation stands: `policy.toml:12`."""
        line = self.lines.get(key)
        return f"{self.uri}:{line}" if line else self.uri
