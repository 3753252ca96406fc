"""Keys that cosign and attest share: pairs that either of them made, and a key that stays in Vault.

The Vault is tests/vault_server.py. cosign's own client signs and verifies with it as well, so that it is no invention.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import RECORDING
from tests.cli.layouts import SOURCE
from tests.cli.running import Done, attest, minimal
from tests.e2e import stand
from tests.vault_server import VaultServer, new_key, vault_server, write_public_key

PASSWORD: Final = "battery staple"
RELEASE: Final = "hashivault://release"
# cosign takes SHA-256 for every key unless it is told; attest signs P-384 with SHA-384, as sigstore's registry of
# algorithms has it (PKIX_ECDSA_P384_SHA_384).
OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "ecdsa-p256": (),
    "ecdsa-p384": ("--signature-digest-algorithm", "sha384"),
    "ed25519": (),
    "rsa-3072": (),
}


@dataclass(frozen=True, slots=True)
class Bench:
    """Where attest and cosign work with the same keys."""

    registry: str
    folder: Path
    cosign: stand.Cosign

    def push(self, repository: str) -> str:
        """The recorded image in a repository of its own; gives NAME@DIGEST."""
        name = f"{self.registry}/keys/{repository}"
        env = self.cosign.environment
        stand.run(stand.tool("crane"), "push", "--index", RECORDING, f"{name}:1", env=env)
        return f"{name}@{stand.run(stand.tool('crane'), 'digest', f'{name}:1', env=env).strip()}"

    def attest(self, *arguments: str | Path, **variables: str) -> Done:
        done = attest(*arguments, env={**minimal(self.folder), **variables}, cwd=self.folder)
        assert done.code == 0, done
        return done


@pytest.fixture
def bench(referrers_registry: str, cosign: stand.Cosign, tmp_path: Path) -> Bench:
    return Bench(referrers_registry, tmp_path, cosign)


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    with vault_server() as server:
        yield server


@pytest.mark.parametrize("algorithm", OPTIONS)
def test_cosign_verifies_what_a_pair_of_attest_signs(algorithm: str, bench: Bench) -> None:
    image = bench.push(f"by-attest-{algorithm}")
    bench.attest("key", "generate", "--algorithm", algorithm, ATTEST_PASSWORD=PASSWORD)
    bench.attest("sign", image, "--key", "attest.key", "--signature-only", ATTEST_PASSWORD=PASSWORD)

    key = ("--key", bench.folder / "attest.pub", "--insecure-ignore-tlog")
    (payload,) = json.loads(bench.cosign.run("verify", *key, *OPTIONS[algorithm], image))
    assert payload["critical"]["type"] == "https://sigstore.dev/cosign/sign/v1"
    with pytest.raises(AssertionError, match="failed to verify"):
        bench.cosign.verify(image)


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "rsa-3072"])
def test_cosign_signs_with_a_pair_of_attest(algorithm: str, bench: Bench) -> None:
    image = bench.push(f"by-cosign-{algorithm}")
    bench.attest("key", "generate", "--output-key-prefix", "new", "--algorithm", algorithm, ATTEST_PASSWORD=PASSWORD)
    private, public = bench.folder / "new.key", bench.folder / "new.pub"
    env = {**bench.cosign.environment, "COSIGN_PASSWORD": PASSWORD}
    theirs = replace(bench.cosign, key=private, public_key=public, environment=env)

    theirs.sign(image)

    assert theirs.verify(image)
    bench.attest("verify", image, "--key", "new.pub", "--signature-only")


def test_attest_signs_and_verifies_with_a_pair_of_cosign(bench: Bench) -> None:
    image = bench.push("pair-of-cosign")
    password = bench.cosign.environment["COSIGN_PASSWORD"]
    bench.attest("sign", image, "--key", bench.cosign.key, *SOURCE, COSIGN_PASSWORD=password)
    bench.attest("verify", image, "--key", bench.cosign.public_key, *SOURCE)
    assert bench.cosign.verify(image)


def test_cosign_verifies_what_vault_signed_for_attest(bench: Bench, vault: VaultServer) -> None:
    image = bench.push("vault-by-attest")
    bench.attest("sign", image, "--key", RELEASE, *SOURCE, **vault.environment)
    bench.attest("verify", image, "--key", RELEASE, *SOURCE, **vault.environment)

    public = write_public_key(vault, bench.folder / "release.pub")
    bench.attest("verify", image, "--key", public, *SOURCE)
    assert bench.cosign.verify(image, public)
    assert bench.cosign.verify_attestation("slsaprovenance1", image, public)
    theirs = replace(bench.cosign, environment={**bench.cosign.environment, **vault.environment})
    assert theirs.run("verify", "--key", RELEASE, "--insecure-ignore-tlog", image)

    vault.keys["release"].append(new_key())
    refused = attest("verify", image, "--key", RELEASE, *SOURCE, env={**minimal(bench.folder), **vault.environment})
    assert refused.code == 1, refused
    bench.attest("verify", image, "--key", f"{RELEASE}/versions/1", *SOURCE, **vault.environment)


def test_attest_verifies_what_vault_signed_for_cosign(bench: Bench, vault: VaultServer) -> None:
    image = bench.push("vault-by-cosign")
    theirs = replace(bench.cosign, environment={**bench.cosign.environment, **vault.environment})
    theirs.run("sign", "--key", RELEASE, "--signing-config", theirs.signing_config, "--yes", image)
    bench.attest("verify", image, "--key", RELEASE, "--signature-only", **vault.environment)


def test_vault_signs_for_an_image_in_a_layout(bench: Bench, vault: VaultServer) -> None:
    image = bench.push("vault-layout")
    folder = bench.folder / "layout"
    stand.run(stand.tool("crane"), "pull", "--format=oci", image, folder, env=bench.cosign.environment)
    layout = f"oci-layout:{folder}@{image.partition('@')[2]}"
    bench.attest("sign", layout, "--key", RELEASE, *SOURCE, **vault.environment)
    bench.attest("verify", layout, "--key", RELEASE, *SOURCE, **vault.environment)


def test_a_vault_that_refuses_signs_nothing(bench: Bench, vault: VaultServer) -> None:
    image = bench.push("vault-refuses")
    variables = {**minimal(bench.folder), **vault.environment, "VAULT_TOKEN": "hvs.wrong-and-secret"}
    done = attest("sign", image, "--key", RELEASE, *SOURCE, env=variables, cwd=bench.folder)
    assert done.code == 4, done
    assert "Vault refuses our token" in done.err
    assert "secret" not in done.out + done.err
    inspected = bench.attest("inspect", image, "--format", "json")
    assert '"signatures": []' in inspected.out or '"signatures":[]' in inspected.out
