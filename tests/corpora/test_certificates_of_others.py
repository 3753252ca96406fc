"""Bundles that others signed with the public Sigstore, checked offline against its trusted root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

from attest.errors import UsageError
from attest.evidence.bundle import parse_bundle
from attest.trust.certificates import NotVerified, TrustedRoots
from attest.trust.identity import CertifiedSigner

CORPORA: Final = os.environ.get("ATTEST_CORPORA", "")
pytestmark = pytest.mark.skipif(not CORPORA, reason="ATTEST_CORPORA is unset")

SIGNED: Final = "docker-actions-toolkit/derived-from-cosign-traces/1-public.ecr.aws/bundle.sigstore.json"
PRODUCTION: Final = "trusted-roots/production/trusted_root.json"
STAGING: Final = "trusted-roots/staging/trusted_root.json"


def signer_of(name: str, root: str | None) -> CertifiedSigner:
    bundle = parse_bundle(Path(CORPORA, name).read_bytes(), name)
    return TrustedRoots(Path(CORPORA, root) if root else None).signer_of(bundle)


@pytest.mark.parametrize("root", [PRODUCTION, None], ids=["file", "in the wheel"])
def test_what_cosign_3_signed_in_a_github_workflow_names_workflow_and_source(root: str | None) -> None:
    workflow = "docker/github-builder-experimental/.github/workflows/build.yml@refs/heads/build-reusable-workflow"
    assert signer_of(SIGNED, root) == CertifiedSigner(
        identity=f"https://github.com/{workflow}",
        issuer="https://token.actions.githubusercontent.com",
        repository="https://github.com/docker/github-builder-test",
        commit="a09fc6eb8837d30548c4db26074c0bc6551e9215",
        ref="refs/heads/main",
    )


def test_another_sigstore_knows_nothing_of_it() -> None:
    with pytest.raises(NotVerified):
        signer_of(SIGNED, STAGING)


@pytest.mark.parametrize("part", ["payload", "sig", "rawBytes", "signedEntryTimestamp", "canonicalizedBody"])
def test_any_changed_part_is_refused(part: str, tmp_path: Path) -> None:
    content = Path(CORPORA, SIGNED).read_text()
    at = content.index(f'"{part}":"') + len(part) + 4 + 40
    changed = content[:at] + ("A" if content[at] != "A" else "B") + content[at + 1 :]
    bundle = parse_bundle(changed.encode(), "changed")
    with pytest.raises(NotVerified):
        TrustedRoots(Path(CORPORA, PRODUCTION)).signer_of(bundle)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"mediaType": "x"}'])
def test_a_root_that_is_none_is_a_usage_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="not a trusted root"):
        TrustedRoots(path).require_usable()
    with pytest.raises(UsageError, match="not a trusted root"):
        TrustedRoots(tmp_path / "missing").require_usable()
