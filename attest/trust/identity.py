"""Whom a certificate must name: an identity and the issuer that vouched for it, exact or by an anchored pattern."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from attest.errors import UsageError
from attest.trust.expression import matches
from attest.trust.scope import ANYWHERE, Scope, widest


class NotVerified(Exception):
    """A certificate, log entry, timestamp or signature that does not hold; the message says which.

    `hint` is what may be behind it, for people.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ExpectedIdentity:
    """One identity of one OIDC issuer; with `is_pattern` the name is a regular expression (RE2), anchored at both ends.

    `within` must accept the signer as well: a command line narrows what a policy accepts.
    Raises UsageError for an issuer or name that is missing, and for a pattern that RE2 does not take.
    """

    name: str
    issuer: str
    is_pattern: bool = False
    scope: Scope = ANYWHERE
    within: ExpectedIdentity | None = None

    def __post_init__(self) -> None:
        if not self.name or not self.issuer:
            missing = "--certificate-oidc-issuer" if self.name else "--certificate-identity"
            raise UsageError(
                f"{missing} is missing: an identity is a name and the issuer that vouches for it",
                "",
                "For GitLab the issuer is its address: https://gitlab.com.",
            )
        if self.is_pattern:
            self._matches("")

    def accepts(self, name: str, issuer: str) -> bool:
        """Whether a certificate that names these is by this identity."""
        if issuer != self.issuer or (self.within is not None and not self.within.accepts(name, issuer)):
            return False
        return self._matches(name) if self.is_pattern else name == self.name

    def differs_only_in_ref(self, name: str) -> bool:
        """Whether the same pipeline signed for another branch or tag: `…//.gitlab-ci.yml@refs/heads/main`."""
        mine, at, _ = self.name.rpartition("@")
        return bool(at) and not self.is_pattern and name != self.name and name.rpartition("@")[0] == mine

    def _matches(self, name: str) -> bool:
        try:
            return matches(self.name, name)
        except ValueError as error:
            raise UsageError(
                f"--certificate-identity-regexp {self.name!r}: not a regular expression", f"RE2 says: {error}."
            ) from None

    def __str__(self) -> str:
        return f"{'/' if self.is_pattern else ''}{self.name}{'/' if self.is_pattern else ''} of {self.issuer}"


@dataclass(frozen=True, slots=True)
class CertifiedSigner:
    """Who a verified certificate says that signed, and what the issuer's platform asserted of the source.

    `repository`, `commit` and `ref` are Fulcio's extensions .12, .13 and .14 (fulcio/docs/oid-info.md), "" if absent.
    It signed between `not_before` and `not_after`, when its certificate was valid.
    """

    identity: str
    issuer: str
    repository: str = ""
    commit: str = ""
    ref: str = ""
    not_before: datetime = field(default=datetime.min.replace(tzinfo=UTC), compare=False)
    not_after: datetime = field(default=datetime.max.replace(tzinfo=UTC), compare=False)
    scopes: tuple[Scope, ...] = field(default=(), compare=False)

    @property
    def all_scopes(self) -> tuple[Scope, ...]:
        """Each way in which it is believed."""
        return self.scopes

    def with_scopes(self, scopes: tuple[Scope, ...]) -> CertifiedSigner:
        """The same, believed in these ways."""
        return replace(self, scopes=scopes)

    def scope_for(self, builder: str) -> Scope:
        """How far it is believed about what this builder built."""
        return widest(self.scopes, builder)

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.identity} of {self.issuer}"

    @property
    def fingerprint(self) -> str:
        """What tells it from other signers: two pipelines of one identity may have run for two commits."""
        return repr((self.issuer, self.identity, self.repository, self.commit, self.ref))
