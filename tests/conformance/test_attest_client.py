"""The client of the public conformance suite, on bundles that an instance of our own makes: honest, and changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.reference import Digest
from tests.authority import IDENTITY, ISSUER, new_key, sign, text
from tests.conformance.client import identity, run, verify
from tests.sigstore.asking import put
from tests.sigstore.bundles import FILE, Bundles, Document, statement

Make = Callable[[Bundles], Document]
EXPECTED = identity(IDENTITY, ISSUER)


@dataclass
class Desk:
    """A folder with a file, its bundle, the key that signed and the trusted root."""

    folder: Path
    bundles: Bundles = field(default_factory=Bundles)

    def lay(self, document: Document) -> Path:
        self.root = self.bundles.trusted_root(self.folder)
        self.file, self.key = self.folder / "file", self.folder / "key.pub"
        self.file.write_bytes(FILE)
        self.key.write_bytes(self.bundles.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        path = self.folder / "bundle.sigstore.json"
        path.write_text(json.dumps(document))
        return path

    def verify(self, document: Document) -> bool:
        who = ("--key", self.folder / "key.pub") if self.bundles.by_key else EXPECTED
        bundle = self.lay(document)
        answers = {verify(bundle, self.file, *who, root=self.root, digest=digest) for digest in (False, True)}
        assert len(answers) == 1
        return answers.pop()


MAKES: dict[str, Make] = {
    "file": lambda bundles: bundles.file(),
    "file in Rekor v2": lambda bundles: bundles.file(kind="hashedrekord 0.0.2"),
    "dsse": lambda bundles: bundles.envelope(statement()),
    "intoto": lambda bundles: bundles.envelope(statement(), "intoto 0.0.2", version="0.1", proof=False, stamps=0),
}


@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
@pytest.mark.parametrize("by_key", [False, True], ids=["certificate", "key"])
def test_a_good_bundle_passes_and_one_with_anothers_signature_does_not(
    by_key: bool, make: Make, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, Bundles(by_key=by_key))
    document = make(desk.bundles)
    assert desk.verify(document)
    put(*_signature(document), value=text(sign(new_key(), FILE)))(document)
    assert not desk.verify(document)


def _signature(document: Document) -> tuple[str | int, ...]:
    return ("dsseEnvelope", "signatures", 0, "sig") if "dsseEnvelope" in document else ("messageSignature", "signature")


@pytest.mark.parametrize(
    "change",
    [
        put("mediaType", value="application/vnd.dev.sigstore.bundle+json;version=99.9"),
        put("verificationMaterial", "tlogEntries", value=[]),
        put("verificationMaterial", "tlogEntries", 0, "inclusionProof", "rootHash", value=text(b"0" * 32)),
        put("verificationMaterial", "tlogEntries", 0, "inclusionPromise", "signedEntryTimestamp", value=text(b"0")),
        put("verificationMaterial", "certificate", "rawBytes", value=text(b"0")),
        put("messageSignature", "messageDigest", "digest", value=text(b"0" * 32)),
    ],
    ids=["version", "no entry", "proof", "promise", "certificate", "digest"],
)
def test_a_bundle_that_was_changed_does_not_pass(change: Callable[[Document], object], tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    document = desk.bundles.file()
    assert desk.verify(document)
    change(document)
    assert not desk.verify(document)


def test_a_file_may_be_named_by_its_digest(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    bundle = desk.lay(desk.bundles.file())
    assert verify(bundle, str(Digest.of(FILE)), *EXPECTED, root=desk.root)
    assert not verify(bundle, str(Digest.of(b"another")), *EXPECTED, root=desk.root)
    assert not verify(bundle, "sha256:abc", *EXPECTED, root=desk.root)
    strange = tmp_path / str(Digest.of(FILE))
    strange.write_bytes(b"a file that is called like a digest")
    assert not verify(bundle, strange, *EXPECTED, root=desk.root)


def test_a_key_or_an_identity_is_needed_and_not_both(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Bundles(by_key=True))
    bundle = desk.lay(desk.bundles.file())
    assert verify(bundle, desk.file, "--key", desk.key, root=desk.root)
    assert not verify(bundle, desk.file, "--key", desk.key, *EXPECTED, root=desk.root)
    assert not verify(bundle, desk.file, *EXPECTED, root=desk.root)
    assert not verify(bundle, desk.file, "--certificate-identity", IDENTITY, root=desk.root)
    assert not verify(bundle, desk.file, root=desk.root)


def test_another_root_than_the_instances_proves_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    bundle = desk.lay(desk.bundles.file())
    assert verify(bundle, desk.file, *EXPECTED, root=desk.root)
    assert not verify(bundle, desk.file, *EXPECTED)
    assert not verify(bundle, desk.file, "--staging", *EXPECTED)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    bundle = desk.lay(desk.bundles.file())
    assert verify(bundle, desk.file, *EXPECTED, root=desk.root)
    assert not verify(tmp_path / "none", desk.file, *EXPECTED, root=desk.root)
    assert not verify(bundle, desk.file, *EXPECTED, root=tmp_path / "none")
    assert not verify(bundle, desk.file, "--key", tmp_path / "none")


def test_signing_is_not_supported() -> None:
    assert run("sign-bundle", "--identity-token", "x", "--bundle", "b", "f") == (2, "sign-bundle: not supported\n")
