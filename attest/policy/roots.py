"""Whom a policy and a command line believe together: the policy's roots of trust, narrowed by the flags.

Where a policy names roots, a flag can only choose among them; where it names none, the flags say who is believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from attest.errors import UsageError
from attest.policy.named_file import NamedFile
from attest.policy.policy import KeyRoot, Policy
from attest.trust.identity import ExpectedIdentity
from attest.trust.keys import PublicKey, load_public_key, parse_public_key
from attest.trust.signatures import Roots, Trust


def believed(
    policy: Policy | None,
    keys: Sequence[PublicKey],
    identities: Sequence[ExpectedIdentity],
    roots: Roots | None,
    environ: Mapping[str, str],
) -> Trust:
    """The trust that both name. Raises UsageError where a flag names somebody whom the policy does not, InvalidKey."""
    if policy is None:
        return Trust(tuple(keys), tuple(identities), roots)
    denied = frozenset(denied_fingerprint(name, environ) for name in policy.trust.denied_keys)
    of_policy = tuple(load_root(root, environ) for root in policy.trust.keys)
    if not (of_policy or policy.trust.identities):
        return Trust(tuple(keys), tuple(identities), roots, denied)
    if not (keys or identities):
        return Trust(of_policy, policy.trust.identities, roots, denied)
    return Trust(tuple(_among(keys, of_policy, policy)), tuple(_within(identities, policy)), roots, denied)


def needs_roots(trust_keys: Sequence[KeyRoot], identities: Sequence[ExpectedIdentity]) -> bool:
    """Whether certificates or logs will be looked at: for identities, and for keys that are believed for some time."""
    return bool(identities) or any(root.scope.has_window for root in trust_keys)


def load_root(root: KeyRoot, environ: Mapping[str, str]) -> PublicKey:
    """A policy's key. Raises InvalidKey, UsageError, StoreError."""
    inline = parse_public_key(root.name, root.key.encode()) if root.is_inline else None
    return replace(inline or _named(root.key, environ), scope=root.scope)


def denied_fingerprint(name: str, environ: Mapping[str, str]) -> str:
    """Of a key that a policy denies, by its fingerprint or its file. Raises InvalidKey, UsageError, StoreError."""
    return name if name.startswith("sha256:") else _named(name, environ).fingerprint


def _named(name: str, environ: Mapping[str, str]) -> PublicKey:
    file = NamedFile.parse(name)
    if file.pin is None:
        return load_public_key(name, environ)
    return parse_public_key(file.name, file.read("key"))


def _among(keys: Sequence[PublicKey], of_policy: Sequence[PublicKey], policy: Policy) -> Iterator[PublicKey]:
    """The policy's roots for these keys, with their scopes."""
    for key in keys:
        same = [root for root in of_policy if root.fingerprint == key.fingerprint]
        if not same:
            raise UsageError(f"--key {key.name}: not a root of trust of {policy.uri}", "", _ONLY_TIGHTEN)
        yield from same


def _within(identities: Sequence[ExpectedIdentity], policy: Policy) -> Iterator[ExpectedIdentity]:
    """The policy's identities, each narrowed by one of the command line's."""
    of_policy = policy.trust.identities
    for given in identities:
        same = [root for root in of_policy if root.issuer == given.issuer and _may_meet(root, given)]
        if not same:
            raise UsageError(f"{given}: no root of trust of {policy.uri} is this identity", "", _ONLY_TIGHTEN)
        yield from (replace(root, within=given) for root in same)


def _may_meet(one: ExpectedIdentity, other: ExpectedIdentity) -> bool:
    """Whether somebody may be both; of two expressions nobody can tell."""
    if one.is_pattern and other.is_pattern:
        return True
    exact, any_ = (other, one) if one.is_pattern else (one, other)
    return any_.accepts(exact.name, exact.issuer)


_ONLY_TIGHTEN = "Flags only tighten a policy: name one of its roots, or change the policy."
