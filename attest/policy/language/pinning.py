"""A policy that is pinned pins all that it names: else whoever can exchange a file beside it says whom it believes.

So does whoever sets the variables by which a key is found: `env://NAME`, or where a service is (VAULT_ADDR).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from attest.errors import UsageError
from attest.policy.language.policy_text import Remark
from attest.policy.named_file import NamedFile
from attest.policy.policy import Policy
from attest.reference import Digest
from attest.trust.held.kms import is_address

_ENVIRONMENT: Final = "env://"


def named(policy: Policy) -> Iterator[tuple[str, str, str]]:
    """What a policy names and does not hold itself: the key, the name, and what people call it."""
    roots = [("trust", policy.trust.keys)]
    roots += [(f"summaries[{number}]", rules.keys) for number, rules in enumerate(policy.summaries)]
    for table, keys in roots:
        yield from ((f"{table}.keys[{n}].key", root.key, "key") for n, root in enumerate(keys) if not root.is_inline)
    for n, name in enumerate(policy.trust.denied_keys):
        if not name.startswith("sha256:"):
            yield f"trust.denied_keys[{n}]", name, "key"
    if policy.trust.trusted_root is not None:
        yield "trust.trusted_root", policy.trust.trusted_root, "trusted root"


def unpinned(policy: Policy) -> Iterator[Remark]:
    """What somebody could exchange without a change of the policy, and what to write instead."""
    for key, name, what in named(policy):
        if not is_address(name) and NamedFile.parse(name).pin is not None:
            continue
        yield Remark(policy.lines.get(key, 0), f"{key}: {_what_to_write(policy, name, what)}")


def _what_to_write(policy: Policy, name: str, what: str) -> str:
    instead = "the key itself (-----BEGIN PUBLIC KEY-----…) or FILE@sha256:…"
    if is_address(name):
        return f"whoever sets the service's variables chooses who answers at {name}, pinned or not; write {instead}"
    if name.startswith(_ENVIRONMENT):
        variable = name.removeprefix(_ENVIRONMENT)
        return f"whoever sets the variable {variable} chooses the key, pinned or not; write {instead}"
    folder, path = Path(policy.uri).parent, Path(name)
    written = str(path.relative_to(folder)) if path.is_relative_to(folder) else name
    try:
        pinned = f"{written}@{Digest.of(NamedFile(name).read(what))}"
    except UsageError as error:
        return f"a pinned policy pins {written} too, which cannot be: {error.summary}"
    return f"a pinned policy pins {written} too; write {json.dumps(pinned, ensure_ascii=False)}"
