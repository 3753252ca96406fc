"""The signed state of a tree (checkpoint) is what makes a proof worth something: that of another log, or another time.

cosign 1 and 2 have none.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import authority, images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import CertifiedBundle, Document, Sigstore
from tests.sigstore.logs import LogV1, LogV2


@pytest.fixture(params=[1, 2])
def form(request: pytest.FixtureRequest, sigstore: Sigstore) -> CertifiedBundle:
    sigstore.rekor = request.param
    return CertifiedBundle(sigstore)


def elsewhere(form: CertifiedBundle, pushed: images.Pushed) -> Document:
    """Everything as it is, but for the log."""
    stranger = Sigstore(form.sigstore.folder, form.sigstore.rekor, instance=replace(form.sigstore.instance))
    stranger.instance.log_v1, stranger.instance.log_v2 = LogV1(), LogV2()
    return CertifiedBundle(stranger).sign(pushed)


def test_that_of_another_log_proves_nothing(form: CertifiedBundle, pushed: images.Pushed) -> None:
    foreign, bundle = elsewhere(form, pushed), form.sign(pushed)
    assert passed(form.ask(pushed))

    proof = form.entry_of(bundle)["inclusionProof"]
    proof["checkpoint"] = form.entry_of(foreign)["inclusionProof"]["checkpoint"]
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", "checkpoint: Signature not found for log ID")


def test_a_log_that_nobody_knows_proves_nothing(form: CertifiedBundle, pushed: images.Pushed) -> None:
    form.sign(pushed)
    assert passed(form.ask(pushed))

    form.hang(pushed, elsewhere(form, pushed))

    refused(form.ask(pushed), "signature.valid", "certificate", "checkpoint: invalid signature")


def test_that_of_another_time_proves_nothing(form: CertifiedBundle, pushed: images.Pushed) -> None:
    earlier = form.entry_of(form.sign(images.push({"linux/arm64": None})))["inclusionProof"]["checkpoint"]
    bundle = form.sign(pushed)
    assert passed(form.ask(pushed))

    form.entry_of(bundle)["inclusionProof"]["checkpoint"] = earlier
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", "invalid root hash signature")


def test_one_that_another_key_signed_in_its_name_proves_nothing(sigstore: Sigstore, pushed: images.Pushed) -> None:
    form = CertifiedBundle(sigstore)
    form.sign(pushed)
    assert passed(form.ask(pushed))

    sigstore.instance.log_v1.signing_key = authority.new_key()
    form.sign(pushed)

    refused(form.ask(pushed), "signature.valid", "certificate", "checkpoint: invalid signature")
