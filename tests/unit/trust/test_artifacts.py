"""The door for files: the bundle of a file, known by its digest or as a whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from attest.errors import MalformedStatement
from attest.evidence.bundle import parse_any_bundle, parse_bundle
from attest.evidence.collect import fetch
from attest.reference import Digest
from attest.trust.artifacts import who_signed_artifact
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import CertifiedSigner, ExpectedIdentity, NotVerified
from attest.trust.scope import Scope
from attest.trust.signatures import Signer, Trust
from attest.trust.signing.statements import SignedBundle
from tests import images
from tests.authority import IDENTITY, ISSUER, new_key, text
from tests.sigstore.asking import material
from tests.sigstore.bundles import FILE, Bundles, Document, PrivateKey, statement

SHA256 = Digest.of(FILE)
SHA512 = Digest.of(FILE, "sha512")
USERNAME = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")


def by_key(bundles: Bundles, folder: Path | None = None, **changes: object) -> Trust:
    roots = TrustedRoots(bundles.trusted_root(folder, **changes)) if folder is not None else None
    return Trust((bundles.public,), (), roots)


def by_identity(bundles: Bundles, folder: Path, name: str = IDENTITY) -> Trust:
    return Trust((), (ExpectedIdentity(name, ISSUER),), TrustedRoots(bundles.trusted_root(folder)))


def ask(document: Document, trust: Trust, digest: Digest = SHA256, content: bytes | None = None) -> Signer:
    return who_signed_artifact(parse_any_bundle(json.dumps(document).encode(), "a bundle"), digest, trust, content)


def refused(said: str, document: Document, trust: Trust, digest: Digest = SHA256, content: bytes | None = None) -> None:
    with pytest.raises(NotVerified, match=said):
        ask(document, trust, digest, content)


@pytest.mark.parametrize("content", [None, FILE], ids=["digest", "file"])
@pytest.mark.parametrize("form", ["file", "envelope"])
def test_a_file_is_signed_by_the_certified(form: str, content: bytes | None, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.file() if form == "file" else bundles.envelope(statement())
    signer = ask(document, by_identity(bundles, tmp_path), SHA256, content)
    assert isinstance(signer, CertifiedSigner)
    assert signer.identity == IDENTITY
    refused("expected", document, by_identity(bundles, tmp_path, "https://another.test"), SHA256, content)
    refused("not about|not sha256|not over|mismatch", document, by_identity(bundles, tmp_path), Digest.of(b"another"))


@pytest.mark.parametrize("form", ["file", "envelope"])
def test_a_file_is_signed_by_the_holder_of_a_key(form: str, tmp_path: Path) -> None:
    bundles, stranger = Bundles(by_key=True), Bundles(by_key=True)
    document = bundles.file() if form == "file" else bundles.envelope(statement())
    assert ask(document, by_key(bundles)) == bundles.public
    assert ask(document, by_key(bundles, tmp_path)) == bundles.public
    refused("another key", document, by_key(stranger))
    refused("not about|not sha256", document, by_key(bundles), Digest.of(b"another"))
    refused("another key|identities were given", document, by_identity(bundles, tmp_path))


@pytest.mark.parametrize("digest", [SHA256, SHA512], ids=str)
def test_a_statement_names_a_file_by_any_of_its_digests(digest: Digest) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(sha256=SHA256.hex, sha512=SHA512.hex))
    assert ask(document, by_key(bundles), digest) == bundles.public
    refused("not about", document, by_key(bundles), Digest.of(b"another", digest.algorithm))


def test_a_file_that_is_not_the_one_of_the_digest_is_refused() -> None:
    bundles = Bundles(by_key=True)
    ask(bundles.file(), by_key(bundles), SHA256, FILE)
    refused("the file is not sha256", bundles.file(), by_key(bundles), SHA256, b"another")


@pytest.mark.parametrize(
    ("key", "needs_file"),
    [
        (new_key(), False),
        (rsa.generate_private_key(65537, 2048), False),
        (ec.generate_private_key(ec.SECP384R1()), True),
        (ed25519.Ed25519PrivateKey.generate(), True),
    ],
    ids=["P-256", "RSA", "P-384", "Ed25519"],
)
def test_some_keys_sign_what_no_sha256_digest_can_tell(key: PrivateKey, needs_file: bool) -> None:
    bundles = Bundles(by_key=True, key=key)
    document = bundles.file(kind="", stamps=0)
    assert ask(document, by_key(bundles), SHA256, FILE) == bundles.public
    if needs_file:
        refused("need the file", document, by_key(bundles))
    else:
        assert ask(document, by_key(bundles)) == bundles.public


class SignsSha256(Bundles):
    """Whatever the curve."""

    def _sign(self, message: bytes) -> bytes:
        assert isinstance(self.key, ec.EllipticCurvePrivateKey)
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("certified", [False, True], ids=["key", "certificate"])
def test_a_key_of_another_curve_may_have_signed_the_sha256_digest(certified: bool, tmp_path: Path) -> None:
    """As sigstore-python did with P-384."""
    bundles = SignsSha256(by_key=not certified, key=ec.generate_private_key(ec.SECP384R1()))
    trust = by_identity(bundles, tmp_path) if certified else by_key(bundles)
    document = bundles.file()
    ask(document, trust)
    ask(document, trust, SHA256, FILE)
    refused("not sha256|another file", document, trust, Digest.of(b"another"))


def test_an_envelope_is_signed_by_the_hash_of_the_curve(tmp_path: Path) -> None:
    bundles = Bundles(key=ec.generate_private_key(ec.SECP384R1()))
    ask(bundles.envelope(statement()), by_identity(bundles, tmp_path))
    other = SignsSha256(bundles.instance, key=bundles.key)
    refused("does not hold", other.envelope(statement()), by_identity(bundles, tmp_path))


def test_a_file_that_is_known_by_another_hash_than_was_signed_needs_the_file() -> None:
    bundles = Bundles(by_key=True)
    document = bundles.file()
    del document["messageSignature"]["messageDigest"]
    assert ask(document, by_key(bundles), SHA512, FILE) == bundles.public
    refused("need the file", document, by_key(bundles), SHA512)


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()])
def test_certificates_of_other_keys_are_good_too(key: PrivateKey, tmp_path: Path) -> None:
    bundles = Bundles(key=key)
    ask(bundles.envelope(statement()), by_identity(bundles, tmp_path))
    ask(bundles.file(), by_identity(bundles, tmp_path), SHA256, FILE)
    refused("not sha256", bundles.file(b"another"), by_identity(bundles, tmp_path), SHA256, FILE)


def test_what_the_bundle_says_of_the_files_digest_is_a_hint() -> None:
    bundles = Bundles(by_key=True)
    document = bundles.file()
    del document["messageSignature"]["messageDigest"]
    assert ask(document, by_key(bundles)) == bundles.public
    other = bundles.file(b"another")
    other["messageSignature"]["messageDigest"] = bundles.file()["messageSignature"]["messageDigest"]
    refused("over another file", other, by_key(bundles))
    other["messageSignature"] = {
        **bundles.file()["messageSignature"],
        "messageDigest": bundles.file(b"x")["messageSignature"]["messageDigest"],
    }
    refused("not sha256", other, by_key(bundles))


def test_a_hint_of_another_hash_is_held_against_the_file_itself() -> None:
    bundles = Bundles(by_key=True)
    document = bundles.file()
    hint = document["messageSignature"]["messageDigest"]
    hint |= {"algorithm": "SHA2_512", "digest": text(hashlib.sha512(FILE).digest())}
    assert ask(document, by_key(bundles), SHA256, FILE) == bundles.public
    refused("sha512", document, by_key(bundles))
    hint["digest"] = text(hashlib.sha512(b"another").digest())
    refused("sha512", document, by_key(bundles), SHA256, FILE)


def test_what_came_with_a_keys_signature_must_hold_where_roots_are_given(tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    for document, other in ((bundles.file(), bundles.file(b"another")), *_pair(bundles)):
        assert ask(document, by_key(bundles, tmp_path)) == bundles.public
        material(document)["tlogEntries"] = material(other)["tlogEntries"]
        refused("another one's", document, by_key(bundles, tmp_path))
        assert ask(document, by_key(bundles)) == bundles.public


def test_a_wrong_hint_of_the_key_says_nothing() -> None:
    bundles = Bundles(by_key=True)
    document = bundles.file()
    material(document)["publicKey"]["hint"] = Bundles().public.hint
    assert ask(document, by_key(bundles)) == bundles.public


def _pair(bundles: Bundles) -> list[tuple[Document, Document]]:
    return [(bundles.envelope(statement()), bundles.envelope(statement(sha256="a" * 64)))]


def test_a_key_is_good_for_its_time_and_until_it_is_denied(tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    trust, now = by_key(bundles, tmp_path), datetime.now(UTC)
    for document in (bundles.file(), bundles.envelope(statement())):
        inside, outside = (
            replace(trust, keys=(replace(bundles.public, scope=Scope(not_after=now + timedelta(hours=hours))),))
            for hours in (1, -1)
        )
        ask(document, inside)
        refused("is believed only", document, outside)
        refused("is denied", document, replace(trust, denied=frozenset({bundles.public.fingerprint})))


@pytest.mark.parametrize("kind", ["https://in-toto.io/Statement/v2", ""])
def test_a_statement_of_an_unknown_type_says_nothing(kind: str) -> None:
    bundles = Bundles(by_key=True)
    ask(bundles.envelope(statement()), by_key(bundles))
    strange = statement().replace(b"https://in-toto.io/Statement/v1", kind.encode())
    refused("not an in-toto statement", bundles.envelope(strange), by_key(bundles))


def test_a_user_name_is_an_identity(tmp_path: Path) -> None:
    bundles = Bundles(lies={"names": [x509.OtherName(USERNAME, b"\x0c\x0efoo!oidc.local")]})
    ask(bundles.file(), by_identity(bundles, tmp_path, "foo!oidc.local"))
    refused("expected", bundles.file(), by_identity(bundles, tmp_path, "foo@oidc.local"))
    for strange in (
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01x"),
        x509.OtherName(USERNAME, b"\x04\x01x"),
    ):
        bundles.lies = {"names": [strange]}
        refused("1 names, where", bundles.file(), by_identity(bundles, tmp_path, "x"))


def test_the_signature_of_a_file_is_no_evidence_about_an_image() -> None:
    bundles = Bundles(by_key=True)
    pushed = images.push({"linux/amd64": None})
    raw = json.dumps(bundles.file()).encode()
    images.attach(pushed.store, SignedBundle(raw, ""), pushed.root)
    _, evidence = fetch(pushed.store)
    assert not list(evidence.signed)
    assert ["without a DSSE envelope" in problem.message for problem in evidence.problems] == [True]
    with pytest.raises(MalformedStatement, match="without a DSSE envelope"):
        parse_bundle(raw, "a bundle")


def test_a_bundle_signs_one_thing() -> None:
    bundles = Bundles(by_key=True)
    both = {**bundles.file(), "dsseEnvelope": bundles.envelope(statement())["dsseEnvelope"]}
    with pytest.raises(MalformedStatement, match="both"):
        parse_any_bundle(json.dumps(both).encode(), "a bundle")


@pytest.mark.parametrize(
    "digest", [{"algorithm": "SHA2_256", "digest": "AAAA"}, {"algorithm": "MD5", "digest": "AAAA"}]
)
def test_a_message_digest_that_is_none_is_malformed(digest: Document) -> None:
    document = Bundles(by_key=True).file()
    document["messageSignature"]["messageDigest"] = digest
    with pytest.raises(MalformedStatement, match="a message digest that is none"):
        parse_any_bundle(json.dumps(document).encode(), "a bundle")
