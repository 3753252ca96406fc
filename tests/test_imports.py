"""What commands load: start-up costs more than verifying, and the lists name the culprit of a regression."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import COMMIT, RECORDING
from tests.cli.layouts import Layout, write_key_pair
from tests.cli.running import attest, minimal
from tests.sigstore.claims import PIPELINE
from tests.sigstore.instance import running

# The process's last words are the modules that it has loaded.
RUN: Final = """
import json, sys
from attest.cli.main import main
code = main(sys.argv[1:])
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""

# What asks a network, or only sigstore's library needs.
OF_SIGSTORE: Final = (
    *("sigstore", "sigstore_models", "rekor_types", "rfc3161_client", "rfc8785", "jwt", "id", "platformdirs"),
    *("tuf", "securesystemslib", "pydantic", "pydantic_core", "annotated_types"),
    *("urllib3", "requests", "certifi", "charset_normalizer", "idna", "ssl", "http"),
)
# What other commands need, or formats of which this run has none.
OF_OTHERS: Final = (
    *("nacl", "cyclonedx", "packageurl", "license_expression", "in_toto_attestation", "google.protobuf"),
    *("rich", "yaml", "sqlite3", "asyncio", "multiprocessing", "boto3", "azure", "google.cloud"),
)
SIGNING: Final = (
    *("sigstore.sign", "attest.publishing", "attest.trust.signing.keyless", "attest.trust.signing.sigstore_instance"),
    *(
        "attest.trust.sigstore_border",
        "attest.trust.certified.refresh",
        "attest.trust.held.vault",
        "attest.trust.held.cloud",
    ),
    *("attest.build.run", "attest.oci.http.registry"),
)


def loaded(folder: Path, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=folder,
        env=minimal(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def culprits(modules: set[str], unwanted: tuple[str, ...]) -> list[str]:
    """The unwanted among them, each once, by the name in the list."""
    return [name for name in unwanted if any(f"{each}.".startswith(f"{name}.") for each in modules)]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout `images`, signed with attest.key and without a key, and who signed it in `whose`."""
    folder = tmp_path_factory.mktemp("imports")
    layout = Layout.copy(RECORDING, folder / "images")
    write_key_pair(folder / "attest")
    with running() as sigstore:
        (folder / "trust-config.json").write_text(sigstore.trust_config())
        (folder / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root()))
        (folder / "issuer").write_text(sigstore.url)
        env = minimal(folder, SIGSTORE_ID_TOKEN=sigstore.token(sha=COMMIT))
        for how in (("--keyless", "--trust-config", "trust-config.json"), ("--key", "attest.key")):
            image = f"oci-layout:images@{layout.image}"
            done = attest("sign", image, *how, "--signature-only", cwd=folder, env=env)
            assert done.code == 0, done
    return folder


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("verify", "--help"), ("build", "--help")])
def test_asking_for_help_loads_nothing_heavy(arguments: tuple[str, ...], tmp_path: Path) -> None:
    modules = loaded(tmp_path, *arguments)

    assert "click" in modules
    assert culprits(modules, (*OF_SIGSTORE, *OF_OTHERS, *SIGNING, "cryptography", "re2")) == []


def test_verifying_a_layout_with_a_key_loads_cryptography_and_nothing_that_asks_a_network(ground: Path) -> None:
    modules = loaded(ground, "verify", "oci-layout:images", "--key", "attest.pub", "--signature-only")

    assert "cryptography" in modules
    assert culprits(modules, (*OF_SIGSTORE, *OF_OTHERS, *SIGNING)) == []


def test_verifying_a_layout_with_an_identity_loads_sigstore_s_verifier_and_nothing_of_signing(ground: Path) -> None:
    named = ("--certificate-identity", f"https://{PIPELINE}", "--certificate-oidc-issuer")
    whose = (*named, (ground / "issuer").read_text(), "--trusted-root", "trusted_root.json")
    modules = loaded(ground, "verify", "oci-layout:images", *whose, "--signature-only")

    assert "sigstore.verify.verifier" in modules
    assert culprits(modules, (*OF_OTHERS, *SIGNING)) == []


def test_a_culprit_is_named() -> None:
    assert culprits({"click", "sigstore.models", "tufting", "google.auth"}, ("sigstore", "tuf", "google.cloud")) == [
        "sigstore"
    ]
