"""The public Sigstore's trusted root as its update framework (TUF) has it today: fetched only when the user asks.

Verification asks nobody, so its root is as old as sigstore's wheel. A refresh that fails is an error and never falls
back on an older root: who asks for today's may have heard that a key was withdrawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attest.errors import Unreadable, UsageError
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.patience import PATIENCE, Patience
from attest.trust.sigstore_border import sigstore_border, writable_cache

PUBLIC: Final = "https://tuf-repo-cdn.sigstore.dev"


def refreshed_roots(repository: str = PUBLIC, first: Path | None = None, patience: Patience = PATIENCE) -> TrustedRoots:
    """What certificates are checked against as of today; the file stays in the cache of sigstore's library.

    `first` is the root.json that a repository other than sigstore's own is believed by.
    Raises Unreachable, Unreadable, NotWritable.
    """
    where = f"the update repository {repository}"
    with sigstore_border(where), writable_cache():
        roots = TrustedRoots(patience.within(where, lambda: _newest(repository, first)))
    try:
        roots.require_usable()
    except UsageError as error:
        raise Unreadable(f"{where}: what it has is not a trusted root", error.detail) from None
    return roots


def _newest(repository: str, first: Path | None) -> Path:
    from sigstore._internal.tuf import TrustUpdater  # its public callers keep the file's place to themselves

    return Path(TrustUpdater(repository, bootstrap_root=first).get_trusted_root_path())
