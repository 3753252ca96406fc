"""A second certificate beside the leaf: who signed must be the one whose key made the signature, and no other."""

from __future__ import annotations

from typing import Any, Final

import pytest
from cryptography import x509

from attest.trust.keys import SigningKey
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.attacks.asking import SIGNATURE, passed, refused
from tests.attacks.certified import CERTIFICATE, Annotated, Certified, CertifiedBundle, Document, Sigstore
from tests.authority import IDENTITY

OLDER: Final = "application/vnd.dev.sigstore.bundle+json;version=0.2"
EVIL: Final[dict[str, Any]] = {
    "names": [x509.UniformResourceIdentifier("https://evil.test/app//.gitlab-ci.yml@refs/heads/main")]
}


@pytest.fixture
def other() -> images.Pushed:
    return images.push({"linux/arm64": None})


def chained(bundle: Document, *certificates: Document) -> None:
    """Bundles before v0.3 hold a chain, the leaf first."""
    bundle["mediaType"] = OLDER
    del bundle["verificationMaterial"]["certificate"]
    bundle["verificationMaterial"]["x509CertificateChain"] = {"certificates": list(certificates)}


@pytest.mark.parametrize("is_first", [True, False])
def test_of_a_chain_in_a_bundle_the_leaf_comes_first(
    is_first: bool, sigstore: Sigstore, pushed: images.Pushed, other: images.Pushed
) -> None:
    """Evil's own signature, with the certificate of the expected one somewhere beside it."""
    form = CertifiedBundle(sigstore)
    expected = form.sign(other)["verificationMaterial"]["certificate"]
    honest = form.sign(pushed)
    chained(honest, honest["verificationMaterial"]["certificate"])
    form.hang(pushed, honest)
    assert passed(form.ask(pushed))

    bundle = form.sign(pushed, **EVIL)
    own = bundle["verificationMaterial"]["certificate"]
    chained(bundle, *((expected, own) if is_first else (own, expected)))
    form.hang(pushed, bundle)

    reason, said = ("certificate", "signature") if is_first else ("other-identity", "signed by https://evil.test")
    refused(form.ask(pushed), "signature.valid", reason, said)


@pytest.mark.parametrize("is_first", [True, False])
def test_of_several_in_an_annotation_the_leaf_comes_first(
    is_first: bool, sigstore: Sigstore, pushed: images.Pushed, other: images.Pushed
) -> None:
    form = Annotated(sigstore)
    expected = form.sign(other)[CERTIFICATE]
    honest = form.sign(pushed)
    form.hang(pushed, {**honest, CERTIFICATE: honest[CERTIFICATE] + expected})
    assert passed(form.ask(pushed))

    annotations = form.sign(pushed, **EVIL)
    own = annotations[CERTIFICATE]
    form.hang(pushed, {**annotations, CERTIFICATE: expected + own if is_first else own + expected})

    if is_first:
        refused(form.ask(pushed), "signature.valid", "certificate", "its log entry is another one's")
    else:
        refused(form.ask(pushed), "signature.valid", "other-identity", "signed by https://evil.test")


@pytest.mark.parametrize("version", ["v0.3", "v0.2"])
def test_a_bundle_has_one_certificate_or_one_chain(
    version: str, sigstore: Sigstore, pushed: images.Pushed, other: images.Pushed
) -> None:
    form = CertifiedBundle(sigstore)
    foreign, bundle = form.sign(other), form.sign(pushed)
    assert passed(form.ask(pushed))

    chain = {"certificates": [foreign["verificationMaterial"]["certificate"]]}
    bundle["verificationMaterial"]["x509CertificateChain"] = chain
    bundle["mediaType"] = bundle["mediaType"] if version == "v0.3" else OLDER
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate")


def test_a_bundle_with_a_keys_hint_and_a_certificate_is_refused(
    sigstore: Sigstore, key: SigningKey, pushed: images.Pushed
) -> None:
    form = CertifiedBundle(sigstore)
    bundle = form.sign(pushed)
    assert passed(form.ask(pushed))

    bundle["verificationMaterial"]["publicKey"] = {"hint": key.public.hint}
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate")
    report = verify_reference(pushed.store, Trust((key.public,)), SIGNATURE)
    refused(report, "signature.valid", "bad-signature", "it names the key cosign.pub")


def test_two_names_in_one_certificate_are_nobodys(certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    certified.sign(pushed, names=[x509.UniformResourceIdentifier(IDENTITY), *EVIL["names"]])

    refused(certified.ask(pushed), "signature.valid", "certificate", "its certificate has 2 names")


def test_a_name_of_a_strange_kind_is_not_the_expected_one(certified: Certified, pushed: images.Pushed) -> None:
    strange = x509.OtherName(x509.ObjectIdentifier("1.2.3.4"), b"\x0c" + bytes([len(IDENTITY)]) + IDENTITY.encode())
    certified.sign(pushed, names=[strange])

    refused(certified.ask(pushed), "signature.valid", "certificate", "its certificate has 1 names")
