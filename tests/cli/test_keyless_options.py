"""Keyless signing as people type it, against a Sigstore in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from attest.cli.demo import COMMIT, RECORDING, REPOSITORY
from tests.cli.layouts import SOURCE, Layout
from tests.cli.running import Done, attest, minimal
from tests.sigstore.claims import PIPELINE
from tests.sigstore.instance import FULCIO, REKOR_V1, Fault, Instance, running

NOBODY = f"oci-layout:nowhere@sha256:{'0' * 64}"


@pytest.fixture
def sigstore() -> Iterator[Instance]:
    with running() as instance:
        yield instance


@pytest.fixture
def image(tmp_path: Path) -> str:
    layout = Layout.copy(RECORDING, tmp_path / "images")
    return f"oci-layout:{layout.path}@{layout.entries[0]['digest']}"


def sign(image: str, sigstore: Instance, folder: Path, *options: str) -> Done:
    """As a job of the pipeline that built the recorded image."""
    (folder / "trust-config.json").write_text(sigstore.trust_config())
    keyless = ("--keyless", "--trust-config", folder / "trust-config.json")
    return attest("sign", image, *keyless, *options, env=environment(sigstore, folder))


def environment(sigstore: Instance, folder: Path) -> dict[str, str]:
    return minimal(folder, SIGSTORE_ID_TOKEN=sigstore.token(sha=COMMIT))


def test_a_keyless_signature_is_announced_made_and_verified(image: str, sigstore: Instance, tmp_path: Path) -> None:
    signed = sign(image, sigstore, tmp_path, "--signature-only")
    assert signed.code == 0, signed
    (line,) = [line for line in signed.err.splitlines() if "for ever" in line]
    digest = image.rpartition("@")[2]
    for public in (f"the log {sigstore.url}", f"https://{PIPELINE}", "project acme/app", "job 42", digest):
        assert public in line
    assert "eyJ" not in signed.out + signed.err

    (tmp_path / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root()))
    whose = ("--certificate-identity", f"https://{PIPELINE}", "--certificate-oidc-issuer", sigstore.url)
    trust = ("--trusted-root", tmp_path / "trusted_root.json", "--signature-only")
    assert attest("verify", image, *whose, *trust, env=minimal(tmp_path)).code == 0
    other = ("--certificate-identity", "https://git.example.test/mallory", "--certificate-oidc-issuer", sigstore.url)
    assert attest("verify", image, *other, *trust, env=minimal(tmp_path)).code == 1


def test_a_certificate_of_another_project_is_not_attached(image: str, sigstore: Instance, tmp_path: Path) -> None:
    """The tokens here are of acme/app on another GitLab than the one that the image was built for."""
    assert not REPOSITORY.startswith("https://git.example.test/")
    refused = sign(image, sigstore, tmp_path, *SOURCE)
    assert refused.code == 1, refused
    assert "the signer's certificate tells of another source than this job" in refused.err
    assert "Nothing was attached" in refused.err
    entries = json.loads((tmp_path / "images" / "index.json").read_text())["manifests"]
    assert len(entries) == len(json.loads((RECORDING / "index.json").read_text())["manifests"])


@pytest.mark.parametrize(
    ("service", "name"), [(FULCIO, "the certificate authority"), (REKOR_V1, "the transparency log")]
)
def test_a_service_that_is_down_is_exit_3(
    service: str, name: str, image: str, sigstore: Instance, tmp_path: Path
) -> None:
    sigstore.faults[service] = Fault.BUSY
    failed = sign(image, sigstore, tmp_path, "--signature-only")
    assert failed.code == 3, failed
    assert f"{name} {sigstore.url}" in failed.err
    assert "eyJ" not in failed.err


def test_a_token_that_is_refused_is_exit_4(image: str, sigstore: Instance, tmp_path: Path) -> None:
    sigstore.faults[FULCIO] = Fault.ECHOES
    refused = sign(image, sigstore, tmp_path, "--signature-only")
    assert refused.code == 4, refused
    assert "eyJ" not in refused.err


@pytest.mark.parametrize("command", ["sign", "build"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--keyless", "--key", "cosign.key"), "--key (or ATTEST_KEY) and --keyless exclude each other"),
        (("--identity-token", "token"), "--identity-token says how to sign without a key: it needs --keyless"),
        (("--trust-config", "config.json"), "--trust-config says which Sigstore to tell"),
        (("--tlog-upload=true",), "--tlog-upload says what to do with a key's signatures: it needs --key"),
        (("--keyless", "--tlog-upload=false"), "--keyless is worth nothing without a log"),
        (("--keyless",), "no identity token: nobody says who signs"),
        (("--keyless", "--identity-token", "eyJhbGciOi.eyJz.c2ln"), "takes a file, never the token itself"),
        (("--keyless", "--identity-token", "absent"), "--identity-token absent: cannot read the file"),
    ],
)
def test_what_cannot_sign_is_refused_before_anything_is_built_or_asked(
    command: str, options: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    what = (NOBODY,) if command == "sign" else (".", "--tag", "oci-layout:nowhere:1")
    refused = attest(command, *what, *options, env=minimal(tmp_path), cwd=tmp_path)
    assert refused.code == 2, refused
    assert words in refused.err
    assert "eyJ" not in refused.err
    assert not (tmp_path / "nowhere").exists()


def test_a_key_in_the_environment_does_not_quietly_lose_against_keyless(tmp_path: Path) -> None:
    refused = attest("sign", NOBODY, "--keyless", env=minimal(tmp_path, ATTEST_KEY="cosign.key"))
    assert refused.code == 2, refused
    assert "--key (or ATTEST_KEY) and --keyless exclude each other" in refused.err


def test_the_public_instance_out_of_reach_is_exit_3(sigstore: Instance, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    env = {**environment(sigstore, tmp_path), "HTTPS_PROXY": nowhere, "HTTP_PROXY": nowhere}
    failed = attest("sign", NOBODY, "--keyless", env=env, cwd=tmp_path)
    assert failed.code == 3, failed
    assert "the public Sigstore's update repository: no usable answer" in failed.err
    assert not sigstore.asked


def test_to_sign_something_to_sign_with_is_needed(tmp_path: Path) -> None:
    refused = attest("sign", NOBODY, env=minimal(tmp_path))
    assert refused.code == 2, refused
    assert "nothing to sign with" in refused.err
    assert "--keyless" in refused.err


def test_a_token_may_be_piped_in(image: str, sigstore: Instance, tmp_path: Path) -> None:
    """Standard input is empty here, which is told apart from a file that is not there."""
    refused = attest("sign", image, "--keyless", "--identity-token", "-", env=minimal(tmp_path))
    assert refused.code == 2, refused
    assert "standard input: not an identity token" in refused.err
