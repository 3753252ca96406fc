"""cosign 2 without a key: certificate and log entry stand in annotations that anybody may write.

Each forgery differs from an honest signature in one thing; the first tests show that the honest ones pass.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from attest.evidence.collect import fetch
from attest.evidence.inspection import inspection
from attest.policy.expectations import Expectations
from attest.policy.report import Report, Status
from attest.trust.certificates import TrustedRoots
from attest.trust.identity import ExpectedIdentity
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import authority, images
from tests.attacks.asking import SIGNATURE, passed, trouble
from tests.authority import IDENTITY, ISSUER, Authority
from tests.cosign_tags import DSSE, payload, signature_layer, tag

CERTIFICATE = "dev.sigstore.cosign/certificate"
LOG_ENTRY = "dev.sigstore.cosign/bundle"
CLAIMS = {12: images.REPOSITORY, 13: images.COMMIT, 14: f"refs/tags/{images.TAG}"}

Annotations = dict[str, str]


@pytest.fixture
def sigstore() -> Authority:
    return Authority()


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": images.local_build()})


@pytest.fixture
def ask(sigstore: Authority, tmp_path: Path) -> Callable[[images.Pushed, Expectations], Report]:
    path = tmp_path / "trusted_root.json"
    path.write_bytes(sigstore.trusted_root())

    def asked(pushed: images.Pushed, expected: Expectations = SIGNATURE) -> Report:
        trust = Trust((), (ExpectedIdentity(IDENTITY, ISSUER),), TrustedRoots(path))
        return verify_reference(pushed.store, trust, expected)

    return asked


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


def signed(
    sigstore: Authority, pushed: images.Pushed, seen: Any = None, log_key: Any = None, **lies: Any
) -> Annotations:
    """Sign the image, and hang that under its tag; gives the annotations, for changing them."""
    key = authority.new_key()
    certificate = sigstore.certify(key, **{"claims": CLAIMS, **lies})
    content = payload(pushed.digest)
    signature = authority.sign(key, content)
    content, media_type, annotations = signature_layer(pushed.digest, signature=signature)
    annotations[CERTIFICATE] = pem(certificate)
    body = authority.hashedrekord(content, signature, certificate)
    annotations[LOG_ENTRY] = sigstore.entry(body, seen=seen, log_key=log_key)
    tag(pushed.store, pushed.digest, "sig", (content, media_type, annotations))
    return annotations


def hang(pushed: images.Pushed, annotations: Annotations) -> None:
    content, media_type, _ = signature_layer(pushed.digest)
    tag(pushed.store, pushed.digest, "sig", (content, media_type, annotations))


def attested(sigstore: Authority, pushed: images.Pushed, kind: str, commit: str = images.COMMIT) -> Annotations:
    key = authority.new_key()
    certificate = sigstore.certify(key, claims=CLAIMS)
    statement = images.embedded(images.local_build(commit), pushed.digest)
    envelope, signature = authority.sign_envelope(key, statement)
    entry = authority.envelope_entry(kind, envelope, statement, signature, certificate)
    annotations = {CERTIFICATE: pem(certificate), LOG_ENTRY: sigstore.entry(entry)}
    tag(pushed.store, pushed.digest, "att", (envelope, DSSE, annotations))
    return annotations


Ask = Callable[..., Report]


def test_an_honest_image_signature_passes(sigstore: Authority, pushed: images.Pushed, ask: Ask) -> None:
    signed(sigstore, pushed)
    assert passed(ask(pushed))


def test_it_vouches_for_the_source_that_the_certificate_names(
    sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    signed(sigstore, pushed)
    report = ask(pushed, Expectations(images.REPOSITORY, images.COMMIT, images.TAG))
    assert passed(report)
    assert {check.vouched_by for check in report.checks if check.id.startswith("source.")} == {"certificate"}


@pytest.mark.parametrize("kind", ["intoto", "dsse"])
def test_an_honest_attestation_passes(kind: str, sigstore: Authority, ask: Ask) -> None:
    pushed = images.push({"linux/amd64": None})
    attested(sigstore, pushed, kind)
    assert passed(ask(pushed, Expectations(images.REPOSITORY, images.COMMIT)))


def refused(report: Report, said: str, reason: str = "certificate") -> None:
    assert report.verdict is Status.FAILED
    assert trouble(report).reason == reason
    assert said in trouble(report).summary


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"sct": False}, "no certificate log"),
        ({"sct_key": authority.new_key()}, "does not know"),
        ({"eku": [ExtendedKeyUsageOID.CLIENT_AUTH]}, "not for code signing"),
        ({"ca": True}, "no authority"),
        ({"signer": authority.new_key()}, "no authority"),
        (
            {"names": [x509.UniformResourceIdentifier(IDENTITY), x509.UniformResourceIdentifier("https://evil.test")]},
            "names",
        ),
        ({"names": [x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7"), b"\x0c\x01x")]}, ""),
    ],
    ids=[
        "no SCT",
        "another certificate log",
        "another purpose",
        "an authority's",
        "self-made",
        "two names",
        "other name",
    ],
)
def test_a_certificate_that_is_not_the_authoritys_for_signing_is_refused(
    lies: dict[str, Any], said: str, sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    signed(sigstore, pushed, **lies)
    refused(ask(pushed), said)


@pytest.mark.parametrize("minutes", [-5, 11])
def test_a_certificate_that_was_not_valid_at_signing_is_refused(
    minutes: int, sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    signed(sigstore, pushed, seen=sigstore.now + timedelta(minutes=minutes))
    refused(ask(pushed), "was not valid when the log saw it")


def test_a_log_that_is_not_known_promises_nothing(sigstore: Authority, pushed: images.Pushed, ask: Ask) -> None:
    signed(sigstore, pushed, log_key=authority.new_key())
    refused(ask(pushed), "does not know")


def test_without_a_log_entry_nothing_says_when(sigstore: Authority, pushed: images.Pushed, ask: Ask) -> None:
    annotations = signed(sigstore, pushed)
    hang(pushed, {name: value for name, value in annotations.items() if name != LOG_ENTRY})
    refused(ask(pushed), "without a log entry")


def test_the_log_entry_of_another_signature_is_refused(sigstore: Authority, pushed: images.Pushed, ask: Ask) -> None:
    other = signed(sigstore, images.push({"linux/amd64": images.local_build(images.OTHER_COMMIT)}))
    annotations = signed(sigstore, pushed)
    hang(pushed, {**annotations, LOG_ENTRY: other[LOG_ENTRY]})
    refused(ask(pushed), "another one's")


def test_the_certificate_of_another_signature_is_refused(sigstore: Authority, pushed: images.Pushed, ask: Ask) -> None:
    other = signed(sigstore, images.push({"linux/amd64": images.local_build(images.OTHER_COMMIT)}))
    annotations = signed(sigstore, pushed)
    hang(pushed, {**annotations, CERTIFICATE: other[CERTIFICATE]})
    refused(ask(pushed), "another one's")


def test_a_promise_for_an_entry_of_another_kind_proves_nothing(
    sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    """A hashedrekord over the payload of an attestation is no entry of that envelope."""
    pushed = images.push({"linux/amd64": None})
    key = authority.new_key()
    certificate = sigstore.certify(key, claims=CLAIMS)
    statement = images.embedded(images.local_build(), pushed.digest)
    envelope, signature = authority.sign_envelope(key, statement)
    body = authority.hashedrekord(statement, signature, certificate)
    annotations = {CERTIFICATE: pem(certificate), LOG_ENTRY: sigstore.entry(body)}
    tag(pushed.store, pushed.digest, "att", (envelope, DSSE, annotations))
    refused(ask(pushed, Expectations(images.REPOSITORY)), "another one's")


def test_the_signature_of_another_image_is_about_that_image(
    sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    other = images.push({"linux/amd64": images.local_build(images.OTHER_COMMIT)})
    annotations = signed(sigstore, other)
    content, media_type, _ = signature_layer(other.digest)
    tag(pushed.store, pushed.digest, "sig", (content, media_type, annotations))
    refused(ask(pushed), str(other.digest), "subject")


def test_somebody_elses_good_signature_is_refused_and_named(
    sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    evil = "https://gitlab.example.test/evil/app//.gitlab-ci.yml@refs/tags/v1.0.0"
    signed(sigstore, pushed, names=[x509.UniformResourceIdentifier(evil)])
    refused(ask(pushed), evil, "other-identity")


def test_an_attestation_of_another_commit_than_the_certificates_contradicts(sigstore: Authority, ask: Ask) -> None:
    pushed = images.push({"linux/amd64": None})
    attested(sigstore, pushed, "dsse", images.OTHER_COMMIT)
    report = ask(pushed, Expectations(images.REPOSITORY, images.COMMIT))
    assert (report.verdict, trouble(report).reason) == (Status.FAILED, "other-commit")


@pytest.mark.parametrize("index", ["1e999", "null", '"7"', "[]"])
def test_a_log_entry_of_strange_numbers_is_refused(
    index: str, sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    annotations = signed(sigstore, pushed)
    hang(pushed, {**annotations, LOG_ENTRY: annotations[LOG_ENTRY].replace('"logIndex": 7', f'"logIndex": {index}')})
    refused(ask(pushed), "")


def test_a_certificate_of_no_version_is_refused_and_shown_as_nobodys(
    sigstore: Authority, pushed: images.Pushed, ask: Ask
) -> None:
    annotations = signed(sigstore, pushed)
    der = x509.load_pem_x509_certificate(annotations[CERTIFICATE].encode()).public_bytes(Encoding.DER)
    strange = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09", 1)
    encoded = base64.encodebytes(strange).decode()
    text = f"-----BEGIN CERTIFICATE-----\n{encoded}-----END CERTIFICATE-----\n"
    hang(pushed, {**annotations, CERTIFICATE: text})

    refused(ask(pushed), "cannot be read")
    shown: dict[str, Any] = dict(inspection(*fetch(pushed.store)))
    assert "identity" not in shown["signatures"][0]
