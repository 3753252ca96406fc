from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from attest.errors import InvalidKey
from attest.trust.cosign_key import is_cosign_key, open_cosign_key, seal_cosign_key

# Made by `cosign generate-key-pair` with the password "correct horse".
COSIGN_KEY = Path(__file__).parents[2] / "assets" / "keys" / "cosign.key"
PASSWORD = b"correct horse"


def document_of(pem: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode(pem.split(b"-----")[2]))
    return document


def pem_of(document: str) -> bytes:
    label = b"ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
    return b"-----BEGIN " + label + base64.b64encode(document.encode()) + b"\n-----END " + label


def test_what_is_sealed_opens_again_and_is_written_as_cosign_writes_it() -> None:
    sealed = seal_cosign_key(b"a key in DER", PASSWORD)
    assert open_cosign_key("k", sealed, PASSWORD) == b"a key in DER"

    ours, cosigns = document_of(sealed), document_of(COSIGN_KEY.read_bytes())
    assert ours["kdf"]["params"] == cosigns["kdf"]["params"]
    for path in (("kdf", "salt"), ("cipher", "nonce")):
        assert len(ours[path[0]][path[1]]) == len(cosigns[path[0]][path[1]])
    assert (list(ours), list(ours["kdf"]), list(ours["cipher"])) == (
        (list(cosigns), list(cosigns["kdf"]), list(cosigns["cipher"]))
    )
    lines, theirs = sealed.splitlines(), COSIGN_KEY.read_bytes().splitlines()
    assert (lines[0], lines[-1], len(lines[1])) == (theirs[0], theirs[-1], len(theirs[1]))


def test_salt_and_nonce_are_new_each_time() -> None:
    first, second = (document_of(seal_cosign_key(b"a key", PASSWORD)) for _ in range(2))
    assert first["kdf"]["salt"] != second["kdf"]["salt"]
    assert first["cipher"]["nonce"] != second["cipher"]["nonce"]


@pytest.mark.parametrize(
    ("letter", "number"),
    [("N", 1 << 40), ("N", 1 << 18), ("r", 1 << 20), ("p", 1 << 30), ("N", 0), ("N", -2), ("r", "8"), ("p", True)],
)
def test_a_hostile_derivation_is_refused_and_not_computed(letter: str, number: object) -> None:
    assert open_cosign_key("k", COSIGN_KEY.read_bytes(), PASSWORD)
    document = document_of(COSIGN_KEY.read_bytes())
    document["kdf"]["params"][letter] = number
    with pytest.raises(InvalidKey, match="asks for scrypt with"):
        open_cosign_key("k", pem_of(json.dumps(document)), PASSWORD)


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("kdf", "name", "argon2"),
        ("cipher", "name", "none"),
        ("kdf", "salt", "?"),
        ("cipher", "nonce", "AAAA"),
        ("kdf", "params", {"N": 65535, "r": 8, "p": 1}),
        ("kdf", "params", {"N": 1e300, "r": 8, "p": 1}),
        ("kdf", "params", []),
    ],
)
def test_a_damaged_key_is_no_stack_trace(part: str, name: str, value: object) -> None:
    document = document_of(COSIGN_KEY.read_bytes())
    document[part][name] = value
    with pytest.raises(InvalidKey, match="k: "):
        open_cosign_key("k", pem_of(json.dumps(document)), PASSWORD)


@pytest.mark.parametrize("document", ["[]", "x", '{"kdf": 1}', "[" * 5000, '{"kdf": {"params": {"N": 1e400}}}', "1"])
def test_what_is_no_document_of_cosign_is_no_stack_trace(document: str) -> None:
    with pytest.raises(InvalidKey, match="k: "):
        open_cosign_key("k", pem_of(document), PASSWORD)


def test_a_changed_byte_does_not_open() -> None:
    document = document_of(COSIGN_KEY.read_bytes())
    sealed = bytearray(base64.b64decode(document["ciphertext"]))
    sealed[-1] ^= 1
    document["ciphertext"] = base64.b64encode(sealed).decode()
    with pytest.raises(InvalidKey, match="does not open"):
        open_cosign_key("k", pem_of(json.dumps(document)), PASSWORD)


def test_other_keys_are_not_taken_for_cosigns() -> None:
    assert is_cosign_key(COSIGN_KEY.read_bytes())
    assert not is_cosign_key(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
