"""The log's promise (SET) is what says when: one for another entry says nothing of this one."""

from __future__ import annotations

import json

import pytest

from tests import images
from tests.attacks.asking import passed, refused
from tests.attacks.certified import LOG_ENTRY, Annotated, CertifiedBundle, Sigstore

NOT_THIS = "the log's promise (SET) is not for this entry"


def test_in_a_bundle_it_is_refused(sigstore: Sigstore, pushed: images.Pushed) -> None:
    form = CertifiedBundle(sigstore)
    foreign = form.entry_of(form.sign(images.push({"linux/arm64": None})))
    bundle = form.sign(pushed)
    assert passed(form.ask(pushed))

    form.entry_of(bundle)["inclusionPromise"] = foreign["inclusionPromise"]
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", "SET: invalid inclusion promise")


def test_in_annotations_it_is_refused(sigstore: Sigstore, pushed: images.Pushed) -> None:
    form = Annotated(sigstore)
    foreign, annotations = form.sign(images.push({"linux/arm64": None})), form.sign(pushed)
    assert passed(form.ask(pushed))

    entry = json.loads(annotations[LOG_ENTRY])
    entry["SignedEntryTimestamp"] = json.loads(foreign[LOG_ENTRY])["SignedEntryTimestamp"]
    form.hang(pushed, {**annotations, LOG_ENTRY: json.dumps(entry)})

    refused(form.ask(pushed), "signature.valid", "certificate", NOT_THIS)


@pytest.mark.parametrize("field", ["integratedTime", "logIndex"])
def test_what_the_log_promised_cannot_be_changed(field: str, sigstore: Sigstore, pushed: images.Pushed) -> None:
    bundle_form, form = CertifiedBundle(sigstore), Annotated(sigstore)
    bundle = bundle_form.sign(pushed)
    entry = bundle_form.entry_of(bundle)
    entry[field] = str(int(entry[field]) + 1)
    bundle_form.hang(pushed, bundle)
    refused(bundle_form.ask(pushed), "signature.valid", "certificate", "SET: invalid inclusion promise")

    pushed.store.listed.clear()
    annotations = form.sign(pushed)
    assert passed(form.ask(pushed))
    promised = json.loads(annotations[LOG_ENTRY])
    promised["Payload"][field] += 1
    form.hang(pushed, {**annotations, LOG_ENTRY: json.dumps(promised)})
    refused(form.ask(pushed), "signature.valid", "certificate", NOT_THIS)


def test_without_promise_and_timestamp_nothing_says_when(sigstore: Sigstore, pushed: images.Pushed) -> None:
    sigstore.tsa = False
    form = CertifiedBundle(sigstore)
    bundle = form.sign(pushed)
    assert passed(form.ask(pushed))

    del form.entry_of(bundle)["inclusionPromise"]
    form.hang(pushed, bundle)

    refused(form.ask(pushed), "signature.valid", "certificate", "must contain an inclusion promise or signed timestamp")
