"""Verifying many bundles in one process: attest beside sigstore's Verifier, a bare key beside cryptography alone.

Run it as `python bench/bundles.py [BUNDLES]`. A Sigstore in memory signs the bundles: a statement each, of an image
each. Everybody starts from a bundle's bytes and a trust that is loaded already, and asks who signed; of three runs the
fastest counts. cosign, where `make tools` has built it, is a process for each bundle, and gets a few of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

from attest.evidence.attestation import Place
from attest.evidence.bundle import parse_bundle
from attest.evidence.piece import signed_statement
from attest.evidence.provenance import SLSA_V1
from attest.reference import Digest
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.dsse import pre_authentication_encoding
from attest.trust.identity import ExpectedIdentity
from attest.trust.patience import PATIENCE
from attest.trust.signatures import Refusal, Trust, who_signed
from attest.trust.signing.identity_token import find_token
from attest.trust.signing.keyless import KeylessSigner
from attest.trust.signing.sigstore_instance import load_instance
from attest.trust.signing.statements import sign_statement
from tests import images
from tests.sigstore.claims import PIPELINE
from tests.sigstore.instance import Instance, running

RUNS: Final = 3
MOST_PROCESSES: Final = 5
COSIGN: Final = Path(__file__).parents[1] / ".tools" / "bin" / "cosign"
IDENTITY: Final = f"https://{PIPELINE}"
# Name, version of the log, whether timestamps are asked for.
KEYLESS: Final = (("keyless, Rekor v1", 1, False), ("keyless, Rekor v2 and a timestamp", 2, True))

Verify = Callable[[bytes], object]


def statements(count: int) -> list[bytes]:
    """Provenance of as many images; what the nth is of is its number as text."""
    return [images.embedded(images.local_build(), Digest.of(str(number).encode())) for number in range(count)]


def milliseconds(verify: Verify, bundles: Sequence[bytes]) -> float:
    """For one bundle, in the fastest run."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        for bundle in bundles:
            verify(bundle)
        seconds.append(time.perf_counter() - start)
    return min(seconds) / len(bundles) * 1000


def table(title: str, figures: Mapping[str, float]) -> str:
    """One line for each, with how many times as long as it attest takes; attest is the first."""
    ours = next(iter(figures.values()))
    lines = [f"{title:<42}{'ms a bundle':>12}{'attest takes':>15}"]
    lines += [f"  {name:<40}{theirs:>12.3f}{ours / theirs:>13.2f} x" for name, theirs in figures.items()]
    return "\n".join(lines)


# --- who is measured --------------------------------------------------------------------------------------------------


def with_attest(trust: Trust) -> Verify:
    def verify(raw: bytes) -> None:
        attestation = signed_statement(parse_bundle(raw, "a bundle"), Digest.of(raw), Place("file"), "a bundle")
        assert attestation.bundle is not None
        signer = who_signed(attestation, attestation.bundle, trust)
        assert not isinstance(signer, Refusal), signer

    return verify


def with_sigstore(root: Path, issuer: str) -> Verify:
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
    whose = policy.AllOf([policy.Identity(identity=IDENTITY), policy.OIDCIssuerV2(issuer)])
    return lambda raw: verifier.verify_dsse(Bundle.from_json(raw), whose)


def with_cryptography(key: ec.EllipticCurvePublicKey, bundles: Sequence[bytes]) -> Verify:
    """The floor: signature and message have been taken out of the bundle beforehand."""
    parsed = {raw: parse_bundle(raw, "a bundle").envelope for raw in bundles}
    ready = {
        raw: (one.signatures[0], pre_authentication_encoding(one.payload_type, one.payload))
        for raw, one in parsed.items()
    }
    return lambda raw: key.verify(*ready[raw], ec.ECDSA(hashes.SHA256()))


@dataclass(frozen=True, slots=True)
class Cosign:
    """A process for each bundle, which it finds in a file beside what the statement is about."""

    folder: Path
    trust: tuple[str | Path, ...]

    def milliseconds(self, bundles: Sequence[bytes]) -> dict[str, float]:
        """Nothing where cosign has not been built."""
        if not COSIGN.exists():
            return {}
        few = bundles[:MOST_PROCESSES]
        for number, raw in enumerate(few):
            (self.folder / f"{number}.json").write_bytes(raw)
            (self.folder / str(number)).write_text(str(number))
        commands = {raw: self.command(number) for number, raw in enumerate(few)}
        return {"cosign, a process each": milliseconds(lambda raw: self.run(commands[raw]), few)}

    def command(self, number: int) -> Sequence[str | Path]:
        what = ("--bundle", self.folder / f"{number}.json", "--type", SLSA_V1, self.folder / str(number))
        return (COSIGN, "verify-blob-attestation", *self.trust, *what)

    def run(self, command: Sequence[str | Path]) -> None:
        env = {"PATH": os.defpath, "HOME": str(self.folder)}
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


# --- what is measured -------------------------------------------------------------------------------------------------


def with_keys(count: int, folder: Path) -> str:
    key = images.new_key()
    public = key.public.key
    assert isinstance(public, ec.EllipticCurvePublicKey)
    (folder / "key.pub").write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    bundles = [sign_statement(one, SLSA_V1, key).content for one in statements(count)]
    figures = {
        "attest": milliseconds(with_attest(Trust((key.public,))), bundles),
        "cryptography alone": milliseconds(with_cryptography(public, bundles), bundles),
        **Cosign(folder, ("--key", folder / "key.pub", "--insecure-ignore-tlog")).milliseconds(bundles),
    }
    return table("key", figures)


def without_keys(title: str, rekor: int, tsa: bool, count: int, folder: Path) -> str:
    root = folder / "trusted_root.json"
    with running() as sigstore:
        root.write_text(json.dumps(sigstore.trusted_root()))
        signer = signer_of(sigstore, rekor, tsa, folder)
        bundles = [signer.sign_statement(one) for one in statements(count)]
    trust = Trust((), (ExpectedIdentity(IDENTITY, sigstore.url),), TrustedRoots(root))
    named = ("--certificate-identity", IDENTITY, "--certificate-oidc-issuer", sigstore.url)
    figures = {
        "attest": milliseconds(with_attest(trust), bundles),
        "sigstore's Verifier": milliseconds(with_sigstore(root, sigstore.url), bundles),
        **Cosign(folder, (*named, "--trusted-root", root)).milliseconds(bundles),
    }
    return table(title, figures)


def signer_of(sigstore: Instance, rekor: int, tsa: bool, folder: Path) -> KeylessSigner:
    config = folder / "trust-config.json"
    config.write_text(sigstore.trust_config(rekor, tsa=tsa))
    ask = find_token({"SIGSTORE_ID_TOKEN": sigstore.token()}, None, is_person=False)
    return KeylessSigner(load_instance(config, PATIENCE), ask, lambda _: None)


def main(count: int) -> None:
    print(f"{count} bundles", end="\n\n")
    with tempfile.TemporaryDirectory() as name:
        print(with_keys(count, Path(name)), end="\n\n")
        for title, rekor, tsa in KEYLESS:
            print(without_keys(title, rekor, tsa, count, Path(name)), end="\n\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
