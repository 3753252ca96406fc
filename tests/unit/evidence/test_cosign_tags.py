"""What cosign 1 and 2 leave under tags, as cosign's SIGNATURE_SPEC.md describes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attest.errors import Unreachable
from attest.evidence.attestation import Evidence, Place
from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.reference import Digest
from tests import images
from tests.cosign_tags import SIGNATURE, envelope, payload, signature_layer, tag

IDENTITY = "https://gitlab.example.test/acme/app//.gitlab-ci.yml@refs/tags/v1.0.0"
ISSUER = "https://gitlab.example.test"


def certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    issuer = b"\x0c" + bytes([len(ISSUER)]) + ISSUER.encode()
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(IDENTITY)]), critical=True)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8"), issuer), False)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM).decode()


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": None, "linux/arm64": None})


def found(pushed: images.Pushed) -> Evidence:
    return fetch(pushed.store)[1]


def test_an_image_signature_of_cosign_2_is_found_under_its_tag(pushed: images.Pushed) -> None:
    manifest = tag(pushed.store, pushed.digest, "sig", signature_layer(pushed.digest, signature=b"\x30\x01"))

    (signature,) = found(pushed).simple_signatures

    assert signature.signing.signature == b"\x30\x01"
    assert signature.about == (pushed.digest,)
    assert signature.places == (Place("cosign-tag", manifest.digest, pushed.digest),)


def test_two_signatures_over_one_payload_are_two(pushed: images.Pushed) -> None:
    layers = [signature_layer(pushed.digest, signature=one) for one in (b"one", b"two")]
    tag(pushed.store, pushed.digest, "sig", *layers)

    assert [signature.signing.signature for signature in found(pushed).simple_signatures] == [b"one", b"two"]


def test_an_attestation_of_cosign_2_is_found_with_what_stands_beside_its_envelope(pushed: images.Pushed) -> None:
    statement = images.embedded(images.local_build(), pushed.digest)
    content, media_type, annotations = envelope(statement, b"sig")
    pem = certificate()
    tag(
        pushed.store,
        pushed.digest,
        "att",
        (content, media_type, {**annotations, "dev.sigstore.cosign/certificate": pem}),
    )

    (attestation,) = found(pushed).attestations

    assert attestation.bundle is not None
    assert (attestation.bundle.format, attestation.statement.raw) == ("dsse", statement)
    assert attestation.bundle.annotations["dev.sigstore.cosign/certificate"] == pem
    assert attestation.bundle.certificate == x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def test_an_sbom_under_a_tag_is_found_and_speaks_for_what_it_is_tagged_for(pushed: images.Pushed) -> None:
    arm = pushed.platforms["linux/arm64"].digest
    tag(pushed.store, arm, "sbom", (b"SPDXVersion: SPDX-2.3\n", "text/spdx", {}))

    image, evidence = fetch(pushed.store)
    shown: dict[str, Any] = dict(inspection(image, evidence))
    _, at_arm = shown["platforms"]

    assert [sbom.content for sbom in evidence.sboms] == [b"SPDXVersion: SPDX-2.3\n"]
    (sbom,) = at_arm["attestations"]
    assert (sbom["predicateType"], sbom["signed"], sbom["subjects"]) == ("https://spdx.dev/Document", False, [])
    assert shown["attestations"] == []


def test_the_certificate_is_shown_as_what_it_claims(pushed: images.Pushed) -> None:
    content, media_type, annotations = signature_layer(pushed.digest)
    annotations["dev.sigstore.cosign/certificate"] = certificate()
    tag(pushed.store, pushed.digest, "sig", (content, media_type, annotations))

    inspected: dict[str, Any] = dict(inspection(*fetch(pushed.store)))
    (shown,) = inspected["signatures"]

    assert (shown["format"], shown["identity"], shown["issuer"]) == ("cosign-simple", IDENTITY, ISSUER)


def test_an_overwritten_tag_is_reported_as_about_something_else(pushed: images.Pushed) -> None:
    other = images.push({"linux/amd64": images.local_build()}).digest
    tag(pushed.store, pushed.digest, "att", envelope(images.embedded(images.local_build(), other), b"sig"))

    (problem,) = [problem for problem in found(pushed).problems if problem.id == "subject-elsewhere"]

    assert str(other) in problem.message


@pytest.mark.parametrize(
    "layer",
    [
        (payload(Digest("sha256", "0" * 64), "atomic container signature"), "{sig}", {SIGNATURE: "c2ln"}),
        (payload(Digest("sha256", "0" * 64)), "{sig}", {}),
        (payload(Digest("sha256", "0" * 64)), "{sig}", {SIGNATURE: "not base64!"}),
        (b'{"critical": {"image": {"docker-manifest-digest": "sha256:short"}}}', "{sig}", {SIGNATURE: "c2ln"}),
        (b"not JSON", "{sig}", {SIGNATURE: "c2ln"}),
        (b"not JSON", "application/vnd.dsse.envelope.v1+json", {}),
        (
            b'{"payloadType": "text/plain", "payload": "", "signatures": []}',
            "application/vnd.dsse.envelope.v1+json",
            {},
        ),
        (b"{}", "application/vnd.dsse.envelope.v1+json", {}),
    ],
)
def test_rubbish_under_a_tag_is_a_problem_and_hides_nothing(
    pushed: images.Pushed, layer: tuple[bytes, str, dict[str, str]]
) -> None:
    content, media_type, annotations = layer
    good = signature_layer(pushed.digest)
    bad = (content, media_type.format(sig=good[1]), annotations)
    tag(pushed.store, pushed.digest, "sig", bad, good)

    evidence = found(pushed)

    assert "statement-malformed" in [problem.id for problem in evidence.problems]
    assert len(evidence.simple_signatures) == 1


def test_a_tag_that_holds_something_else_is_reported(pushed: images.Pushed) -> None:
    tag(pushed.store, pushed.digest, "att", (b"layer", "application/vnd.oci.image.layer.v1.tar", {}))

    problems = [problem for problem in found(pushed).problems if problem.id == "artifact-unknown"]

    assert ["application/vnd.oci.image.layer.v1.tar" in problem.message for problem in problems] == [True]


def test_a_tag_that_cannot_be_read_is_unread(pushed: images.Pushed) -> None:
    manifest = tag(pushed.store, pushed.digest, "sig", signature_layer(pushed.digest))
    pushed.store.errors[manifest.digest] = Unreachable("registry.test: no answer")

    assert [error.reason for error in found(pushed).unread] == ["unreachable"]


def test_attestation_manifests_are_not_asked_for_tags() -> None:
    built = images.push({"linux/amd64": images.local_build()})
    found(built)

    asked = {line.split()[1] for line in built.store.asked if line.startswith("cosign_tag")}
    assert asked == {str(built.digest), str(built.platforms["linux/amd64"].digest)}
