"""Options that say whom to believe, and the trust that they and a policy make together."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from attest.cli.options import identity_options, load_roots, offline_option, parse_identities, require_askable, stated
from attest.errors import UsageError
from attest.policy.named_file import NamedFile
from attest.policy.policy import Policy

if TYPE_CHECKING:
    from attest.policy.summaries import Verifier
    from attest.trust.signatures import Trust

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Believed:
    """What --key, --certificate-…, --trusted-root, --update-trusted-root and --offline say."""

    keys: tuple[str, ...]
    identity: str | None
    identity_regexp: str | None
    issuer: str | None
    trusted_root: Path | None
    update_trusted_root: bool
    offline: bool

    def with_policy(self, policy: Policy | None) -> tuple[Trust, tuple[Verifier, ...]]:
        """The trust that flags and policy name together, and the verifiers whose summaries are accepted.

        Raises UsageError for what they cannot both mean, InvalidKey, and StoreError where a root must be fetched.
        """
        from attest.policy.roots import believed, needs_roots
        from attest.policy.summaries import load_verifiers
        from attest.trust.keys import load_public_key

        of_policy = policy.trust if policy else None
        summaries = policy.summaries if policy else ()
        key_roots = [*(of_policy.keys if of_policy else ()), *(root for rules in summaries for root in rules.keys)]
        denied = of_policy.denied_keys if of_policy else ()
        require_askable(
            (*self.keys, *(root.key for root in key_roots), *denied),
            self.trusted_root,
            self.update_trusted_root,
            self.offline,
        )
        identities = parse_identities(self.identity, self.identity_regexp, self.issuer)
        keys = tuple(load_public_key(key, os.environ) for key in self.keys)
        named = [*identities, *(of_policy.identities if of_policy else ())]
        named += [one for rules in summaries for one in rules.identities]
        wanted = needs_roots(key_roots, named) or self.trusted_root is not None or self.update_trusted_root
        roots = load_roots(self._root_file(policy), self.update_trusted_root) if wanted else None
        trust = believed(policy, keys, identities, roots, os.environ)
        return trust, load_verifiers(policy, trust, roots, os.environ) if policy else ()

    def _root_file(self, policy: Policy | None) -> Path | None:
        """Whose certificates are believed decides as much as who is: a policy with identities says it, or means the
        public instance.
        """
        if policy is None or not (_needs_root(policy) or policy.trust.trusted_root):
            return self.trusted_root
        root = NamedFile.parse(policy.trust.trusted_root) if policy.trust.trusted_root is not None else None
        path = Path(root.name) if root is not None else None
        if self.trusted_root is not None and self.trusted_root != path:
            remedy = "Write trusted_root into the policy's [trust]."
            raise UsageError(f"--trusted-root {self.trusted_root}: not the root of {policy.uri}", "", remedy)
        if self.update_trusted_root and root is not None:
            raise UsageError(f"--update-trusted-root: {policy.uri} names a root of its own")
        if root is not None and root.pin is not None:
            root.read("trusted root")
        return path


def _needs_root(policy: Policy) -> bool:
    """Whether certificates, or the times of keys, are looked at because the policy says so."""
    keys = [*policy.trust.keys, *(root for rules in policy.summaries for root in rules.keys)]
    identities = [*policy.trust.identities, *(one for rules in policy.summaries for one in rules.identities)]
    return bool(identities) or any(root.scope.has_window for root in keys)


def belief_options(command: F) -> Callable[..., int]:
    """They decide trust, so they have no environment variables; the command gets them as one `who`."""

    @functools.wraps(command)
    def bundled(
        keys: tuple[str, ...],
        certificate_identity: str | None,
        certificate_identity_regexp: str | None,
        certificate_oidc_issuer: str | None,
        trusted_root: Path | None,
        update_trusted_root: bool,
        offline: bool,
        **rest: Any,
    ) -> int:
        identity = (certificate_identity, certificate_identity_regexp, certificate_oidc_issuer)
        return int(command(who=Believed(keys, *identity, trusted_root, update_trusted_root, offline), **rest))

    text = "A public key whose holder you believe: a file, env://NAME or a service's address (repeatable)."
    key = click.option("--key", "keys", metavar="FILE", multiple=True, callback=stated, help=text)
    return key(identity_options(offline_option(bundled)))
