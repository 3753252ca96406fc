"""Keyless signing against a Sigstore in memory: every version of its services, and every way in which they fail."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import TrustedRoot
from sigstore.verify import Verifier, policy

from attest.ci.source import JobSource, Stated
from attest.errors import SourceContradiction, StoreError, Unreachable, Unreadable, UsageError
from attest.evidence.collect import fetch
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB, COSIGN_SIGN, CYCLONEDX_BOM
from attest.policy.report import Status
from attest.publishing import Publication, publish, sign_only
from attest.trust.patience import Patience
from attest.trust.signing.identity_token import IdentityRefused, IdentityToken, find_token
from attest.trust.signing.keyless import KeylessSigner
from attest.trust.signing.sigstore_instance import load_instance
from attest.trust.signing.statements import statement_bytes
from tests import images
from tests.authority import new_key
from tests.sigstore.claims import GITLAB, PIPELINE
from tests.sigstore.instance import FULCIO, REKOR_V1, TSA, Fault, Instance, running

WAYS = {"rekor-1": (1, False), "rekor-1-and-timestamp": (1, True), "rekor-2-and-timestamp": (2, True)}
JOB = JobSource(
    repository=Stated(images.REPOSITORY, "CI_PROJECT_URL"),
    commit=Stated(images.COMMIT, "CI_COMMIT_SHA"),
    tag=Stated(images.TAG, "CI_COMMIT_TAG"),
)
PATIENT = Patience(seconds=60, attempts=2, pause=0)
HASTY = Patience(seconds=1, attempts=2, pause=0)


@pytest.fixture
def sigstore() -> Iterator[Instance]:
    with running() as instance:
        yield instance


@dataclass
class Signing:
    """A signer for one instance, and what it announced."""

    sigstore: Instance
    folder: Path
    rekor: int = 1
    tsa: bool = True
    patience: Patience = PATIENT
    announced: list[tuple[IdentityToken, list[str]]] = field(default_factory=list)

    def signer(self, **claims: Any) -> KeylessSigner:
        path = self.folder / "trust-config.json"
        path.write_text(self.sigstore.trust_config(self.rekor, tsa=self.tsa))
        token = self.sigstore.token(**{"sha": images.COMMIT, **claims})
        ask = find_token({"SIGSTORE_ID_TOKEN": token}, None, is_person=False)

        def announce(token: IdentityToken) -> None:
            self.announced.append((token, list(self.sigstore.asked)))

        return KeylessSigner(load_instance(path, self.patience), ask, announce, self.patience)


@pytest.fixture
def signing(sigstore: Instance, tmp_path: Path) -> Signing:
    return Signing(sigstore, tmp_path)


def published(pushed: images.Pushed, signer: KeylessSigner) -> Publication:
    return publish(lambda: pushed.store, JOB, lambda _: None, signer, {})


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": images.local_build(), "linux/arm64": images.local_build()})


# --- what is made -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
def test_everything_is_signed_with_one_certificate_and_verifies_again(
    way: str, signing: Signing, pushed: images.Pushed
) -> None:
    signing.rekor, signing.tsa = WAYS[way]
    made = published(pushed, signing.signer())

    assert made.report is not None
    assert made.report.verdict is Status.PASSED
    vouched = {(check.id, check.vouched_by) for check in made.report.checks if check.id.startswith("source.")}
    assert ("source.commit", "certificate") in vouched
    kinds = sorted(signed.statement.predicate_type for signed in fetch(pushed.store)[1].signed)
    assert kinds == sorted([COSIGN_SIGN, *[SLSA_V1, CYCLONEDX_BOM, CI_JOB] * 2])
    assert signing.sigstore.asked.count(FULCIO) == 1


@pytest.mark.parametrize("way", WAYS)
def test_sigstores_own_verifier_accepts_each_bundle_offline(
    way: str, signing: Signing, pushed: images.Pushed, tmp_path: Path
) -> None:
    signing.rekor, signing.tsa = WAYS[way]
    published(pushed, signing.signer())

    root = tmp_path / "trusted_root.json"
    root.write_text(json.dumps(signing.sigstore.trusted_root()))
    verifier = Verifier(trusted_root=TrustedRoot.from_file(str(root)))
    whose = policy.AllOf([policy.Identity(identity=f"https://{PIPELINE}"), policy.OIDCIssuerV2(signing.sigstore.url)])
    bundles = [signed.bundle for signed in fetch(pushed.store)[1].signed]
    assert len(bundles) == 7
    for bundle in bundles:
        assert bundle is not None
        assert bundle.format == "bundle-v0.3"
        assert verifier.verify_dsse(SigstoreBundle.from_json(bundle.raw), whose)[1] == bundle.envelope.payload


def test_what_is_signed_is_stored_byte_for_byte(signing: Signing, pushed: images.Pushed) -> None:
    statement = statement_bytes("app", [pushed.digest], SLSA_V1, '{"n":5.0, "big":12345678901234567890123, "a":[ ]}')
    bundle = json.loads(signing.signer().sign_statement(statement))
    assert base64.b64decode(bundle["dsseEnvelope"]["payload"]) == statement


def test_what_becomes_public_is_announced_once_and_before_any_service_is_asked(
    signing: Signing, pushed: images.Pushed
) -> None:
    published(pushed, signing.signer())

    ((token, asked),) = signing.announced
    assert asked == []
    assert (token.identity, token.issuer) == (f"https://{PIPELINE}", signing.sigstore.url)
    facts = {"project acme/app", "visibility private", "ref refs/tags/v1.0.0", "pipeline 9", "job 42"}
    assert facts <= set(token.facts)


def test_nobody_hears_of_an_image_that_contradicts_its_job(signing: Signing, pushed: images.Pushed) -> None:
    other = JobSource(commit=Stated(images.OTHER_COMMIT, "CI_COMMIT_SHA"))
    with pytest.raises(SourceContradiction, match="contradicts this job"):
        publish(lambda: pushed.store, other, lambda _: None, signing.signer(), {})
    assert (signing.announced, signing.sigstore.asked) == ([], [])


# --- services that fail -----------------------------------------------------------------------------------------------

SERVICES = {FULCIO: "the certificate authority", REKOR_V1: "the transparency log", TSA: "the timestamp authority"}


def failure(signing: Signing, pushed: images.Pushed) -> StoreError:
    """What signing raises, after the honest case has passed; nothing may be attached by it."""
    faults, lies = dict(signing.sigstore.faults), dict(signing.sigstore.lies)
    signing.sigstore.faults.clear()
    signing.sigstore.lies.clear()
    honest = images.push({"linux/amd64": None})
    patience, signing.patience = signing.patience, PATIENT
    assert sign_only(lambda: honest.store, signing.signer()).report is not None

    signing.patience = patience
    signing.sigstore.faults.update(faults)
    signing.sigstore.lies.update(lies)
    with pytest.raises(StoreError) as raised:
        sign_only(lambda: pushed.store, signing.signer())
    assert not pushed.store.listed
    return raised.value


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.BUSY])
def test_a_service_that_is_down_is_tried_again_then_named_and_nothing_is_attached(
    service: str, fault: Fault, signing: Signing, pushed: images.Pushed
) -> None:
    signing.sigstore.faults[service] = fault
    error = failure(signing, pushed)
    assert isinstance(error, Unreachable)
    assert error.exit_code == 3
    assert f"{SERVICES[service]} {signing.sigstore.url}" in error.summary
    assert signing.sigstore.asked.count(service) == 1 + PATIENT.attempts  # the honest case asked once


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("fault", [Fault.HANGS, Fault.DRIPS])
def test_a_service_that_never_comes_to_an_end_is_given_up(
    service: str, fault: Fault, signing: Signing, pushed: images.Pushed
) -> None:
    signing.sigstore.faults[service], signing.patience = fault, HASTY
    error = failure(signing, pushed)
    assert isinstance(error, Unreachable)
    assert f"{SERVICES[service]} {signing.sigstore.url}" in error.summary
    assert "no whole answer within 1 s" in error.summary
    assert signing.sigstore.asked.count(service) == 2  # by the honest case, and once more: to wait again is for nothing


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_babbles_is_not_taken_seriously(service: str, signing: Signing, pushed: images.Pushed) -> None:
    signing.sigstore.faults[service] = Fault.BABBLES
    error = failure(signing, pushed)
    assert isinstance(error, Unreadable)
    assert SERVICES[service] in error.summary


@pytest.mark.parametrize("service", SERVICES)
def test_a_failure_that_passes_is_nobodys_business(service: str, signing: Signing, pushed: images.Pushed) -> None:
    signing.sigstore.faults[service], signing.sigstore.once = Fault.BUSY, True
    made = sign_only(lambda: pushed.store, signing.signer())
    assert made.report is not None
    assert made.report.verdict is Status.PASSED


# --- services that lie ------------------------------------------------------------------------------------------------


def certifies_another_key(sigstore: Instance) -> None:
    sigstore.lies["key"] = new_key()


def certifies_by_another_authority(sigstore: Instance) -> None:
    sigstore.lies["signer"] = new_key()


def forges_the_certificate_log(sigstore: Instance) -> None:
    sigstore.lies["sct_key"] = new_key()


def leaves_the_certificate_log_out(sigstore: Instance) -> None:
    sigstore.lies["sct"] = False


def names_nobody(sigstore: Instance) -> None:
    sigstore.lies["names"] = []


@pytest.mark.parametrize(
    "lie",
    [
        certifies_another_key,
        certifies_by_another_authority,
        forges_the_certificate_log,
        leaves_the_certificate_log_out,
        names_nobody,
    ],
)
def test_an_authority_that_lies_is_found_out_before_anything_is_attached(
    lie: Callable[[Instance], None], signing: Signing, pushed: images.Pushed
) -> None:
    lie(signing.sigstore)
    assert "nothing was attached" in str(failure(signing, pushed))


@pytest.mark.parametrize(("what", "rekor"), [("log_v1", 1), ("timestamps", 2)])
def test_a_log_or_clock_with_another_key_is_found_out_before_anything_is_attached(
    what: str, rekor: int, signing: Signing, pushed: images.Pushed
) -> None:
    """Rekor v2 keeps no time of its own; where v1's log vouches for the time, a wrong clock beside it hurts nobody."""
    signing.rekor = rekor
    service = getattr(signing.sigstore, what)
    service.signing_key = new_key()
    with pytest.raises(Unreadable, match="nothing was attached"):
        sign_only(lambda: pushed.store, signing.signer())
    assert not pushed.store.listed

    service.signing_key = None
    assert sign_only(lambda: pushed.store, signing.signer()).report is not None


# --- identities that are refused --------------------------------------------------------------------------------------


def test_a_token_that_the_authority_refuses_is_exit_4_and_says_why(signing: Signing, pushed: images.Pushed) -> None:
    signer = signing.signer()
    signing.sigstore.oidc_key = new_key()
    with pytest.raises(IdentityRefused) as refused:
        sign_only(lambda: pushed.store, signer)
    assert refused.value.exit_code == 4
    assert "does not accept the identity token" in refused.value.summary
    assert "HTTP 401: There was an error processing the identity token" in refused.value.detail
    assert signing.sigstore.asked == [FULCIO]
    assert not pushed.store.listed


def test_an_authority_that_repeats_the_token_does_not_get_it_into_the_message(
    signing: Signing, pushed: images.Pushed
) -> None:
    signing.sigstore.faults[FULCIO] = Fault.ECHOES
    error = failure(signing, pushed)
    assert isinstance(error, IdentityRefused)
    assert "HTTP 400" in error.detail
    assert "eyJ" not in str(error)


def test_a_token_is_not_shown_by_what_holds_it(signing: Signing) -> None:
    raw = signing.sigstore.token()
    token = find_token({"SIGSTORE_ID_TOKEN": raw}, None, is_person=False)(lambda: "")
    assert token.raw == raw
    assert raw not in repr(token)
    assert raw.split(".")[2] not in str(token)


# --- configurations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"mediaType": "application/vnd.example"}', "\x00", "{" * 10])
def test_a_file_that_is_no_trust_configuration_is_wrong_usage(content: str, tmp_path: Path) -> None:
    path = tmp_path / "trust-config.json"
    path.write_text(content)
    with pytest.raises(UsageError, match="not a client trust configuration"):
        load_instance(path, PATIENT)


def test_a_configuration_without_an_authority_is_wrong_usage(sigstore: Instance, tmp_path: Path) -> None:
    path = tmp_path / "trust-config.json"
    document = json.loads(sigstore.trust_config())
    path.write_text(json.dumps(document))
    assert load_instance(path, PATIENT).log == sigstore.url
    document["signingConfig"]["caUrls"] = []
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="not a client trust configuration"):
        load_instance(path, PATIENT)
    with pytest.raises(UsageError, match="cannot read it"):
        load_instance(tmp_path / "absent.json", PATIENT)


def test_a_person_who_cannot_log_in_anywhere_is_told(sigstore: Instance, tmp_path: Path) -> None:
    path = tmp_path / "trust-config.json"
    document = json.loads(sigstore.trust_config())
    path.write_text(json.dumps(document))
    with pytest.raises(Unreachable, match=r"the identity provider http://.* does not answer as one"):
        load_instance(path, PATIENT).log_in()
    document["signingConfig"]["oidcUrls"] = []
    path.write_text(json.dumps(document))
    with pytest.raises(Unreadable, match="the identity provider"):
        load_instance(path, PATIENT).log_in()


def test_a_token_is_never_sent_in_the_clear_to_another_machine(sigstore: Instance, tmp_path: Path) -> None:
    path = tmp_path / "trust-config.json"
    document = json.loads(sigstore.trust_config())
    path.write_text(json.dumps(document))
    assert load_instance(path, PATIENT).log == sigstore.url
    document["signingConfig"]["caUrls"][0]["url"] = "http://fulcio.example.test"
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"http://fulcio.example.test: .* in the clear"):
        load_instance(path, PATIENT)


def test_the_address_of_the_project_is_the_gitlab_that_the_certificate_names() -> None:
    assert f"{GITLAB}/acme/app" == images.REPOSITORY
