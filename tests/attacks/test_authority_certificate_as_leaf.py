"""A certificate that may issue others signs in the place of a leaf, or one that the authority never saw."""

from __future__ import annotations

from tests import authority, images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import Certified


def test_an_authoritys_certificate_signs_nothing(certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    certified.sign(pushed, ca=True)

    refused(certified.ask(pushed), "signature.valid", "certificate", "basicConstraints.cA must not be asserted")


def test_a_certificate_that_somebody_made_is_by_no_authority(certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    certified.sign(pushed, signer=authority.new_key())

    said = {"bundle": "signature does not match", "annotations": "its certificate is by no authority"}
    refused(certified.ask(pushed), "signature.valid", "certificate", said[certified.name])
