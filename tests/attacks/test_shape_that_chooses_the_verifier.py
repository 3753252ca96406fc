"""Two verifiers share the bundles between them by their shape, and the attacker has the choice of the shape."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests import authority, images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import CertifiedBundle, Document, Sigstore, untouched


def doubled(bundle: Document) -> None:
    """The same log entry twice."""
    bundle["verificationMaterial"]["tlogEntries"] *= 2


def promised(bundle: Document) -> None:
    """v0.1: the log's promise and no proof."""
    material = bundle["verificationMaterial"]
    material["x509CertificateChain"] = {"certificates": [material.pop("certificate")]}
    bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    del CertifiedBundle.entry_of(bundle)["inclusionProof"]


SHAPES: Final = [untouched, doubled, promised]
LIES: Final[dict[str, Callable[[Sigstore], dict[str, Any]]]] = {
    "no certificate log": lambda _: {"sct": False},
    "a certificate log that nobody knows": lambda _: {"sct_key": authority.new_key()},
    "another purpose": lambda _: {"eku": [ExtendedKeyUsageOID.CLIENT_AUTH]},
    "an authority's": lambda _: {"ca": True},
    "self-made": lambda _: {"signer": authority.new_key()},
    "expired": lambda sigstore: {"start": sigstore.instance.authority.now - timedelta(hours=1)},
}


def shaped(form: CertifiedBundle, pushed: images.Pushed, shape: Callable[[Document], None], **lies: Any) -> None:
    bundle = form.sign(pushed, **lies)
    shape(bundle)
    form.hang(pushed, bundle)


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("shape", SHAPES)
def test_in_no_shape_is_a_certificate_better(
    shape: Callable[[Document], None], lie: str, sigstore: Sigstore, pushed: images.Pushed
) -> None:
    form = CertifiedBundle(sigstore)
    shaped(form, pushed, shape)
    assert passed(form.ask(pushed))

    shaped(form, pushed, shape, **LIES[lie](sigstore))

    refused(form.ask(pushed), "signature.valid", "certificate", "its certificate or signature does not hold")


@pytest.mark.parametrize("shape", SHAPES)
def test_in_no_shape_does_it_sign_other_bytes(
    shape: Callable[[Document], None], sigstore: Sigstore, pushed: images.Pushed
) -> None:
    form = CertifiedBundle(sigstore)
    other = form.sign(images.push({"linux/arm64": None}))
    bundle = form.sign(pushed)
    bundle["dsseEnvelope"]["signatures"] = other["dsseEnvelope"]["signatures"]
    shape(bundle)
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate")


@pytest.mark.parametrize("shape", SHAPES)
def test_in_no_shape_is_somebody_else_the_expected_one(
    shape: Callable[[Document], None], sigstore: Sigstore, pushed: images.Pushed
) -> None:
    form = CertifiedBundle(sigstore)
    shaped(form, pushed, shape, names=[x509.UniformResourceIdentifier("https://evil.test/app")])

    refused(form.ask(pushed), "signature.valid", "other-identity", "signed by https://evil.test/app")


@pytest.mark.parametrize("part", ["inclusionPromise", "inclusionProof"])
def test_a_second_entry_must_hold_by_itself(part: str, sigstore: Sigstore, pushed: images.Pushed) -> None:
    form = CertifiedBundle(sigstore)
    foreign = form.entry_of(form.sign(images.push({"linux/arm64": None})))
    shaped(form, pushed, doubled)
    assert passed(form.ask(pushed))

    def dressed(bundle: Document) -> None:
        entry = form.entry_of(bundle)
        bundle["verificationMaterial"]["tlogEntries"].append({**entry, part: foreign[part]})

    shaped(form, pushed, dressed)

    refused(form.ask(pushed), "signature.valid", "certificate")
