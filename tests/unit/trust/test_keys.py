from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from attest.errors import InvalidKey
from attest.trust.keys import load_public_key, load_signing_key

PEM = serialization.Encoding.PEM
NONE = serialization.NoEncryption()
KINDS: dict[str, PrivateKeyTypes] = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "RSA-2048": rsa.generate_private_key(65537, 2048),
}
# Made by `cosign generate-key-pair` with the password "correct horse".
ASSETS = Path(__file__).parents[2] / "assets" / "keys"


def private_pem(key: PrivateKeyTypes, password: bytes = b"", form: str = "PKCS8") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else NONE
    return key.private_bytes(PEM, getattr(serialization.PrivateFormat, form), encryption)


def public_pem(key: PrivateKeyTypes) -> bytes:
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_signs_and_verifies(kind: str, tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS[kind]))
    (tmp_path / "k.pub").write_bytes(public_pem(KINDS[kind]))
    private = load_signing_key(str(tmp_path / "k.pem"), {})
    public = load_public_key(str(tmp_path / "k.pub"), {})

    signature = private.sign(b"message")

    assert public.verifies(signature, b"message")
    assert not public.verifies(signature, b"another")
    assert not public.verifies(b"", b"message")
    assert public.hint == private.public.hint


def test_signing_again_gives_the_same_signature(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS["P-256"]))
    key = load_signing_key(str(tmp_path / "k.pem"), {})
    assert key.sign(b"message") == key.sign(b"message")


def hint_of(key: PrivateKeyTypes) -> str:
    return load_public_key("env://KEY", {"KEY": public_pem(key).decode()}).hint


@pytest.mark.parametrize("kind", ["P-256", "RSA-2048"])
def test_the_older_forms_and_the_environment_are_read(kind: str) -> None:
    pem = private_pem(KINDS[kind], form="TraditionalOpenSSL").decode()
    assert pem.startswith(("-----BEGIN EC PRIVATE KEY", "-----BEGIN RSA PRIVATE KEY"))
    assert load_signing_key("env://KEY", {"KEY": pem}).public.hint == hint_of(KINDS[kind])


def test_the_parameters_that_openssl_writes_above_a_key_are_passed_over() -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    pem = private_pem(KINDS["P-256"], form="TraditionalOpenSSL").decode()
    assert load_signing_key("env://KEY", {"KEY": parameters + pem}).public.hint == hint_of(KINDS["P-256"])


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_an_encrypted_key_opens_with_its_password(form: str, tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS["P-256"], b"secret", form))
    name = str(tmp_path / "k.pem")
    assert load_signing_key(name, {"ATTEST_PASSWORD": "secret"}).public.hint
    with pytest.raises(InvalidKey, match="does not open"):
        load_signing_key(name, {"ATTEST_PASSWORD": "wrong"})
    with pytest.raises(InvalidKey, match="encrypted"):
        load_signing_key(name, {})


@pytest.mark.parametrize("label", ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"])
def test_cosigns_own_key_is_read_under_both_of_its_labels(label: str) -> None:
    pem = (ASSETS / "cosign.key").read_text().replace("ENCRYPTED SIGSTORE PRIVATE KEY", label)
    key = load_signing_key("env://KEY", {"KEY": pem, "COSIGN_PASSWORD": "correct horse"})
    assert load_public_key(str(ASSETS / "cosign.pub"), {}).verifies(key.sign(b"message"), b"message")
    with pytest.raises(InvalidKey, match="does not open"):
        load_signing_key("env://KEY", {"KEY": pem, "COSIGN_PASSWORD": "wrong"})
    with pytest.raises(InvalidKey, match="is encrypted"):
        load_signing_key("env://KEY", {"KEY": pem})


def test_our_own_variable_comes_first() -> None:
    both = {"ATTEST_PASSWORD": "correct horse", "COSIGN_PASSWORD": "wrong"}
    assert load_signing_key(str(ASSETS / "cosign.key"), both).public.hint


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"x" * 100_000],
)
def test_what_is_no_key_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(content)
    for load in (load_public_key, load_signing_key):
        with pytest.raises(InvalidKey, match=r"k: (not a|a public key, where the private key)"):
            load(str(tmp_path / "k"), {})


def test_a_missing_key_file_is_named() -> None:
    for load in (load_public_key, load_signing_key):
        with pytest.raises(InvalidKey, match=r"absent\.pub: cannot read the key file: No such file"):
            load("absent.pub", {})


def test_the_other_half_of_the_pair_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS["P-256"]))
    with pytest.raises(InvalidKey, match="a private key, where the public key is needed"):
        load_public_key(str(tmp_path / "k.pem"), {})
    (tmp_path / "k.pub").write_bytes(public_pem(KINDS["P-256"]))
    with pytest.raises(InvalidKey, match="a public key, where the private key is needed"):
        load_signing_key(str(tmp_path / "k.pub"), {})


SSH: bytes = (
    KINDS["Ed25519"].public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is empty"),
        (b"\n", "it is empty"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "a certificate"),
        (SSH, "a key of OpenSSH"),
        (private_pem(KINDS["Ed25519"], form="OpenSSH").replace(b"PRIVATE KEY", b"KEY"), "a key of OpenSSH"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "a key of OpenPGP"),
    ],
    ids=["empty", "blank", "certificate", "ssh public", "ssh private", "pgp"],
)
def test_what_people_take_for_a_key_is_called_by_its_name(content: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(content)
    for load in (load_public_key, load_signing_key):
        with pytest.raises(InvalidKey, match=what):
            load(str(tmp_path / "k"), {})


def test_a_private_key_of_openssh_is_called_by_its_name() -> None:
    pem = private_pem(KINDS["Ed25519"], form="OpenSSH").decode()
    with pytest.raises(InvalidKey, match="a key of OpenSSH"):
        load_signing_key("env://KEY", {"KEY": pem})


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is refused is the test


@pytest.mark.parametrize("weak", [WEAK, ec.generate_private_key(ec.SECP256K1())])
def test_a_weak_or_unusual_key_is_refused(weak: PrivateKeyTypes, tmp_path: Path) -> None:
    (tmp_path / "k.pub").write_bytes(public_pem(weak))
    (tmp_path / "k.key").write_bytes(private_pem(weak))
    with pytest.raises(InvalidKey, match="Supported are"):
        load_public_key(str(tmp_path / "k.pub"), {})
    with pytest.raises(InvalidKey, match="Supported are"):
        load_signing_key(str(tmp_path / "k.key"), {})


def test_a_null_byte_is_in_no_name_of_a_file() -> None:
    with pytest.raises(InvalidKey, match="cannot read the key file"):
        load_public_key("k\0.pub", {})


def test_a_key_never_shows_itself(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS["P-256"]))
    assert "object" not in repr(load_signing_key(str(tmp_path / "k.pem"), {}))
