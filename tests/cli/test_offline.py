"""Whom `attest verify` asks: nobody but the registry, and --offline forbids what would have to ask others."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import COMMIT, RECORDING
from tests.cli.answers import serve
from tests.cli.layouts import Layout, write_key_pair
from tests.cli.running import Done, attest, minimal
from tests.sigstore.claims import PIPELINE
from tests.sigstore.instance import running

# Whatever leaves the process is written down: addresses and names that are asked for, and programs that could ask.
WATCHED: Final = """
import sys
log = open(sys.argv[1], "a", buffering=1)
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        print(event, arguments[1], file=log)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        print(event, arguments[0], file=log)
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty"):
        print(event, arguments[:1], file=log)
sys.addaudithook(watch)
from attest.cli.main import run
sys.argv[:2] = ["attest"]
run()
"""
NOWHERE: Final = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Ground:
    """A folder with one layout, `images`, that was signed with a key and without one."""

    folder: Path
    issuer: str

    @property
    def signers(self) -> Mapping[str, tuple[str, ...]]:
        """Whom to believe; the public Sigstore knows nothing of the certificate."""
        named = ("--certificate-identity", f"https://{PIPELINE}", "--certificate-oidc-issuer", self.issuer)
        return {
            "key": ("--key", "attest.pub"),
            "identity": (*named, "--trusted-root", "trusted_root.json"),
            "public identity": named,
        }

    def watched(self, image: str, *options: str, **env: str) -> tuple[Done, list[str]]:
        """What verify said, and what it asked for meanwhile."""
        log = self.folder / "asked"
        log.write_text("")
        done = subprocess.run(
            [sys.executable, "-c", WATCHED, log, "verify", image, "--signature-only", *options],
            cwd=self.folder,
            env=minimal(self.folder, **env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return Done(done.returncode, done.stdout, done.stderr), log.read_text().splitlines()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    folder = tmp_path_factory.mktemp("offline")
    layout = Layout.copy(RECORDING, folder / "images")
    image = f"oci-layout:images@{layout.image}"
    write_key_pair(folder / "attest")
    with running() as sigstore:
        (folder / "trust-config.json").write_text(sigstore.trust_config())
        (folder / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root()))
        env = minimal(folder, SIGSTORE_ID_TOKEN=sigstore.token(sha=COMMIT))
        for how in (("--keyless", "--trust-config", "trust-config.json"), ("--key", "attest.key")):
            done = attest("sign", image, *how, "--signature-only", cwd=folder, env=env)
            assert done.code == 0, done
    return Ground(folder, sigstore.url)


@pytest.fixture(scope="module")
def registry(ground: Ground) -> Iterator[str]:
    with serve(ground.folder / "images") as answers:
        yield answers.host


OFFLINE: Final = pytest.mark.parametrize("offline", [(), ("--offline",)], ids=["as usual", "--offline"])
SIGNERS: Final = pytest.mark.parametrize(("signer", "code"), [("key", 0), ("identity", 0), ("public identity", 1)])


@OFFLINE
@SIGNERS
def test_of_a_layout_nobody_is_asked(signer: str, code: int, offline: tuple[str, ...], ground: Ground) -> None:
    done, asked = ground.watched("oci-layout:images", *ground.signers[signer], *offline)

    assert done.code == code, done
    assert asked == []


@OFFLINE
@SIGNERS
def test_of_an_image_in_a_registry_the_registry_alone_is_asked(
    signer: str, code: int, offline: tuple[str, ...], ground: Ground, registry: str
) -> None:
    done, asked = ground.watched(f"{registry}/signed/app:1", *ground.signers[signer], *offline)

    assert done.code == code, done
    host, _, port = registry.partition(":")
    assert {line.partition(" ")[2] for line in asked} == {host, str((host, int(port)))}


@pytest.mark.parametrize("address", ["hashivault://release", "awskms:///alias/release", "azurekms://acme/release"])
def test_a_key_in_a_service_is_refused_offline_before_it_is_asked(address: str, ground: Ground) -> None:
    done, asked = ground.watched("oci-layout:images", "--key", "attest.pub", "--key", address, "--offline")

    assert done.code == 2, done
    assert f"--offline: --key {address} would be asked of a service" in done.err
    assert f"Export its public key once (cosign public-key --key {address}), and give the file." in done.err
    assert (done.out, asked) == ("", [])


def test_the_variable_means_the_same(ground: Ground) -> None:
    done, asked = ground.watched("oci-layout:images", "--key", "hashivault://release", ATTEST_OFFLINE="1")

    assert done.code == 2, done
    assert "--offline: --key hashivault://release would be asked" in done.err
    assert asked == []


def test_a_key_in_a_variable_asks_nobody(ground: Ground) -> None:
    pem = (ground.folder / "attest.pub").read_text()
    done, asked = ground.watched("oci-layout:images", "--key", "env://RELEASE_KEY", "--offline", RELEASE_KEY=pem)

    assert done.code == 0, done
    assert asked == []


def test_whoever_is_asked_without_offline_is_seen(ground: Ground) -> None:
    vault = {"VAULT_ADDR": NOWHERE, "VAULT_TOKEN": "token"}
    done, asked = ground.watched("oci-layout:images", "--key", "hashivault://release", **vault)

    assert done.code == 3, done
    assert "socket.connect ('127.0.0.1', 9)" in asked


# --- today's root -----------------------------------------------------------------------------------------------------


def test_the_public_root_is_fetched_only_when_asked_for_and_never_replaced_by_an_older_one(ground: Ground) -> None:
    env = {"HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE}
    usual, asked = ground.watched("oci-layout:images", *ground.signers["public identity"], **env)
    assert (usual.code, asked) == (1, []), usual

    done, asked = ground.watched(
        "oci-layout:images", *ground.signers["public identity"], "--update-trusted-root", **env
    )

    assert done.code == 3, done
    assert "the update repository https://tuf-repo-cdn.sigstore.dev: no usable answer" in done.err
    assert done.out == ""
    assert "socket.connect ('127.0.0.1', 9)" in asked


@pytest.mark.parametrize("other", [("--offline",), ("--trusted-root", "trusted_root.json")], ids=lambda other: other[0])
def test_what_excludes_a_refresh_is_a_wrong_usage(other: tuple[str, ...], ground: Ground) -> None:
    who = ground.signers["public identity"]
    done, asked = ground.watched("oci-layout:images", *who, "--update-trusted-root", *other)

    assert done.code == 2, done
    assert f"--update-trusted-root and {other[0]} exclude each other" in done.err
    assert (done.out, asked) == ("", [])
