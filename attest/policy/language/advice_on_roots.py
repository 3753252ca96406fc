"""What is wrong with whom a policy believes: keys that cannot be, identities that match too much, times that are past.

What is said of a key file is said of the file as it lies there now; keys in services are not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attest.errors import UsageError
from attest.policy.language.expression import MEANT_AS_EXPRESSION, Identities, looks_like_expression
from attest.policy.language.pinning import named
from attest.policy.language.policy_text import Remark
from attest.policy.named_file import NamedFile
from attest.policy.policy import KeyRoot, Policy
from attest.trust.held.kms import is_address
from attest.trust.identity import ExpectedIdentity
from attest.trust.scope import Scope

GITHUB: Final = "https://token.actions.githubusercontent.com"
GITLAB: Final = "https://gitlab.com"
# Issuers that give an identity to everybody who asks.
_PUBLIC: Final = frozenset(
    {
        GITHUB,
        GITLAB,
        "https://accounts.google.com",
        "https://github.com/login/oauth",
        "https://login.microsoftonline.com",
        "https://oauth2.sigstore.dev/auth",
    }
)


def at(policy: Policy, key: str, message: str) -> Remark:
    """Something to be said of one key."""
    return Remark(policy.lines.get(key, 0), f"{key}: {message}")


def scopes(policy: Policy) -> list[Scope]:
    """How far each root of trust for images is believed."""
    return [root.scope for _, root in _roots(policy)]


def _roots(policy: Policy) -> Iterator[tuple[str, KeyRoot | ExpectedIdentity]]:
    """The roots of trust for images, with the keys under which they stand."""
    yield from ((f"trust.keys[{index}]", root) for index, root in enumerate(policy.trust.keys))
    yield from ((f"trust.identities[{index}]", root) for index, root in enumerate(policy.trust.identities))


def identities(policy: Policy) -> Iterator[tuple[str, ExpectedIdentity]]:
    """Every identity that is believed for anything, with the key under which it stands."""
    yield from ((f"trust.identities[{index}]", root) for index, root in enumerate(policy.trust.identities))
    for number, rules in enumerate(policy.summaries):
        yield from ((f"summaries[{number}].identities[{index}]", root) for index, root in enumerate(rules.identities))


def _keys(policy: Policy) -> Iterator[tuple[str, KeyRoot]]:
    yield from ((f"trust.keys[{index}].key", root) for index, root in enumerate(policy.trust.keys))
    for number, rules in enumerate(policy.summaries):
        yield from ((f"summaries[{number}].keys[{index}].key", root) for index, root in enumerate(rules.keys))


def unusable_keys(policy: Policy, environ: Mapping[str, str]) -> Iterator[Remark]:
    """A file that is no public key, a key that is believed and denied, and one for images and for summaries."""
    denied: set[str] = set()
    for index, name in enumerate(policy.trust.denied_keys):
        found, why = _of_denied(name, environ)
        denied.add(found)
        if why:
            yield at(policy, f"trust.denied_keys[{index}]", why)
    of_images: set[str] = set()
    for key, root in _keys(policy):
        found, why = _of_root(root, environ)
        if why:
            yield at(policy, key, why)
        elif found and found in denied:
            yield at(policy, key, f"believed, and denied in trust.denied_keys ({found})")
        elif key.startswith("summaries") and (found or root.key) in of_images:
            yield at(policy, key, "a key of trust.keys: who signs images must not sign summaries")
        if key.startswith("trust"):
            of_images.add(found or root.key)


def shared_identities(policy: Policy) -> Iterator[Remark]:
    """An identity for images and for summaries."""
    of_images = {(root.name, root.issuer) for root in policy.trust.identities}
    for key, root in identities(policy):
        if key.startswith("summaries") and (root.name, root.issuer) in of_images:
            yield at(policy, f"{key}.identity", "one of trust.identities: who signs images must not sign summaries")


def _of_root(root: KeyRoot, environ: Mapping[str, str]) -> tuple[str, str]:
    """A key's fingerprint, or why there is none; neither for a key that is not here."""
    from attest.policy.roots import load_root

    if not root.is_inline and not _is_here(root.key, environ):
        return "", ""
    return _found(lambda: load_root(root, environ).fingerprint)


def _of_denied(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    from attest.policy.roots import denied_fingerprint

    if not name.startswith("sha256:") and not _is_here(name, environ):
        return "", ""
    return _found(lambda: denied_fingerprint(name, environ))


def _found(fingerprint: Callable[[], str]) -> tuple[str, str]:
    try:
        return fingerprint(), ""
    except UsageError as error:
        return "", _in_one_line(error)


def _in_one_line(error: UsageError) -> str:
    """Summaries have no full stop of their own."""
    return ". ".join(line.removesuffix(".") for line in str(error).split("\n"))


def _is_here(name: str, environ: Mapping[str, str]) -> bool:
    if is_address(name):
        return False
    if name.startswith("env://"):
        return name.removeprefix("env://") in environ
    try:
        return Path(NamedFile.parse(name).name).exists()
    except OSError:  # it may be there, and cannot be read
        return True


def missing_files(policy: Policy, environ: Mapping[str, str]) -> Iterator[Remark]:
    """What is to lie beside the policy and does not."""
    for key, name, _ in named(policy):
        if not is_address(name) and not _is_here(name, environ):
            yield at(policy, key, f"{NamedFile.parse(name).name} is not there")


def exchanged_root(policy: Policy, environ: Mapping[str, str]) -> Iterator[Remark]:
    """A trusted root that is not the one that was pinned."""
    root = NamedFile.parse(policy.trust.trusted_root or "")
    if root.pin is not None and _is_here(root.name, environ):
        try:
            root.read("trusted root")
        except UsageError as error:
            yield at(policy, "trust.trusted_root", _in_one_line(error))


def believed_by_everybody(policy: Policy) -> Iterator[Remark]:
    """Expressions that match every pipeline of an issuer that anybody can have pipelines at."""
    for key, root in identities(policy):
        if _is_open(root) and _pipelines_of(root).takes_strangers:
            yield at(
                policy, f"{key}.identity", f"matches everybody's pipelines, and {root.issuer} is open to everybody"
            )


def _is_open(root: ExpectedIdentity) -> bool:
    return root.is_pattern and root.issuer.rstrip("/") in _PUBLIC


def unknown_issuers(policy: Policy) -> Iterator[Remark]:
    """Issuers that no certificate can name: they are compared letter by letter."""
    for key, root in identities(policy):
        if root.issuer not in _PUBLIC and _public(root.issuer) in _PUBLIC:
            yield at(policy, f"{key}.issuer", f"can never match: certificates say {_public(root.issuer)}")


def unusual_issuers(policy: Policy) -> Iterator[Remark]:
    """Issuers that certificates hardly name."""
    for key, root in identities(policy):
        if _public(root.issuer) in _PUBLIC:
            continue
        if root.issuer.endswith("/"):
            message = "ends in a slash: it matches only if the issuer's own name of itself does"
            yield at(policy, f"{key}.issuer", message)
        if not root.issuer.startswith("https://"):
            yield at(policy, f"{key}.issuer", "begins without https://, as hardly any issuer's name does")


def _public(issuer: str) -> str:
    return f"https://{issuer.partition('://')[2]}".rstrip("/")


def windows(policy: Policy, now: datetime) -> Iterator[Remark]:
    """Times that are past, or still to come."""
    for key, root in _roots(policy):
        start, end, oldest = root.scope.not_before, root.scope.not_after, policy.build.max_age
        if end is not None and oldest is not None and end < now - oldest:
            yield at(policy, f"{key}.not_after", "what was signed before then is older than build.max_age allows")
        elif end is not None and end < now:
            yield at(policy, f"{key}.not_after", "is past: only what was signed before it is believed")
        if start is not None and start > now:
            yield at(policy, f"{key}.not_before", "is still to come: nothing is believed until then")


def wide_identities(policy: Policy) -> Iterator[Remark]:
    """Identities that match more, or less, than is meant."""
    any_ref = not policy.source.branches and not policy.source.tags
    for key, root in identities(policy):
        if not root.is_pattern:
            yield from (at(policy, f"{key}.identity", fault) for fault in _of_exact(root))
            continue
        expression = _pipelines_of(root)
        if expression.takes_strangers and _is_open(root):
            continue  # an error already
        yield from (at(policy, f"{key}.identity", fault) for fault in expression.faults())
        if any_ref and expression.takes_any_ref:
            message = "matches every branch and merge request, and [source] names no branches or tags"
            yield at(policy, f"{key}.identity", message)


def _of_exact(root: ExpectedIdentity) -> Iterator[str]:
    if looks_like_expression(root.name):
        yield MEANT_AS_EXPRESSION
    elif root.issuer.rstrip("/") in (GITHUB, GITLAB) and "@refs/" not in root.name:
        yield "names no ref: the identities of this issuer's pipelines end in @refs/heads/… or @refs/tags/…"


def _pipelines_of(root: ExpectedIdentity) -> Identities:
    """GitHub's issuer is another host than its pipelines'; other issuers are where theirs are."""
    if root.issuer.rstrip("/") == GITHUB:
        return Identities(root.name, "github.com")
    is_people = root.issuer.rstrip("/") in _PUBLIC - {GITLAB}
    return Identities(root.name, "" if is_people else urlsplit(root.issuer).hostname or "")
