"""`awskms://`, `gcpkms://` and `azurekms://`: keys of the clouds, through securesystemslib and the clouds' libraries.

Addresses are written as cosign has them. Who asks is found by those libraries, as their own programs do it. Only ECDSA
P-256 is used: for RSA securesystemslib takes PSS by default, which cosign does not verify.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from attest.errors import AttestError, InvalidKey, Unauthorised, Unreachable, UsageError
from attest.oci.http.answer import printable

_P256: Final = "ecdsa-sha2-nistp256"
_EXTRA: Final = "pip install 'oci-attest[kms]' installs them."


@dataclass(frozen=True, slots=True)
class _Cloud:
    """How addresses are written, as cosign has them, what securesystemslib's import_ wants, and what it may raise."""

    pattern: re.Pattern[str]
    expected: str
    errors: tuple[str, ...]  # of libraries that may not be installed

    def arguments(self, name: str) -> tuple[str, ...]:
        """What stands in an address. Raises InvalidKey."""
        found = self.pattern.fullmatch(name)
        if found is None:
            raise InvalidKey(f"{name}: not the address of a key there", f"Expected {self.expected}.")
        return found.groups()


_CLOUDS: Final[Mapping[str, _Cloud]] = {
    # An endpoint between the slashes is cosign's way for test servers; AWS's library reads AWS_ENDPOINT_URL.
    "awskms": _Cloud(
        re.compile(r"awskms:///([\w:/+=,.@-]+)"),
        "awskms:///KEY_ID, awskms:///alias/NAME or awskms:///ARN",
        ("botocore.exceptions.BotoCoreError", "botocore.exceptions.ClientError"),
    ),
    "gcpkms": _Cloud(
        re.compile(r"gcpkms://(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+/cryptoKeyVersions/\d+)"),
        "gcpkms://projects/…/locations/…/keyRings/…/cryptoKeys/…/cryptoKeyVersions/NUMBER",
        ("google.api_core.exceptions.GoogleAPIError", "google.auth.exceptions.GoogleAuthError"),
    ),
    "azurekms": _Cloud(
        re.compile(r"azurekms://([\w-]+)\.vault\.azure\.net/([\w-]+)"),
        "azurekms://VAULT.vault.azure.net/KEY, whose newest version is used",
        ("azure.core.exceptions.AzureError", "securesystemslib.signer._azure_signer.UnsupportedKeyType"),
    ),
}
_LIBRARY_ERRORS: Final = ("securesystemslib.exceptions.Error", "builtins.ValueError")
# As the clouds call it if they do not let us: the class of an error, or the code that Amazon puts into it.
_REFUSALS: Final = re.compile(r"AccessDenied|Forbidden|PermissionDenied|Unauthor|Unauthen|Credential|Token|Auth")


@dataclass(frozen=True, slots=True)
class CloudKey:
    """A key in a cloud."""

    name: str
    public_pem: bytes = field(repr=False)
    _uri: str
    _key: Any = field(repr=False)  # securesystemslib's

    def sign(self, message: bytes, /) -> bytes:
        """Have the cloud sign this message. Raises StoreError."""
        signer = _library().Signer
        signed = _asked(self.name, lambda: signer.from_priv_key_uri(self._uri, self._key).sign(message))
        return bytes.fromhex(signed.signature)


def open_cloud_key(name: str) -> CloudKey:
    """The key at this address. Raises InvalidKey, UsageError, StoreError."""
    scheme = name.partition("://")[0]
    arguments = _CLOUDS[scheme].arguments(name)
    try:
        signer = _library().SIGNER_FOR_URI_SCHEME[scheme]
    except ImportError:
        raise _without_libraries(name) from None
    uri, key = _asked(name, lambda: signer.import_(*arguments))
    if key.scheme != _P256:
        raise InvalidKey(f"{name}: a key for {printable(key.scheme)}", "In a KMS, ECDSA P-256 is supported.")
    return CloudKey(name, key.keyval["public"].encode(), uri, key)


def _library() -> Any:
    return importlib.import_module("securesystemslib.signer")


def _asked(name: str, question: Callable[[], Any]) -> Any:
    """What a library answers; what it raises becomes ours."""
    from securesystemslib.exceptions import UnsupportedLibraryError

    try:
        return question()
    except UnsupportedLibraryError:
        raise _without_libraries(name) from None
    except _errors_of(name.partition("://")[0]) as error:
        raise _refusal(name, error) from None


def _errors_of(scheme: str) -> tuple[type[BaseException], ...]:
    found = []
    for place in (*_LIBRARY_ERRORS, *_CLOUDS[scheme].errors):
        module, _, word = place.rpartition(".")
        try:
            found.append(getattr(importlib.import_module(module), word))
        except ImportError:
            continue  # a library that is not there raises nothing
    return tuple(found)


def _refusal(name: str, error: BaseException) -> AttestError:
    said = printable(f"{type(error).__name__}: {error}")
    is_refused = getattr(error, "status_code", None) in (401, 403)  # Azure's
    if is_refused or _REFUSALS.search(_code(error) or type(error).__name__):
        return Unauthorised(f"{name}: we may not use this key, or nobody knows who we are", said)
    return Unreachable(f"{name}: no answer that could be used", said)


def _code(error: BaseException) -> str:
    """Amazon has one class for everything, with a code in it."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""


def _without_libraries(name: str) -> UsageError:
    return UsageError(f"{name}: the libraries of this cloud are not installed", "", _EXTRA)
