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


def test_sec1_and_the_environment_are_read() -> None:
    pem = private_pem(KINDS["P-256"], form="TraditionalOpenSSL").decode()
    assert load_signing_key("env://KEY", {"KEY": pem}).public.hint
    assert load_public_key("env://KEY", {"KEY": public_pem(KINDS["P-256"]).decode()}).hint


def test_an_encrypted_key_opens_with_its_password(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS["P-256"], b"secret"))
    name = str(tmp_path / "k.pem")
    assert load_signing_key(name, {"ATTEST_PASSWORD": "secret"}).public.hint
    with pytest.raises(InvalidKey, match="does not open"):
        load_signing_key(name, {"ATTEST_PASSWORD": "wrong"})
    with pytest.raises(InvalidKey, match="encrypted"):
        load_signing_key(name, {})


def test_cosigns_own_key_is_read() -> None:
    key = load_signing_key(str(ASSETS / "cosign.key"), {"COSIGN_PASSWORD": "correct horse"})
    assert load_public_key(str(ASSETS / "cosign.pub"), {}).verifies(key.sign(b"message"), b"message")
    with pytest.raises(InvalidKey, match="does not open"):
        load_signing_key(str(ASSETS / "cosign.key"), {"COSIGN_PASSWORD": "wrong"})


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\xff\xfe", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", b"x" * 100_000],
)
def test_what_is_no_key_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(content)
    for load in (load_public_key, load_signing_key):
        with pytest.raises(InvalidKey, match=r"k: not a"):
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
    with pytest.raises(InvalidKey, match="not a private key"):
        load_signing_key(str(tmp_path / "k.pub"), {})


WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that it is refused is the test


@pytest.mark.parametrize("weak", [WEAK, ec.generate_private_key(ec.SECP256K1())])
def test_a_weak_or_unusual_key_is_refused(weak: PrivateKeyTypes, tmp_path: Path) -> None:
    (tmp_path / "k.pub").write_bytes(public_pem(weak))
    with pytest.raises(InvalidKey, match="Supported are"):
        load_public_key(str(tmp_path / "k.pub"), {})


def test_a_hostile_cosign_key_does_not_take_all_memory(tmp_path: Path) -> None:
    import base64
    import json

    document = {
        "kdf": {"name": "scrypt", "params": {"N": 1 << 30, "r": 8, "p": 1}, "salt": "AAAA"},
        "cipher": {"name": "nacl/secretbox", "nonce": "AAAA"},
        "ciphertext": "AAAA",
    }
    body = base64.b64encode(json.dumps(document).encode())
    label = b"ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
    (tmp_path / "k").write_bytes(b"-----BEGIN " + label + body + b"\n-----END " + label)
    with pytest.raises(InvalidKey):
        load_signing_key(str(tmp_path / "k"), {"COSIGN_PASSWORD": ""})


def test_a_key_never_shows_itself(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(private_pem(KINDS["P-256"]))
    assert "object" not in repr(load_signing_key(str(tmp_path / "k.pem"), {}))
