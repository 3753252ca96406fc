"""A genuine certificate of the authority that is not for signing code."""

from __future__ import annotations

from typing import Final

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests import images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import Certified

SAID: Final = {"bundle": "does not contain `code signing`", "annotations": "its certificate is not for code signing"}


@pytest.mark.parametrize(
    "purpose",
    [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE],
    ids=["client", "timestamps", "anything"],
)
def test_a_certificate_for_another_purpose_is_refused(
    purpose: x509.ObjectIdentifier, certified: Certified, pushed: images.Pushed
) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    certified.sign(pushed, eku=[purpose])

    refused(certified.ask(pushed), "signature.valid", "certificate", SAID[certified.name])
