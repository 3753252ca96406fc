"""Clouds through securesystemslib, with a signer of its own interface in the place of a cloud's."""

from __future__ import annotations

import importlib.util
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from securesystemslib.exceptions import Error
from securesystemslib.signer import SIGNER_FOR_URI_SCHEME, CryptoSigner  # type: ignore[attr-defined]

from attest.errors import InvalidKey, Unauthorised, Unreachable, Unreadable, UsageError
from attest.trust.keys import load_public_key, load_signing_key

RELEASE = "awskms:///alias/release"
ADDRESSES = {
    "awskms": "awskms:///1234abcd-12ab-34cd-56ef-1234567890ab",
    "gcpkms": "gcpkms://projects/acme/locations/global/keyRings/ring/cryptoKeys/key/cryptoKeyVersions/1",
    "azurekms": "azurekms://acme.vault.azure.net/key",
}
LIBRARIES = {"awskms": "boto3", "gcpkms": "google.cloud.kms", "azurekms": "azure.identity"}


class ClientError(Error):
    """As botocore's says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {"Error": {"Code": code}}


class Cloud:
    """As securesystemslib's signers: import_ gives an address and a public key, a signer is made of both."""

    key: ClassVar[PrivateKeyTypes]
    asked: ClassVar[list[tuple[str, ...]]]
    fails: ClassVar[str] = ""

    @classmethod
    def import_(cls, *where: str) -> tuple[str, Any]:
        cls.asked.append(where)
        if cls.fails:
            raise ClientError(cls.fails)
        return f"awskms:{where[0]}", CryptoSigner(cls.key).public_key

    @classmethod
    def from_priv_key_uri(cls, *_: object) -> Any:
        if cls.fails:
            raise ClientError(cls.fails)
        return CryptoSigner(cls.key)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> type[Cloud]:
    class Here(Cloud):
        key = ec.generate_private_key(ec.SECP256R1())
        asked: ClassVar[list[tuple[str, ...]]] = []

    for scheme in ADDRESSES:
        monkeypatch.setitem(SIGNER_FOR_URI_SCHEME, scheme, Here)
    return Here


def test_a_cloud_signs_and_shows_its_public_key(cloud: type[Cloud]) -> None:
    signature = load_signing_key(RELEASE, {}).sign(b"message")
    public = load_public_key(RELEASE, {})
    assert public.verifies(signature, b"message")
    assert not public.verifies(signature, b"another")


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        (RELEASE, ("alias/release",)),
        ("awskms:///arn:aws:kms:us-east-2:111122223333:key/12-ab", ("arn:aws:kms:us-east-2:111122223333:key/12-ab",)),
        (ADDRESSES["gcpkms"], (ADDRESSES["gcpkms"].removeprefix("gcpkms://"),)),
        (ADDRESSES["azurekms"], ("acme", "key")),
    ],
)
def test_addresses_are_those_of_cosign(cloud: type[Cloud], address: str, asked: tuple[str, ...]) -> None:
    assert load_public_key(address, {}).name == address
    assert cloud.asked == [asked]


@pytest.mark.parametrize(
    "address",
    [
        "awskms://",
        "awskms://localhost:4566/alias/x",
        "gcpkms://projects/acme",
        "azurekms://acme/key",
        "azurekms://x/y/z",
    ],
)
def test_what_is_no_address_is_refused_before_anybody_is_asked(cloud: type[Cloud], address: str) -> None:
    with pytest.raises(InvalidKey, match="not the address of a key") as refused:
        load_public_key(address, {})
    assert "Expected" in refused.value.detail
    assert not cloud.asked


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_only_p_256_is_used(cloud: type[Cloud], key: PrivateKeyTypes) -> None:
    assert load_signing_key(RELEASE, {}).public.hint
    cloud.key = key
    with pytest.raises(InvalidKey, match="a key for"):
        load_signing_key(RELEASE, {})


def test_a_signature_of_another_key_is_not_used(cloud: type[Cloud]) -> None:
    key = load_signing_key(RELEASE, {})
    assert key.sign(b"message")
    cloud.key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Unreadable, match="not one of this key"):
        key.sign(b"message")


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [("AccessDeniedException", Unauthorised, 4), ("KMSInternalException", Unreachable, 3)],
)
def test_what_the_cloud_says_becomes_an_exit_code(
    cloud: type[Cloud], code: str, kind: type[Unauthorised], exit_code: int
) -> None:
    key = load_signing_key(RELEASE, {})
    cloud.fails = code
    for ask in (lambda: load_public_key(RELEASE, {}), lambda: key.sign(b"message")):
        with pytest.raises(kind, match=code) as failed:
            ask()
        assert failed.value.exit_code == exit_code


@pytest.mark.parametrize("scheme", ADDRESSES)
def test_without_the_libraries_the_extra_is_named(scheme: str) -> None:
    try:
        is_there = importlib.util.find_spec(LIBRARIES[scheme]) is not None
    except ModuleNotFoundError:
        is_there = False
    if is_there:
        pytest.skip(f"{LIBRARIES[scheme]} is installed here")
    with pytest.raises(UsageError, match=r"pip install 'oci-attest\[kms\]'"):
        load_public_key(ADDRESSES[scheme], {})
