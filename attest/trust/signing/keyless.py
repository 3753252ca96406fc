"""Keyless signing: one certificate for ten minutes, asked for when the first signature is due, and used for all.

What is signed is the exact bytes given (sigstore signs them verbatim). Each bundle is checked against the instance's
own root before anybody gets to see it: a service that lies is found out while nothing is attached.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attest.errors import MalformedStatement, Unreadable
from attest.evidence.bundle import parse_bundle
from attest.evidence.certificate import claimed_identity
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import ExpectedIdentity, NotVerified
from attest.trust.patience import PATIENCE, Patience
from attest.trust.signatures import Trust
from attest.trust.signing.identity_token import AskForToken, IdentityToken
from attest.trust.signing.sigstore_instance import Instance

if TYPE_CHECKING:
    from sigstore.sign import Signer
    from sigstore.verify import Verifier

    from attest.trust.certified.trusted_root import TrustedRoot


@dataclass(frozen=True)
class KeylessSigner:
    """Signs as whoever the token names. `announce` hears of the token before any service does."""

    instance: Instance
    ask_for_token: AskForToken
    announce: Callable[[IdentityToken], None]
    patience: Patience = PATIENCE

    @property
    def name(self) -> str:
        """The identity in the certificate, as reports show it."""
        identity = self._certified[1]
        return f"{identity.name} of {identity.issuer}"

    @property
    def trust(self) -> Trust:
        """This very identity, proven by this very instance."""
        return Trust((), (self._certified[1],), self._roots)

    def sign_statement(self, statement: bytes) -> bytes:
        """A bundle v0.3 with certificate, log entry and timestamps. Raises InvalidToken, StoreError."""
        signer, identity = self._certified
        bundle = self.patience.persistently(lambda: self.instance.sign(signer, statement))
        where = f"what the services of {self.instance.log} made"
        try:
            parsed = parse_bundle(bundle, where)
            signed_by = self._roots.signer_of(parsed)
        except (NotVerified, MalformedStatement) as error:
            raise Unreadable(f"{where} does not verify; nothing was attached", str(error)) from None
        if parsed.envelope.payload != statement or not identity.accepts(signed_by.identity, signed_by.issuer):
            raise Unreadable(f"{where} is not what was asked for; nothing was attached")
        return bundle

    @functools.cached_property
    def _certified(self) -> tuple[Signer, ExpectedIdentity]:
        token = self.ask_for_token(self.instance.log_in)
        self.announce(token)
        signer, certificate = self.instance.certify(token, self.patience)
        claimed = claimed_identity(certificate)
        if not claimed.name or not claimed.issuer:
            raise Unreadable(f"the certificate authority of {self.instance.log} certifies nobody; nothing was attached")
        return signer, ExpectedIdentity(claimed.name, claimed.issuer)

    @functools.cached_property
    def _roots(self) -> TrustedRoots:
        return _RootsOfInstance(instance=self.instance)


@dataclass(frozen=True)
class _RootsOfInstance(TrustedRoots):
    """The roots that come with the configuration that was signed by, which may be newer than those in the wheel."""

    instance: Instance | None = None

    @functools.cached_property
    def _verifier(self) -> Verifier:
        from sigstore.verify import Verifier

        assert self.instance is not None  # noqa: S101 - only a default because the base has one
        return Verifier(trusted_root=self.instance.trusted_root)

    @functools.cached_property
    def _root(self) -> TrustedRoot:
        from attest.trust.certified.trusted_root import parse_trusted_root

        assert self.instance is not None  # noqa: S101 - only a default because the base has one
        return parse_trusted_root(self.instance.trusted_root_json, "the instance's trusted root")
