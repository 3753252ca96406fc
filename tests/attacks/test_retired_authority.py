"""A trusted root says until when each authority and log was in use; the key of a retired one signs today."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests import images
from tests.attacks.asking import SIGNATURE, passed, refused
from tests.attacks.certified import Annotated, CertifiedBundle, Document, Sigstore

SERVICES = ("certificateAuthorities", "ctlogs", "tlogs")


def retire(service: str, root: Document) -> None:
    """An hour before the signature."""
    first = root[service][0]
    described = first if "validFor" in first else first["publicKey"]
    described["validFor"]["end"] = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


@pytest.mark.parametrize("service", SERVICES)
def test_what_a_retired_one_says_is_refused(service: str, sigstore: Sigstore, pushed: images.Pushed) -> None:
    Annotated(sigstore).sign(pushed)
    assert passed(sigstore.ask(pushed))

    report = sigstore.ask(pushed, SIGNATURE, tamper=lambda root: retire(service, root))

    refused(report, "signature.valid", "certificate")


@pytest.mark.parametrize("rekor", [1, 2])
@pytest.mark.parametrize("service", ["certificateAuthorities", "tlogs", "ctlogs"])
def test_what_a_retired_one_says_in_a_bundle_is_refused(
    service: str, rekor: int, sigstore: Sigstore, pushed: images.Pushed
) -> None:
    sigstore.rekor = rekor
    CertifiedBundle(sigstore).sign(pushed)
    assert passed(sigstore.ask(pushed))

    def retired(root: Document) -> None:
        root["tlogs"] = [root["tlogs"][rekor - 1]]
        retire(service, root)

    refused(sigstore.ask(pushed, SIGNATURE, tamper=retired), "signature.valid", "certificate")
