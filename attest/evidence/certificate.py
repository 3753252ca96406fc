"""What a signing certificate says of its owner, for showing: nothing here is verified."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography import x509

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_FULCIO: Final = "1.3.6.1.4.1.57264.1."
_SHORT_UTF8: Final = 0x0C
_USERNAME: Final = "1.3.6.1.4.1.57264.1.7"  # a name of its own kind: `somebody!domain`


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
    found = alternative_names(names)
    return ClaimedIdentity(found[0] if found else "", _issuer(fulcio_extensions(extensions)))


def alternative_names(names: x509.SubjectAlternativeName) -> list[str]:
    """Those names that are texts: addresses, URIs, hosts, and the user names of Fulcio's own kind."""
    from cryptography import x509

    general = (x509.UniformResourceIdentifier, x509.RFC822Name, x509.DNSName)
    found = (
        _username(name) if isinstance(name, x509.OtherName) else name.value
        for name in names
        if isinstance(name, (*general, x509.OtherName))
    )
    return [name for name in found if name]


def _username(name: x509.OtherName) -> str:
    """Of Fulcio's username issuers (fulcio/docs/oid-info.md, .7): a UTF8String."""
    from cryptography.hazmat import asn1

    if name.type_id.dotted_string != _USERNAME:
        return ""
    try:
        return asn1.decode_der(str, name.value)
    except ValueError:
        return ""


def fulcio_extensions(extensions: x509.Extensions) -> Mapping[int, bytes]:
    """The raw values of Fulcio's own extensions, by their number (fulcio/docs/oid-info.md)."""
    from cryptography import x509

    return {
        int(extension.oid.dotted_string.removeprefix(_FULCIO)): extension.value.value
        for extension in extensions
        if isinstance(extension.value, x509.UnrecognizedExtension)
        and extension.oid.dotted_string.startswith(_FULCIO)
        and extension.oid.dotted_string.removeprefix(_FULCIO).isdigit()
    }


def _issuer(values: Mapping[int, bytes]) -> str:
    """8 is a DER UTF8String, 1 plain text."""
    value = values.get(8, b"")
    if value[:1] == bytes([_SHORT_UTF8]):
        value = value[2:] if len(value) > 1 and value[1] == len(value) - 2 else b""
    return (value or values.get(1, b"")).decode("utf-8", "replace")
