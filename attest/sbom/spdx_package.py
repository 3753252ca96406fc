"""One SPDX 2.3 package as one CycloneDX 1.6 component (SPDX 2.3, clause 7 "Package information")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from attest.oci.document import Json, JsonObject
from attest.sbom.ledger import Ledger
from attest.sbom.licences import licence_choice
from attest.sbom.text import public_address

# Clause 7.24; the JSON schema writes OPERATING_SYSTEM. SOURCE, ARCHIVE, INSTALL and OTHER have no counterpart.
_TYPES: Final[Mapping[str, str]] = {
    "APPLICATION": "application",
    "FRAMEWORK": "framework",
    "LIBRARY": "library",
    "CONTAINER": "container",
    "OPERATING-SYSTEM": "operating-system",
    "OPERATING_SYSTEM": "operating-system",
    "DEVICE": "device",
    "FIRMWARE": "firmware",
    "FILE": "file",
}
# SPDX's checksum algorithm → CycloneDX's name for it and the number of hex digits. MD2, MD4, MD6, SHA224, ADLER32
# have no place there.
_HASHES: Final[Mapping[str, tuple[str, int]]] = {
    "MD5": ("MD5", 32),
    "SHA1": ("SHA-1", 40),
    "SHA256": ("SHA-256", 64),
    "SHA384": ("SHA-384", 96),
    "SHA512": ("SHA-512", 128),
    "SHA3-256": ("SHA3-256", 64),
    "SHA3-384": ("SHA3-384", 96),
    "SHA3-512": ("SHA3-512", 128),
    "BLAKE2b-256": ("BLAKE2b-256", 64),
    "BLAKE2b-384": ("BLAKE2b-384", 96),
    "BLAKE2b-512": ("BLAKE2b-512", 128),
    "BLAKE3": ("BLAKE3", 64),
}
# The shape nearly every package URL has; packageurl, at 40 µs a piece, is asked about the others.
_PURL_PART = r"(?:[A-Za-z0-9._~:+-]|%[0-9A-Fa-f]{2})+"
_PURL: Final = re.compile(
    rf"pkg:[a-z][a-z0-9.-]*(?:/{_PURL_PART})+(?:@{_PURL_PART})?"
    rf"(?:\?[a-z][a-z0-9._-]*={_PURL_PART}(?:&[a-z][a-z0-9._-]*={_PURL_PART})*)?"
)
_CPE23: Final = re.compile(r"cpe:2\.3:[aho*-](?::(?:\\[!-~]|[A-Za-z0-9._*?~-])+){10}")
_CPE22: Final = re.compile(r"cpe:/[aho](?::[A-Za-z0-9._~%-]*){1,6}")
_SWHID: Final = re.compile(r"swh:1:(?:snp|rel|rev|dir|cnt):[0-9a-f]{40}")
_GITOID: Final = re.compile(r"gitoid:[a-z]+:[a-z0-9]+:[0-9a-f]+")
_ACTOR: Final = re.compile(r"(?:Person|Organization): ?")
_REPOSITORY_SCHEMES: Final = ("git+", "git:", "hg+", "svn+", "svn:", "bzr+")
_VERSION_LENGTH: Final = 1024  # CycloneDX 1.6, `version`

_CARRIED: Final = frozenset(
    {
        "SPDXID",
        "name",
        "versionInfo",
        "primaryPackagePurpose",
        "supplier",
        "originator",
        "description",
        "summary",
        "copyrightText",
        "licenseConcluded",
        "licenseDeclared",
        "checksums",
        "externalRefs",
        "homepage",
        "downloadLocation",
    }
)
_KNOWN: Final = frozenset(
    {
        "attributionTexts",
        "builtDate",
        "comment",
        "filesAnalyzed",
        "hasFiles",
        "licenseComments",
        "licenseInfoFromFiles",
        "packageFileName",
        "packageVerificationCode",
        "releaseDate",
        "sourceInfo",
        "validUntilDate",
    }
)
_EMPTY: Final[tuple[Json, ...]] = (None, False, "", "NOASSERTION", "NONE", [], ["NOASSERTION"], ["NONE"], {})


def component(package: JsonObject, ref: str, ledger: Ledger) -> JsonObject:
    """The package as a component with this bom-ref; its name, or else its SPDXID, is known to be there."""
    identifiers = _identifiers(package, ledger)
    originator = ledger.text(package, "originator")
    by_person = originator.startswith("Person:")
    found: dict[str, Json] = {
        "type": _type(package, ledger),
        "bom-ref": ref,
        "supplier": _named(ledger.text(package, "supplier")),
        "authors": [_named(originator)] if by_person else None,
        "publisher": None if by_person else _actor(originator),
        "name": _name(package, ledger),
        "version": _version(package, ledger),
        "description": _description(package, ledger),
        "hashes": _hashes(package, ledger),
        "licenses": _licences(package, ledger),
        "copyright": ledger.text(package, "copyrightText"),
        "cpe": _only("cpe", identifiers, ledger),
        "purl": _only("purl", identifiers, ledger),
        "omniborId": identifiers.get("omniborId", []),
        "swhid": identifiers.get("swhid", []),
        "externalReferences": _addresses(package, identifiers, ledger),
    }
    _count_the_rest(package, ledger)
    return {key: value for key, value in found.items() if value}


def _type(package: JsonObject, ledger: Ledger) -> str:
    purpose = ledger.text(package, "primaryPackagePurpose")
    if purpose and purpose not in _TYPES:
        ledger.lose("package.primaryPackagePurpose", purpose)
    return _TYPES.get(purpose, "library")


def _name(package: JsonObject, ledger: Ledger) -> str:
    name = ledger.printable(package.get("name"), "name")  # a package may well be called "NONE"
    if name:
        return name
    identity = ledger.printable(package.get("SPDXID"), "SPDXID")
    ledger.lose("package.name", identity)
    return identity


def _version(package: JsonObject, ledger: Ledger) -> str:
    version = ledger.text(package, "versionInfo")
    if len(version) > _VERSION_LENGTH:
        ledger.lose("package.versionInfo", version)
        return ""
    return version


def _description(package: JsonObject, ledger: Ledger) -> str:
    description, summary = ledger.text(package, "description"), ledger.text(package, "summary")
    if description and summary and summary != description:
        ledger.lose("package.summary", summary)
    return description or summary


def _hashes(package: JsonObject, ledger: Ledger) -> list[JsonObject]:
    hashes: list[JsonObject] = []
    for checksum in ledger.objects(package, "checksums"):
        algorithm, value = ledger.text(checksum, "algorithm"), ledger.text(checksum, "checksumValue")
        name, length = _HASHES.get(algorithm, ("", 0))
        if name and re.fullmatch(rf"[0-9A-Fa-f]{{{length}}}", value):
            hashes.append({"alg": name, "content": value})
        else:
            ledger.lose("package.checksum", f"{algorithm}: {value}")
    return hashes


def _licences(package: JsonObject, ledger: Ledger) -> list[JsonObject]:
    concluded, declared = ledger.text(package, "licenseConcluded"), ledger.text(package, "licenseDeclared")
    return licence_choice(concluded, declared, ledger)


def _identifiers(package: JsonObject, ledger: Ledger) -> Mapping[str, list[str]]:
    """CycloneDX's place → the locators that fit there, each once."""
    found: dict[str, list[str]] = {}
    for reference in ledger.objects(package, "externalRefs"):
        kind, locator = ledger.text(reference, "referenceType"), ledger.text(reference, "referenceLocator")
        place, fits = _PLACES.get(kind, ("", _nowhere))
        if not fits(locator):
            ledger.lose("package.externalRef", kind)
        elif locator not in found.setdefault(place, []):
            found[place].append(locator)
        if reference.get("comment"):
            ledger.lose("package.externalRef.comment", kind)
    return found


def _only(place: str, identifiers: Mapping[str, list[str]], ledger: Ledger) -> str:
    """CycloneDX has room for one; a CPE of the newer form goes first."""
    locators = sorted(identifiers.get(place, []), key=lambda locator: locator.startswith("cpe:/"))
    if len(locators) > 1:
        ledger.lose(f"package.{place}", locators[1], len(locators) - 1)
    return locators[0] if locators else ""


def _addresses(package: JsonObject, identifiers: Mapping[str, list[str]], ledger: Ledger) -> list[JsonObject]:
    wanted = [("website", "homepage", ledger.text(package, "homepage"))]
    download = ledger.text(package, "downloadLocation")
    is_repository = download.startswith(_REPOSITORY_SCHEMES)
    wanted.append(("vcs" if is_repository else "distribution", "downloadLocation", download))
    wanted += [("advisories", "externalRef", locator) for locator in identifiers.get("advisories", [])]
    references: list[JsonObject] = []
    for kind, key, text in wanted:
        address = public_address(text)
        if address is not None:
            references.append({"type": kind, "url": address})
        if text and address != text:  # the example names the field only: the text may hold a password
            ledger.lose(f"package.{key}" if address is None else "credentials", key)
    return references


def _count_the_rest(package: JsonObject, ledger: Ledger) -> None:
    for key, value in package.items():
        if key in _CARRIED or value in _EMPTY:
            continue
        if key == "annotations":
            ledger.lose("annotation", "of a package", len(value) if isinstance(value, list) else 1)
        else:
            ledger.lose(f"package.{key}" if key in _KNOWN else "package.unknown-field", key)


def _named(actor: str) -> JsonObject | None:
    name = _actor(actor)
    return {"name": name} if name else None


def _actor(text: str) -> str:
    return _ACTOR.sub("", text, count=1).strip()


def _is_purl(text: str) -> bool:
    if _PURL.fullmatch(text):
        return True
    if re.search(r"\s", text):
        return False
    from packageurl import PackageURL

    try:
        PackageURL.from_string(text)
    except ValueError:
        return False
    return True


def _nowhere(_text: str) -> bool:
    return False


_PLACES: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = {
    "purl": ("purl", _is_purl),
    "cpe23Type": ("cpe", _CPE23.fullmatch),
    "cpe22Type": ("cpe", _CPE22.fullmatch),
    "swh": ("swhid", _SWHID.fullmatch),
    "gitoid": ("omniborId", _GITOID.fullmatch),
    "advisory": ("advisories", bool),
}
