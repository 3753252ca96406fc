"""Keys that never leave the service that holds them, by their address as cosign types it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from attest.errors import InvalidKey


class HeldKey(Protocol):
    """A private key in a service: it shows its public half, and signs if it may."""

    @property
    def public_pem(self) -> bytes:
        """The public key in PEM."""

    def sign(self, message: bytes, /) -> bytes:
        """An ECDSA signature (ASN.1) over the SHA-256 of this message. Raises StoreError."""


Open = Callable[[str, Mapping[str, str]], HeldKey]


def is_address(name: str) -> bool:
    """Whether a key's name is the address of a service, and no file or variable."""
    return "://" in name and not name.startswith("env://")


def open_held_key(name: str, environ: Mapping[str, str]) -> HeldKey:
    """The key at this address. Raises InvalidKey, UsageError, StoreError."""
    scheme = name.partition("://")[0]
    if scheme not in _SERVICES:
        known = ", ".join(f"{each}://" for each in _SERVICES)
        raise InvalidKey(f"{name}: no key is to be had from {scheme}://", f"Known are {known} and env://.")
    return _SERVICES[scheme](name, environ)


def _vault(name: str, environ: Mapping[str, str]) -> HeldKey:
    from attest.trust.held.vault import open_vault_key

    return open_vault_key(name, environ)


def _cloud(name: str, _: Mapping[str, str]) -> HeldKey:
    from attest.trust.held.cloud import open_cloud_key

    return open_cloud_key(name)


_SERVICES: Final[Mapping[str, Open]] = {
    "hashivault": _vault,
    "awskms": _cloud,
    "gcpkms": _cloud,
    "azurekms": _cloud,
}
