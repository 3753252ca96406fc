"""How long a CycloneDX document takes: attest from SPDX, and cyclonedx-python-lib from the same packages.

Run it as `python bench/sbom_conversion.py [PACKAGES]`. Both start from the same parsed SPDX document, with its
dependency graph, and end with the bytes of a CycloneDX 1.6 document; the best of three runs counts.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from attest.reference import Digest, Platform
from attest.sbom.cyclonedx import Subject
from attest.sbom.spdx import from_spdx

RUNS = 3
SUBJECT = Subject("registry.example.com/acme/app", Digest("sha256", "5" * 64), Platform("linux", "amd64"))
Spdx = Mapping[str, Any]


def spdx_document(size: int) -> Spdx:
    """A distribution: packages with purl, CPE, hash and licence, each a dependency of the package at a third of it."""
    return {
        "spdxVersion": "SPDX-2.3",
        "packages": [spdx_package(n) for n in range(size)],
        "documentDescribes": ["SPDXRef-0"],
        "relationships": [
            {
                "spdxElementId": f"SPDXRef-{n // 3}",
                "relationshipType": "DEPENDS_ON",
                "relatedSpdxElement": f"SPDXRef-{n}",
            }
            for n in range(1, size)
        ],
    }


def spdx_package(n: int) -> Spdx:
    return {
        "SPDXID": f"SPDXRef-{n}",
        "name": f"package-{n}",
        "versionInfo": f"1.{n}",
        "supplier": "Organization: Acme",
        "licenseDeclared": f"MIT AND LicenseRef-{n % 100}",
        "checksums": [{"algorithm": "SHA256", "checksumValue": f"{n:064x}"}],
        "externalRefs": [
            {"referenceType": "purl", "referenceLocator": f"pkg:deb/debian/package-{n}@1.{n}?arch=amd64"},
            {"referenceType": "cpe23Type", "referenceLocator": f"cpe:2.3:a:acme:package-{n}:1.{n}:*:*:*:*:*:*:*"},
        ],
    }


def with_attest(spdx: Spdx) -> bytes:
    return from_spdx(spdx, SUBJECT).content


def with_cyclonedx_python_lib(spdx: Spdx) -> bytes:
    components = {package["SPDXID"]: peer_component(package) for package in spdx["packages"]}
    image = Component(type=ComponentType.CONTAINER, name=SUBJECT.name, bom_ref=SUBJECT.ref)
    bom = Bom(components=components.values())
    bom.metadata.component = image
    children: dict[str, list[Dependency]] = {identity: [] for identity in components}
    for relation in spdx["relationships"]:
        related = components[relation["relatedSpdxElement"]]
        children[relation["spdxElementId"]].append(Dependency(BomRef(related.bom_ref.value)))
    bom.dependencies.update(
        Dependency(components[identity].bom_ref, dependencies=found) for identity, found in children.items()
    )
    bom.register_dependency(image, [components["SPDXRef-0"]])
    return JsonV1Dot6(bom).output_as_string().encode()


def peer_component(package: Spdx) -> Component:
    purl, cpe = (reference["referenceLocator"] for reference in package["externalRefs"])
    return Component(
        type=ComponentType.LIBRARY,
        bom_ref=package["SPDXID"],
        name=package["name"],
        version=package["versionInfo"],
        supplier=OrganizationalEntity(name=package["supplier"].partition(": ")[2]),
        licenses=[LicenseExpression(package["licenseDeclared"])],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package["checksums"][0]["checksumValue"])],
        purl=PackageURL.from_string(purl),
        cpe=cpe,
    )


def best(convert: Callable[[Spdx], bytes], spdx: Spdx) -> tuple[float, int, int]:
    """Seconds of the fastest run, number of components, number of dependencies."""
    seconds = []
    content = b""
    for _ in range(RUNS):
        start = time.perf_counter()
        content = convert(spdx)
        seconds.append(time.perf_counter() - start)
    document = json.loads(content)
    edges = sum(len(node.get("dependsOn", ())) for node in document["dependencies"])
    return min(seconds), len(document["components"]), edges


def main(size: int) -> None:
    spdx = spdx_document(size)
    ours, *found = best(with_attest, spdx)
    theirs, *found_by_peer = best(with_cyclonedx_python_lib, spdx)
    assert found == found_by_peer == [size, size], (found, found_by_peer)
    print(f"{size} packages: attest {ours:.3f} s, cyclonedx-python-lib {theirs:.3f} s, ratio {theirs / ours:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
