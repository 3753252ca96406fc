"""Keyless signing with a real Sigstore and a real cosign that judges it, on both kinds of registries."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from attest.cli.demo import COMMIT, RECORDING, REPOSITORY, TAG
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB
from tests.cli.layouts import write_key_pair
from tests.cli.running import Done
from tests.cli.running import attest as run_attest
from tests.e2e import pushed, samples, stand
from tests.e2e.attest_command import Attest
from tests.e2e.sigstore_stand import Sigstore, real_sigstore
from tests.sigstore.instance import running

GITLAB: Final = REPOSITORY.removesuffix("/acme/hello")
PIPELINE: Final = f"{GITLAB.removeprefix('https://')}/acme/hello//.gitlab-ci.yml@refs/tags/{TAG}"
SOURCE: Final = ("--source-repository", REPOSITORY, "--source-commit", COMMIT, "--source-tag", TAG)


@pytest.fixture(scope="module")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sigstore]:
    with real_sigstore(tmp_path_factory.mktemp("sigstore"), GITLAB) as running:
        yield running


def token(sigstore: Sigstore, **claims: Any) -> str:
    """Of the job that built the recorded image."""
    project = {"project_path": "acme/hello", "sha": COMMIT, "ref": TAG, "ref_path": f"refs/tags/{TAG}"}
    return sigstore.ours.token(**{**project, "ci_config_ref_uri": PIPELINE, **claims})


def push(host: str, folder: Path, name: str) -> str:
    """Copy the recorded image in; gives NAME@DIGEST."""
    env = stand.environment(folder)
    stand.run(stand.tool("crane"), "push", "--index", RECORDING, f"{host}/{name}:1", env=env)
    return f"{host}/{name}@{stand.run(stand.tool('crane'), 'digest', f'{host}/{name}:1', env=env).strip()}"


def sign(image: str, sigstore: Sigstore, folder: Path, *options: str, **claims: Any) -> Done:
    env = stand.environment(folder, SIGSTORE_ID_TOKEN=token(sigstore, **claims))
    return run_attest("sign", image, "--keyless", "--trust-config", sigstore.trust_config_file, *options, env=env)


def cosign(command: str, image: str, sigstore: Sigstore, folder: Path, *options: str, identity: str = "") -> str:
    """What cosign says to somebody who trusts this instance and this pipeline; it has no network but the registry."""
    trust = ("--trusted-root", sigstore.trusted_root_file, "--certificate-oidc-issuer", sigstore.ours.url)
    whose = ("--certificate-identity", identity or f"https://{PIPELINE}")
    env = stand.environment(folder, TUF_ROOT=str(folder / "tuf"))
    return stand.run(stand.tool("cosign"), command, *trust, *whose, *options, image, env=env)


def test_cosign_and_attest_accept_everything_that_a_keyless_job_attached(
    either_registry: str, sigstore: Sigstore, tmp_path: Path
) -> None:
    image = push(either_registry, tmp_path, "keyless/app")
    signed = sign(image, sigstore, tmp_path, *SOURCE)
    assert signed.code == 0, signed

    said = json.loads(cosign("verify", image, sigstore, tmp_path))
    assert "https://sigstore.dev/cosign/sign/v1" in {payload["critical"]["type"] for payload in said}
    assert {payload["critical"]["image"]["docker-manifest-digest"] for payload in said} == {image.partition("@")[2]}
    for kind in (SLSA_V1, "https://cyclonedx.org/bom", CI_JOB):
        envelopes = cosign("verify-attestation", image, sigstore, tmp_path, "--type", kind).splitlines()
        statements = [json.loads(base64.b64decode(json.loads(envelope)["payload"])) for envelope in envelopes]
        assert {statement["predicateType"] for statement in statements} == {kind}

    env = stand.environment(tmp_path)
    whose = ("--certificate-identity", f"https://{PIPELINE}", "--certificate-oidc-issuer", sigstore.ours.url)
    verified = run_attest(
        *("verify", image, *whose, "--trusted-root", sigstore.trusted_root_file, "--format", "json", *SOURCE), env=env
    )
    assert verified.code == 0, verified
    checks = {check["id"]: check for check in json.loads(verified.out)["checks"]}
    assert checks["source.commit"]["vouchedBy"] == "certificate"

    with pytest.raises(AssertionError, match="no matching CertificateIdentity found"):
        cosign("verify", image, sigstore, tmp_path, identity="https://git.example.com/mallory")


def test_the_statements_are_stored_as_they_were_signed(registry: str, sigstore: Sigstore, tmp_path: Path) -> None:
    image = push(registry, tmp_path, "keyless/bytes")
    assert sign(image, sigstore, tmp_path, *SOURCE).code == 0
    name = image.partition("@")[0]
    bundles = [
        json.loads(pushed.blob(f"{name}@{pushed.manifest(f'{name}@{digest}')['layers'][0]['digest']}"))
        for digest in pushed.referrers(image)
    ]
    certificates = {bundle["verificationMaterial"]["certificate"]["rawBytes"] for bundle in bundles}
    assert len(bundles) == 4
    assert len(certificates) == 1
    for bundle in bundles:
        assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
        (entry,) = bundle["verificationMaterial"]["tlogEntries"]
        assert entry["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}
        assert bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]


def test_what_becomes_public_is_said_once_and_the_token_never(
    registry: str, sigstore: Sigstore, tmp_path: Path
) -> None:
    image = push(registry, tmp_path, "keyless/said")
    raw = token(sigstore)
    file = tmp_path / "token"
    file.write_text(raw)
    options = ("--keyless", "--trust-config", sigstore.trust_config_file, "--identity-token", file)
    signed = run_attest("sign", image, *options, *SOURCE, env=stand.environment(tmp_path))

    assert signed.code == 0, signed
    (line,) = [line for line in signed.err.splitlines() if "for ever" in line]
    digest = image.partition("@")[2]
    for public in (
        sigstore.rekor,
        f"https://{PIPELINE}",
        sigstore.ours.url,
        "project acme/hello",
        "pipeline 9",
        digest,
    ):
        assert public in line
    assert f"signed with https://{PIPELINE} of {sigstore.ours.url}" in signed.out
    assert "a stranger who believes this identity" in signed.out
    for part in raw.split("."):
        assert part not in signed.out + signed.err


def test_fulcio_that_refuses_the_token_is_exit_4_and_nothing_is_attached(
    registry: str, sigstore: Sigstore, tmp_path: Path
) -> None:
    image = push(registry, tmp_path, "keyless/refused")
    refused = sign(image, sigstore, tmp_path, *SOURCE, iss="https://elsewhere.example.com")
    assert refused.code == 4, refused
    assert "does not accept the identity token of https://elsewhere.example.com" in refused.err
    assert not pushed.referrers(image)


@pytest.mark.parametrize("rekor", [1, 2])
def test_cosign_finds_a_keys_signature_in_the_log_where_that_was_asked_for(
    rekor: int, registry: str, sigstore: Sigstore, tmp_path: Path
) -> None:
    """Rekor v1 does not build from the Go proxy alone, so there the log is the one in memory."""
    image = push(registry, tmp_path, f"keyless/key-{rekor}")
    write_key_pair(tmp_path / "cosign")
    env = stand.environment(tmp_path, COSIGN_PASSWORD="", TUF_ROOT=str(tmp_path / "tuf"))
    with ExitStack() as stack:
        config, root = sigstore.trust_config_file, sigstore.trusted_root_file
        if rekor == 1:
            memory = stack.enter_context(running())
            config, root = tmp_path / "trust_config.json", tmp_path / "trusted_root.json"
            config.write_text(memory.trust_config(1))
            root.write_text(json.dumps(memory.trusted_root()))
        logged = ("--tlog-upload=true", "--trust-config", config)
        signed = run_attest("sign", image, "--key", tmp_path / "cosign.key", *logged, *SOURCE, env=env)
    assert signed.code == 0, signed
    (line,) = [line for line in signed.err.splitlines() if "for ever" in line]
    assert f"the public key of {tmp_path / 'cosign.key'}" in line

    key = ("--key", tmp_path / "cosign.pub", "--trusted-root", root)
    said = stand.run(stand.tool("cosign"), "verify", *key, image, env=env)
    assert "https://sigstore.dev/cosign/sign/v1" in {payload["critical"]["type"] for payload in json.loads(said)}

    unlogged = push(registry, tmp_path, f"keyless/key-unlogged-{rekor}")
    assert run_attest("sign", unlogged, "--key", tmp_path / "cosign.key", *SOURCE, env=env).code == 0
    with pytest.raises(AssertionError, match="not enough verified log entries"):
        stand.run(stand.tool("cosign"), "verify", *key, unlogged, env=env)


@pytest.mark.parametrize(
    ("claims", "words"),
    [({"exp": 1_700_000_000}, "has expired"), ({"aud": "vault"}, "meant for vault, not for sigstore")],
)
def test_a_token_that_cannot_be_good_is_told_before_anybody_is_asked(
    claims: dict[str, Any], words: str, sigstore: Sigstore, tmp_path: Path
) -> None:
    image = f"127.0.0.1:{stand.free_port()}/nobody/there@sha256:{'0' * 64}"
    refused = sign(image, sigstore, tmp_path, **claims)
    assert refused.code == 2, refused
    assert words in refused.err


@pytest.fixture
def repository(sample_repository: samples.Repository) -> samples.Repository:
    """The project that the tokens name."""
    env = stand.environment(sample_repository.path.parent)
    stand.run("git", "remote", "set-url", "origin", f"{REPOSITORY}.git", env=env, cwd=sample_repository.path)
    return sample_repository


def build(attest: Attest, host: str, repository: samples.Repository, sigstore: Sigstore, commit: str) -> Done:
    options = ("--keyless", "--trust-config", sigstore.trust_config_file)
    raw = token(sigstore, sha=commit)
    image = f"{host}/keyless/{commit[:8]}:1"
    return attest.run("build", "--tag", image, *options, cwd=repository.path, SIGSTORE_ID_TOKEN=raw)


def test_a_build_is_signed_by_the_pipeline_that_ran_it(
    attest: Attest, either_registry: str, repository: samples.Repository, sigstore: Sigstore
) -> None:
    done = build(attest, either_registry, repository, sigstore, repository.commit)
    assert done.code == 0, done
    assert cosign("verify", done.out.splitlines()[0], sigstore, repository.path.parent)


def test_a_certificate_for_another_commit_than_was_built_is_not_attached(
    attest: Attest, registry: str, repository: samples.Repository, sigstore: Sigstore
) -> None:
    refused = build(attest, registry, repository, sigstore, repository.older_commit)
    assert refused.code == 1, refused
    assert "the signer's certificate tells of another source than this job" in refused.err
    name = f"{registry}/keyless/{repository.older_commit[:8]}"
    digest = stand.run(stand.tool("crane"), "digest", f"{name}:1", env=attest.environment).strip()
    assert not pushed.referrers(f"{name}@{digest}")
