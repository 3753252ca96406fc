from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from attest.errors import (
    AttestError,
    InvalidKey,
    NotFound,
    StoreError,
    Unauthorised,
    Unreachable,
    Unreadable,
    UsageError,
)
from attest.trust.keys import load_public_key, load_signing_key
from tests.e2e.tls import certify
from tests.vault_server import TOKEN, VaultServer, new_key, vault_server

RELEASE = "hashivault://release"


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    with vault_server() as server:
        yield server


def test_vault_signs_and_shows_its_public_key(vault: VaultServer) -> None:
    signature = load_signing_key(RELEASE, vault.environment).sign(b"message")
    public = load_public_key(RELEASE, vault.environment)
    assert public.name == RELEASE
    assert public.verifies(signature, b"message")
    assert not public.verifies(signature, b"another")


def test_the_newest_version_counts_unless_one_is_asked_for(vault: VaultServer) -> None:
    first = load_public_key(RELEASE, vault.environment)
    vault.keys["release"].append(new_key())
    second = load_public_key(RELEASE, vault.environment)

    assert second.fingerprint != first.fingerprint
    assert load_public_key(f"{RELEASE}/versions/1", vault.environment).fingerprint == first.fingerprint
    assert first.verifies(load_signing_key(f"{RELEASE}/versions/1", vault.environment).sign(b"message"), b"message")
    with pytest.raises(NotFound, match="no public key of version 3"):
        load_public_key(f"{RELEASE}/versions/3", vault.environment)


def test_a_rotation_before_the_signature_does_not_change_who_signs(vault: VaultServer) -> None:
    key = load_signing_key(RELEASE, vault.environment)
    vault.keys["release"].append(new_key())
    assert key.public.verifies(key.sign(b"message"), b"message")


def test_a_signature_of_another_key_is_not_used(vault: VaultServer) -> None:
    key = load_signing_key(RELEASE, vault.environment)
    assert key.sign(b"message")
    vault.impostor = new_key()
    with pytest.raises(Unreadable, match="not one of this key"):
        key.sign(b"message")


def test_namespace_and_mount_are_those_of_the_environment(vault: VaultServer) -> None:
    vault.namespace, vault.mount = "team/acme", "signing/transit"
    with pytest.raises(NotFound):
        load_public_key(RELEASE, vault.environment)
    theirs = {"VAULT_NAMESPACE": "team/acme", "TRANSIT_SECRET_ENGINE_PATH": "/signing/transit/"}
    assert load_signing_key(RELEASE, vault.environment | theirs).sign(b"message")


def test_the_token_is_taken_from_the_file_of_a_login_if_no_variable_has_one(vault: VaultServer, tmp_path: Path) -> None:
    environment = {"VAULT_ADDR": vault.address, "HOME": str(tmp_path)}
    with pytest.raises(UsageError, match="no token for Vault"):
        load_public_key(RELEASE, environment)
    (tmp_path / ".vault-token").write_text(f"{TOKEN}\n")
    assert load_public_key(RELEASE, environment).hint
    with pytest.raises(Unauthorised):
        load_public_key(RELEASE, {**environment, "VAULT_TOKEN": "hvs.another"})


def test_a_refused_token_is_exit_4_and_not_shown(vault: VaultServer) -> None:
    with pytest.raises(Unauthorised, match="permission denied") as refused:
        load_public_key(RELEASE, {**vault.environment, "VAULT_TOKEN": "hvs.wrong-and-secret"})
    assert refused.value.exit_code == 4
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("padding", [0, 180])
def test_a_token_that_the_server_says_aloud_is_not_repeated(vault: VaultServer, padding: int) -> None:
    said = "x" * padding + f"your token {TOKEN} is \\u001b[31m bad"
    vault.instead = (403, f'{{"errors": ["{said}"]}}'.encode())
    with pytest.raises(Unauthorised, match="x" * padding or "is ") as refused:
        load_public_key(RELEASE, vault.environment)
    assert TOKEN[:8] not in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("instead", "expected"),
    [
        ((404, b'{"errors": []}'), "Vault has no such key"),
        ((400, b'{"errors": ["Vault is of another mind"]}'), "Vault is of another mind"),
        ((500, b"<html>"), "Vault answers 500"),
        ((200, b"<html>"), "not valid JSON"),
        ((200, b'{"data": {"type": "ecdsa-p256"}}'), "no public key of version 0"),
        (
            (200, b'{"data": {"type": "ecdsa-p256", "latest_version": 1, "keys": {"1": {"public_key": "x"}}}}'),
            "not a public key in PEM",
        ),
    ],
)
def test_an_answer_that_is_of_no_use_is_exit_3(vault: VaultServer, instead: tuple[int, bytes], expected: str) -> None:
    assert load_public_key(RELEASE, vault.environment).hint
    vault.instead = instead
    with pytest.raises(StoreError, match=expected) as failed:
        load_public_key(RELEASE, vault.environment)
    assert failed.value.exit_code == 3


@pytest.mark.parametrize("signature", ["", "vault:v1:", "MEUCIQ==", "vault:v1:MEUC IQ==", "vault:v1:AAAA"])
def test_an_answer_without_a_signature_is_exit_3(vault: VaultServer, signature: str) -> None:
    key = load_signing_key(RELEASE, vault.environment)
    assert key.sign(b"message")
    vault.instead = (200, f'{{"data": {{"signature": "{signature}"}}}}'.encode())
    with pytest.raises(Unreadable, match="signature"):
        key.sign(b"message")


def test_a_vault_that_is_down_is_exit_3(vault: VaultServer) -> None:
    key = load_signing_key(RELEASE, vault.environment)
    assert key.sign(b"message")
    gone = {"VAULT_ADDR": "http://127.0.0.1:9", "VAULT_TOKEN": TOKEN}
    with pytest.raises(AttestError, match=r"127\.0\.0\.1:9: no connection") as failed:
        load_public_key(RELEASE, gone)
    assert failed.value.exit_code == 3


@pytest.mark.parametrize("kind", ["ed25519", "rsa-4096", "aes256-gcm96"])
def test_keys_of_other_types_are_refused(vault: VaultServer, kind: str) -> None:
    vault.kind = kind
    with pytest.raises(InvalidKey, match=f"a key of the type '{kind}'"):
        load_signing_key(RELEASE, vault.environment)


def test_a_key_that_is_not_what_its_type_says_is_refused(vault: VaultServer) -> None:
    assert load_public_key(RELEASE, vault.environment).hint
    vault.keys["release"] = [ec.generate_private_key(ec.SECP384R1())]
    with pytest.raises(InvalidKey, match="of an unsupported kind"):
        load_public_key(RELEASE, vault.environment)


def test_the_token_does_not_follow_to_another_address(vault: VaultServer) -> None:
    with vault_server() as other:
        other.keys = vault.keys
        assert load_public_key(RELEASE, other.environment).hint
        other.authorised.clear()
        vault.moved = other.address
        with pytest.raises(Unauthorised):
            load_public_key(RELEASE, vault.environment)
        assert other.authorised == [False]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vault.example.com",
        "ftp://vault.example.com",
        "https://user:pw@vault.example.com",
        "https://host:x",
        "http://",
    ],
)
def test_what_is_no_address_of_a_vault_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(UsageError, match="VAULT_ADDR: expected") as refused:
        load_public_key(RELEASE, {"VAULT_ADDR": address, "VAULT_TOKEN": TOKEN})
    assert "pw" not in str(refused.value)


def test_a_vault_elsewhere_is_not_spoken_to_without_tls() -> None:
    with pytest.raises(UsageError, match="without TLS"):
        load_public_key(RELEASE, {"VAULT_ADDR": "http://vault.example.com:8200", "VAULT_TOKEN": TOKEN})


def test_a_vault_with_a_ca_of_its_own_is_believed_if_the_ca_is_named(tmp_path: Path) -> None:
    certified = certify(tmp_path)
    with vault_server(certified) as vault:
        assert load_public_key(RELEASE, {**vault.environment, "VAULT_CACERT": str(certified.ca)}).hint
        with pytest.raises(Unreachable, match="no TLS connection"):
            load_public_key(RELEASE, vault.environment)
        assert vault.authorised == [True]


def test_a_token_that_would_be_two_headers_is_refused_and_not_shown(vault: VaultServer) -> None:
    with pytest.raises(UsageError, match="not a token of Vault") as refused:
        load_public_key(RELEASE, {**vault.environment, "VAULT_TOKEN": "secret\r\nX-Forwarded-For: 1"})
    assert "secret" not in str(refused.value)
    assert not vault.authorised


@pytest.mark.parametrize(
    "name",
    ["hashivault://", "hashivault://../sys", "hashivault://a/b", "hashivault://a/versions/0", "hashivault://a?b"],
)
def test_only_a_name_is_the_address_of_a_key(name: str, vault: VaultServer) -> None:
    with pytest.raises(InvalidKey, match="not the address of a key"):
        load_public_key(name, vault.environment)
    assert not vault.authorised


def test_unknown_services_are_named() -> None:
    with pytest.raises(InvalidKey, match="no key is to be had from k8s://") as refused:
        load_public_key("k8s://acme/key", {})
    assert "hashivault://" in refused.value.detail


def test_a_key_never_shows_the_token(vault: VaultServer) -> None:
    assert TOKEN not in repr(load_signing_key(RELEASE, vault.environment))
