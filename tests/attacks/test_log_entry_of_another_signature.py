"""A genuine log entry, taken from another signature (CVE-2022-36056): nothing says when this one was made."""

from __future__ import annotations

import pytest

from tests import images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused
from tests.attacks.certified import CERTIFICATE, LOG_ENTRY, Annotated, CertifiedBundle, Sigstore

INCONSISTENT = "log entry is inconsistent with other materials"


@pytest.fixture
def other() -> images.Pushed:
    return images.push({"linux/arm64": None})


@pytest.mark.parametrize(("rekor", "said"), [(1, "log entry payload hash does not match bundle"), (2, INCONSISTENT)])
def test_the_log_entry_of_another_bundle_is_refused(
    rekor: int, said: str, sigstore: Sigstore, pushed: images.Pushed, other: images.Pushed
) -> None:
    sigstore.rekor = rekor
    form = CertifiedBundle(sigstore)
    foreign, bundle = form.sign(other), form.sign(pushed)
    assert passed(form.ask(pushed))

    bundle["verificationMaterial"]["tlogEntries"] = foreign["verificationMaterial"]["tlogEntries"]
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", said)


def test_one_beside_the_right_one_is_refused(sigstore: Sigstore, pushed: images.Pushed, other: images.Pushed) -> None:
    form = CertifiedBundle(sigstore)
    foreign, bundle = form.sign(other), form.sign(pushed)
    bundle["verificationMaterial"]["tlogEntries"] += foreign["verificationMaterial"]["tlogEntries"]
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", "another")


@pytest.mark.parametrize("part", [LOG_ENTRY, CERTIFICATE])
def test_what_stands_beside_another_signature_is_refused(
    part: str, sigstore: Sigstore, pushed: images.Pushed, other: images.Pushed
) -> None:
    form = Annotated(sigstore)
    foreign, annotations = form.sign(other), form.sign(pushed)
    assert passed(form.ask(pushed))

    form.hang(pushed, {**annotations, part: foreign[part]})

    refused(form.ask(pushed), "signature.valid", "certificate", "its log entry is another one's")


def test_an_entry_of_another_kind_is_no_entry_of_this_envelope(sigstore: Sigstore, pushed: images.Pushed) -> None:
    """A hashedrekord over the payload of an attestation says nothing of its envelope."""
    form = Annotated(sigstore)
    statement = images.embedded(images.local_build(), pushed.digest)
    for kind in ("intoto", "dsse"):
        form.attest(pushed, statement, entry=kind)
        assert passed(form.ask(pushed, REPOSITORY_AND_COMMIT))

    form.attest(pushed, statement, entry="hashedrekord")

    refused(form.ask(pushed, REPOSITORY_AND_COMMIT), "signer.identity", "certificate", "its log entry is another one's")
