"""A genuine timestamp (RFC 3161) of other bytes, or one of an authority that nobody knows."""

from __future__ import annotations

import base64

import pytest

from tests import authority, images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import CertifiedBundle, Document, Sigstore

NO_TIME = "not enough sources of verified time"


@pytest.fixture
def form(sigstore: Sigstore) -> CertifiedBundle:
    """Rekor 2 has no time of its own."""
    sigstore.rekor = 2
    return CertifiedBundle(sigstore)


def stamped(bundle: Document, *stamps: bytes) -> Document:
    encoded = [{"signedTimestamp": base64.b64encode(stamp).decode()} for stamp in stamps]
    bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": encoded}
    return bundle


def test_it_says_nothing_of_these(form: CertifiedBundle, pushed: images.Pushed) -> None:
    bundle = form.sign(pushed)
    assert passed(form.ask(pushed))

    form.hang(pushed, stamped(bundle, form.stamp(b"other bytes")))

    refused(form.ask(pushed), "signature.valid", "certificate", NO_TIME)


def test_an_authority_that_nobody_knows_says_nothing(form: CertifiedBundle, pushed: images.Pushed) -> None:
    form.sign(pushed)
    assert passed(form.ask(pushed))

    form.sigstore.instance.timestamps.signing_key = authority.new_key()
    form.sign(pushed)

    refused(form.ask(pushed), "signature.valid", "certificate", NO_TIME)


def test_without_one_nothing_says_when(form: CertifiedBundle, pushed: images.Pushed) -> None:
    bundle = form.sign(pushed)
    form.hang(pushed, stamped(bundle))

    refused(form.ask(pushed), "signature.valid", "certificate", "must contain an inclusion promise or signed timestamp")


def test_the_same_one_twice_is_refused(form: CertifiedBundle, pushed: images.Pushed) -> None:
    bundle = form.sign(pushed)
    signature = base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"])
    stamp = form.stamp(signature)
    form.hang(pushed, stamped(bundle, stamp))
    assert passed(form.ask(pushed))

    form.hang(pushed, stamped(bundle, stamp, stamp))

    refused(form.ask(pushed), "signature.valid", "certificate", "duplicate timestamp")


def test_beside_the_time_that_the_log_promised_it_changes_nothing(sigstore: Sigstore, pushed: images.Pushed) -> None:
    form = CertifiedBundle(sigstore)
    bundle = form.sign(pushed)
    form.hang(pushed, stamped(bundle, form.stamp(b"other bytes")))

    assert passed(form.ask(pushed))
