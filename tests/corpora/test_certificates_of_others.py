"""Bundles that others signed with the public Sigstore, checked offline against its trusted root."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from attest.errors import UsageError
from attest.evidence.attestation import Attestation
from attest.evidence.bundle import CERTIFICATE, LOG_ENTRY, Bundle, parse_bundle
from attest.evidence.collect import fetch
from attest.oci.disk.layout import Layout
from attest.reference import LayoutReference, parse_reference
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import CertifiedSigner, NotVerified

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


OLD: Final = "slsa-verifier/cli/slsa-verifier/testdata/gha_generic_container"
GENERATOR: Final = (
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
)
GITHUB: Final = "https://token.actions.githubusercontent.com"


def old_attestation(version: str) -> Attestation:
    reference = parse_reference(f"oci-layout:{Path(CORPORA, OLD, version, 'container_workflow_dispatch')}")
    assert isinstance(reference, LayoutReference)
    _, evidence = fetch(Layout(reference))
    (attestation,) = evidence.signed
    return attestation


def beside(bundle: Bundle, name: str, value: str) -> Bundle:
    """The same envelope with another annotation."""
    return replace(bundle, annotations={**bundle.annotations, name: value})


def changed_entry(bundle: Bundle, **changes: object) -> Bundle:
    """The same envelope with another log entry beside it."""
    entry = json.loads(bundle.annotations[LOG_ENTRY])
    for name, value in changes.items():
        (entry if name == "SignedEntryTimestamp" else entry["Payload"])[name] = value
    return beside(bundle, LOG_ENTRY, json.dumps(entry))


@pytest.mark.parametrize(
    ("version", "commit", "ref"),
    [
        ("v1.6.0", "c14c546e54940a410195ede9aa0e7ee2ef1e16d0", "refs/heads/main"),
        ("v2.0.0", "693130cb6cb840a7bc9cb18c6510d536a95dc7e6", "refs/tags/v13.0.30"),
    ],
)
@pytest.mark.parametrize("root", [PRODUCTION, None], ids=["file", "in the wheel"])
def test_what_cosign_2_signed_is_verified_by_the_logs_promise(
    version: str, commit: str, ref: str, root: str | None
) -> None:
    """v1.6.0 has a log entry of kind intoto 0.0.1, v2.0.0 of kind dsse 0.0.1; neither has an inclusion proof."""
    bundle = old_attestation(version).bundle
    assert bundle is not None
    signer = TrustedRoots(Path(CORPORA, root) if root else None).signer_of(bundle)
    repository = "https://github.com/slsa-framework/example-package"
    assert signer == CertifiedSigner(f"{GENERATOR}@refs/tags/{version}", GITHUB, repository, commit, ref)


@pytest.mark.parametrize(("version", "another"), [("v1.6.0", "v2.0.0"), ("v2.0.0", "v1.6.0")])
def test_nothing_of_an_old_attestation_can_be_changed(version: str, another: str) -> None:
    roots = TrustedRoots(Path(CORPORA, PRODUCTION))
    bundle, other = old_attestation(version).bundle, old_attestation(another).bundle
    assert bundle is not None
    assert other is not None
    entry, envelope = json.loads(bundle.annotations[LOG_ENTRY]), bundle.envelope
    promise = json.loads(other.annotations[LOG_ENTRY])["SignedEntryTimestamp"]
    forgeries = {
        "SET": [
            changed_entry(bundle, integratedTime=entry["Payload"]["integratedTime"] + 1),
            changed_entry(bundle, logIndex=1),
            changed_entry(bundle, body="e30="),
            changed_entry(bundle, SignedEntryTimestamp=promise),
        ],
        "does not know": [changed_entry(bundle, logID="00" * 32)],
        "another one's": [
            beside(bundle, LOG_ENTRY, other.annotations[LOG_ENTRY]),
            beside(bundle, CERTIFICATE, other.annotations[CERTIFICATE]),
            replace(bundle, raw=bundle.raw + b" "),
            replace(bundle, envelope=replace(envelope, payload=envelope.payload + b" ")),
        ],
        "without a log entry": [beside(bundle, LOG_ENTRY, "")],
        "signatures for one certificate": [replace(bundle, envelope=replace(envelope, signatures=()))],
    }
    for said, forged in forgeries.items():
        for one in forged:
            with pytest.raises(NotVerified, match=said):
                roots.signer_of(one)


def test_an_old_attestation_of_another_sigstore_is_not_known() -> None:
    bundle = old_attestation("v1.6.0").bundle
    assert bundle is not None
    with pytest.raises(NotVerified, match="does not know"):
        TrustedRoots(Path(CORPORA, STAGING)).signer_of(bundle)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"mediaType": "x"}'])
def test_a_root_that_is_none_is_a_usage_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "root.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="not a trusted root"):
        TrustedRoots(path).require_usable()
    with pytest.raises(UsageError, match="not a trusted root"):
        TrustedRoots(tmp_path / "missing").require_usable()
