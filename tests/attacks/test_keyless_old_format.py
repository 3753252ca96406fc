"""cosign 2 without a key: certificate and log entry stand in annotations that anybody may write.

What differs from an honest signature in one part is told in a file of its own for each part; these are the odd ones.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.policy.expectations import Expectations
from tests import authority, images
from tests.attacks.asking import REPOSITORY_AND_COMMIT, passed, refused
from tests.attacks.certified import CERTIFICATE, LOG_ENTRY, Annotated, Sigstore


@pytest.fixture
def form(sigstore: Sigstore) -> Annotated:
    return Annotated(sigstore)


def test_it_vouches_for_the_source_that_the_certificate_names(form: Annotated) -> None:
    pushed = images.push({"linux/amd64": images.local_build()})
    form.sign(pushed)
    report = form.ask(pushed, Expectations(images.REPOSITORY, images.COMMIT, images.TAG))
    assert passed(report)
    assert {check.vouched_by for check in report.checks if check.id.startswith("source.")} == {"certificate"}


@pytest.mark.parametrize("entry", ["intoto", "dsse"])
def test_an_attestation_of_another_commit_than_the_certificates_contradicts(
    entry: str, form: Annotated, pushed: images.Pushed
) -> None:
    form.attest(pushed, images.embedded(images.local_build(), pushed.digest), entry=entry)
    assert passed(form.ask(pushed, REPOSITORY_AND_COMMIT))

    form.attest(pushed, images.embedded(images.local_build(images.OTHER_COMMIT), pushed.digest), entry=entry)

    refused(form.ask(pushed, REPOSITORY_AND_COMMIT), "source.commit", "other-commit")


def test_a_log_that_is_not_known_promises_nothing(form: Annotated, pushed: images.Pushed) -> None:
    annotations = form.sign(pushed)
    assert passed(form.ask(pushed))

    body = json.loads(base64.b64decode(json.loads(annotations[LOG_ENTRY])["Payload"]["body"]))
    theirs = form.sigstore.instance.authority.entry(body, log_key=authority.new_key())
    form.hang(pushed, {**annotations, LOG_ENTRY: theirs})

    refused(form.ask(pushed), "signature.valid", "certificate", "of a log that this trusted root does not know")


def test_without_a_log_entry_nothing_says_when(form: Annotated, pushed: images.Pushed) -> None:
    annotations = form.sign(pushed)
    assert passed(form.ask(pushed))

    form.hang(pushed, {name: value for name, value in annotations.items() if name != LOG_ENTRY})

    refused(form.ask(pushed), "signature.valid", "certificate", "without a log entry")


@pytest.mark.parametrize("index", ["1e999", "null", '"7"', "[]", "true", "7.0"])
def test_a_log_entry_of_strange_numbers_is_refused(index: str, form: Annotated, pushed: images.Pushed) -> None:
    annotations = form.sign(pushed)
    form.hang(pushed, {**annotations, LOG_ENTRY: annotations[LOG_ENTRY].replace('"logIndex": 7', '"logIndex":  7')})
    assert passed(form.ask(pushed))

    strange = annotations[LOG_ENTRY].replace('"logIndex": 7', f'"logIndex": {index}')
    form.hang(pushed, {**annotations, LOG_ENTRY: strange})

    refused(form.ask(pushed), "signature.valid", "certificate")


def test_a_certificate_of_no_version_is_refused_and_shown_as_nobodys(form: Annotated, pushed: images.Pushed) -> None:
    annotations = form.sign(pushed)
    der = x509.load_pem_x509_certificate(annotations[CERTIFICATE].encode()).public_bytes(Encoding.DER)
    strange = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
    encoded = base64.encodebytes(strange).decode()
    text = f"-----BEGIN CERTIFICATE-----\n{encoded}-----END CERTIFICATE-----\n"
    form.hang(pushed, {**annotations, CERTIFICATE: text})

    refused(form.ask(pushed), "signature.valid", "certificate", "cannot be read")
    shown: dict[str, Any] = dict(inspection(*fetch(pushed.store)))
    assert "identity" not in shown["signatures"][0]
