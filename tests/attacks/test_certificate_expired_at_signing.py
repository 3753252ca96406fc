"""Certificates are for ten minutes; a key that leaks later signs when its certificate has run out."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from tests import images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import Certified, CertifiedBundle, Sigstore

SAID: Final = {
    "bundle": "cert is not valid at validation time",
    "annotations": "its certificate was not valid when the log saw it",
}


@pytest.mark.parametrize("minutes", [-60, 60])
def test_a_certificate_that_was_not_valid_at_signing_is_refused(
    minutes: int, certified: Certified, pushed: images.Pushed
) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    certified.sign(pushed, start=certified.sigstore.instance.authority.now + timedelta(minutes=minutes))

    refused(certified.ask(pushed), "signature.valid", "certificate", SAID[certified.name])


@pytest.mark.parametrize(("rekor", "tsa"), [(1, False), (1, True), (2, True)])
def test_whoever_says_the_time_it_is_held_against_it(
    rekor: int, tsa: bool, sigstore: Sigstore, pushed: images.Pushed
) -> None:
    sigstore.rekor, sigstore.tsa = rekor, tsa
    form = CertifiedBundle(sigstore)
    form.sign(pushed)
    assert passed(form.ask(pushed))

    form.sign(pushed, start=sigstore.instance.authority.now - timedelta(hours=1))

    refused(form.ask(pushed), "signature.valid", "certificate", SAID["bundle"])
