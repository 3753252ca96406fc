"""What a signing certificate says of its owner, for showing: nothing here is verified."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
# Fulcio's issuer extensions (fulcio/docs/oid-info.md): 1.1 holds plain text, 1.8 a DER UTF8String.
_ISSUERS: Final = ("1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1")
_SHORT_UTF8: Final = 0x0C


@dataclass(frozen=True, slots=True)
class ClaimedIdentity:
    """The subject alternative name and the OIDC issuer; empty where the certificate has none."""

    name: str = ""
    issuer: str = ""


def der_of(pem: str) -> bytes | None:
    """The DER of the first certificate in a PEM text, or None."""
    match = _PEM.search(pem)
    if match is None:
        return None
    try:
        return base64.b64decode("".join(match[1].split()), validate=True)
    except ValueError:
        return None


def claimed_identity(der: bytes) -> ClaimedIdentity:
    """Whom a certificate names (RFC 5280, section 4.2.1.6). Raises nothing: what cannot be read names nobody."""
    from cryptography import x509

    try:
        extensions = x509.load_der_x509_certificate(der).extensions
        names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (
        ValueError,
        x509.InvalidVersion,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return ClaimedIdentity()
    general = (x509.UniformResourceIdentifier, x509.RFC822Name, x509.DNSName)
    found = [str(name.value) for name in names if isinstance(name, general)]
    return ClaimedIdentity(found[0] if found else "", _issuer(extensions))


def _issuer(extensions: object) -> str:
    from cryptography import x509

    assert isinstance(extensions, x509.Extensions)  # noqa: S101 - imported late, so not named in the signature
    values = {
        extension.oid.dotted_string: extension.value.value
        for extension in extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
    }
    for oid in _ISSUERS:
        value = values.get(oid, b"")
        if oid.endswith(".8") and value[:1] == bytes([_SHORT_UTF8]):
            value = value[2:] if len(value) > 1 and value[1] == len(value) - 2 else b""
        if value:
            return value.decode("utf-8", "replace")
    return ""
