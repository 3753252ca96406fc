"""A runnable image wears the annotation of an attestation manifest: crane, regctl and BuildKit run it."""

from __future__ import annotations

from attest.trust.signing.statements import sign_image
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, trouble, unknown


def test_a_runnable_image_annotated_as_an_attestation_is_an_image_that_must_pass() -> None:
    key = images.new_key()
    honest = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(honest, "linux/amd64", images.local_build(), key)
    images.attach(
        honest.store, sign_image(honest.platforms["linux/amd64"].digest, key), honest.platforms["linux/amd64"]
    )
    assert passed(ask(honest, key))
    assert passed(ask(honest, key, SIGNATURE))

    evil = images.push_manifest(honest.store, "evil")
    entry = images.attestation_entry(evil, honest.platforms["linux/amd64"].digest)
    joined = images.push({"linux/amd64": images.local_build()}, honest.store, extra=[entry])
    report = ask(joined, key)

    unknown(report, "signer.identity", "unsigned")
    assert trouble(report).platform == "unknown/unknown"
    unknown(ask(joined, key, SIGNATURE), "signature.valid", "unsigned", f"no signature over {joined.digest}")


def test_an_attestation_manifest_without_layers_is_an_image_that_must_pass() -> None:
    key = images.new_key()
    honest = images.push({"linux/amd64": images.local_build()})
    images.sign_provenance(honest, "linux/amd64", images.local_build(), key)
    assert passed(ask(honest, key))

    empty = images.push_attestation_manifest(honest.store, [])
    entry = images.attestation_entry(empty, honest.platforms["linux/amd64"].digest)
    joined = images.push({"linux/amd64": images.local_build()}, honest.store, extra=[entry])

    report = ask(joined, key)
    unknown(report, "signer.identity", "unsigned")
    assert trouble(report).platform == "unknown/unknown"
