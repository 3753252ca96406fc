"""A genuine proof that the log holds something, for something else. cosign 1 and 2 have no proofs."""

from __future__ import annotations

import pytest

from tests import images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import CertifiedBundle, Sigstore


@pytest.mark.parametrize("rekor", [1, 2])
@pytest.mark.parametrize(
    "parts", [["inclusionProof"], ["inclusionProof", "logIndex"]], ids=["proof", "proof and index"]
)
def test_it_proves_nothing_of_this_entry(
    parts: list[str], rekor: int, sigstore: Sigstore, pushed: images.Pushed
) -> None:
    sigstore.rekor = rekor
    form = CertifiedBundle(sigstore)
    foreign = form.entry_of(form.sign(images.push({"linux/arm64": None})))
    bundle = form.sign(pushed)
    assert passed(form.ask(pushed))

    form.entry_of(bundle).update({part: foreign[part] for part in parts})
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", "inclusion proof contains invalid root hash")


@pytest.mark.parametrize("rekor", [1, 2])
def test_a_proof_that_is_left_out_is_missed(rekor: int, sigstore: Sigstore, pushed: images.Pushed) -> None:
    sigstore.rekor = rekor
    form = CertifiedBundle(sigstore)
    bundle = form.sign(pushed)
    del form.entry_of(bundle)["inclusionProof"]["checkpoint"]
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate")
