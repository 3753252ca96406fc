"""Whom a certificate must name: an identity and the issuer that vouched for it, exact or by an anchored pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass

from attest.errors import UsageError


class NotVerified(Exception):
    """A certificate, log entry, timestamp or signature that does not hold; the message says which."""


@dataclass(frozen=True, slots=True)
class ExpectedIdentity:
    """One identity of one OIDC issuer; with `is_pattern` the name is a regular expression (RE2), anchored at both ends.

    Raises UsageError for an issuer or name that is missing, and for a pattern that RE2 does not take.
    """

    name: str
    issuer: str
    is_pattern: bool = False

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
        if issuer != self.issuer:
            return False
        return self._matches(name) if self.is_pattern else name == self.name

    def differs_only_in_ref(self, name: str) -> bool:
        """Whether the same pipeline signed for another branch or tag: `…//.gitlab-ci.yml@refs/heads/main`."""
        mine, at, _ = self.name.rpartition("@")
        return bool(at) and not self.is_pattern and name != self.name and name.rpartition("@")[0] == mine

    def _matches(self, name: str) -> bool:
        import re2  # google-re2: the standard library's expressions have no time limit

        options = re2.Options()
        options.log_errors = False
        options.dot_nl = False
        try:
            # A line break would end what `.` matches, and no identity has one.
            found = re2.compile(f"(?:{self.name})", options).fullmatch(name)
        except re2.error as error:
            words = error.args[0] if error.args else ""
            said = words.decode(errors="replace") if isinstance(words, bytes) else str(words)
            raise UsageError(
                f"--certificate-identity-regexp {self.name!r}: not a regular expression", f"RE2 says: {said[:200]}."
            ) from None
        return found is not None and not re.search(r"[\r\n]", name)

    def __str__(self) -> str:
        return f"{'/' if self.is_pattern else ''}{self.name}{'/' if self.is_pattern else ''} of {self.issuer}"


@dataclass(frozen=True, slots=True)
class CertifiedSigner:
    """Who a verified certificate says that signed, and what the issuer's platform asserted of the source.

    `repository`, `commit` and `ref` are Fulcio's extensions .12, .13 and .14 (fulcio/docs/oid-info.md), "" if absent.
    """

    identity: str
    issuer: str
    repository: str = ""
    commit: str = ""
    ref: str = ""

    @property
    def name(self) -> str:
        """How reports call it."""
        return f"{self.identity} of {self.issuer}"

    @property
    def fingerprint(self) -> str:
        """What tells it from other signers: two pipelines of one identity may have run for two commits."""
        return " ".join((self.issuer, self.identity, self.repository, self.commit, self.ref))
