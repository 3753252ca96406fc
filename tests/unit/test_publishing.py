from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from attest.ci.source import JobSource, Stated
from attest.errors import CredentialExposed, NoProvenance, PublishedEvidenceRejected, SourceContradiction
from attest.evidence.collect import fetch
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB, COSIGN_SIGN, CYCLONEDX_BOM
from attest.oci.descriptor import Descriptor
from attest.oci.interface import Artifact
from attest.policy.report import Status
from attest.publishing import Publication, publish, sign_only
from attest.trust.keys import SigningKey
from tests import images
from tests.fake_store import FakeStore

JOB = JobSource(
    repository=Stated(images.REPOSITORY, "--source-repository"),
    commit=Stated(images.COMMIT, "--source-commit"),
    tag=Stated(images.TAG, "--source-tag"),
)


def published(pushed: images.Pushed, key: SigningKey | None = None, job: JobSource = JOB) -> Publication:
    return publish(lambda: pushed.store, job, lambda _: None, key, {})


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": images.local_build(), "linux/arm64": images.local_build()})


def test_everything_is_signed_and_verifies_again(pushed: images.Pushed) -> None:
    made = published(pushed, images.new_key())

    assert made.report is not None
    assert made.report.verdict is Status.PASSED
    evidence = fetch(pushed.store)[1]
    assert sorted(signed.statement.predicate_type for signed in evidence.signed) == sorted(
        [COSIGN_SIGN, *[SLSA_V1, CYCLONEDX_BOM, CI_JOB] * 2]
    )


def test_each_statement_names_the_index_and_its_platform_and_hangs_off_both(pushed: images.Pushed) -> None:
    published(pushed, images.new_key())

    amd64, arm64 = (descriptor.digest for descriptor in pushed.platforms.values())
    for signed in fetch(pushed.store)[1].signed:
        subjects = signed.statement.subject_digests
        assert {place.on for place in signed.places} == set(subjects)
        if signed.is_image_signature:
            assert subjects == (pushed.digest,)
        else:
            assert subjects in ((pushed.digest, amd64), (pushed.digest, arm64))


def test_the_predicate_is_buildkits_text_unchanged() -> None:
    pushed = images.push({"linux/amd64": None})
    text = json.dumps({**images.local_build(), "n": 5.0}, indent=3)
    statement = pushed.store.put(
        b'{"predicate": '
        + text.encode()
        + b', "_type": "https://in-toto.io/Statement/v0.1", "predicateType": "'
        + SLSA_V1.encode()
        + b'", "subject": []}',
        "application/vnd.in-toto+json",
    )
    manifest = images.push_attestation_manifest(pushed.store, [statement])
    entry = images.attestation_entry(manifest, pushed.platforms["linux/amd64"].digest)
    built = images.push({"linux/amd64": None}, pushed.store, [entry])

    published(built, images.new_key())

    (signed,) = [one for one in fetch(built.store)[1].signed if one.is_provenance]
    assert signed.statement.predicate_text == text


def test_publishing_again_attaches_nothing_new(pushed: images.Pushed) -> None:
    key = images.new_key()
    published(pushed, key)
    before = dict(pushed.store.contents)

    published(pushed, key)

    assert pushed.store.contents == before


def test_without_a_key_nothing_is_attached(pushed: images.Pushed) -> None:
    made = published(pushed)
    assert (made.report, made.attached, len(made.sboms)) == (None, (), 2)
    assert not pushed.store.listed


def test_a_contradiction_attaches_nothing(pushed: images.Pushed) -> None:
    job = JobSource(commit=Stated(images.OTHER_COMMIT, "CI_COMMIT_SHA"))
    with pytest.raises(SourceContradiction):
        published(pushed, images.new_key(), job)
    assert not pushed.store.listed


def test_an_image_without_provenance_is_signed_only_when_that_is_asked_for() -> None:
    bare = images.push({"linux/amd64": None})
    with pytest.raises(NoProvenance):
        published(bare, images.new_key())
    made = sign_only(lambda: bare.store, images.new_key())
    assert made.report is not None
    assert made.report.verdict is Status.PASSED


@pytest.mark.parametrize("secret", ["glpat-abcdefghij1234567890", "https://u:hunter2hunter2@git.example.test/a.git"])
def test_a_credential_in_the_provenance_is_not_vouched_for(secret: str) -> None:
    leaky = images.push({"linux/amd64": images.local_build(**{"build-arg:A": secret})})
    with pytest.raises(CredentialExposed, match="nothing was signed") as refusal:
        published(leaky, images.new_key())
    assert secret not in str(refusal.value)
    assert not leaky.store.listed


def test_a_value_that_is_meant_may_be_published() -> None:
    token = "glpat-abcdefghij1234567890"
    pushed = images.push({"linux/amd64": images.local_build(**{"build-arg:A": token})})
    made = publish(lambda: pushed.store, JOB, lambda _: None, images.new_key(), {}, frozenset({"A"}))
    assert made.report is not None


def test_a_store_that_loses_what_was_attached_is_noticed(pushed: images.Pushed) -> None:
    class Forgetful(FakeStore):
        def attach(self, artifacts: Sequence[Artifact]) -> tuple[Descriptor, ...]:
            return ()

    store = Forgetful(pushed.root)
    store.contents = pushed.store.contents
    with pytest.raises(PublishedEvidenceRejected, match="does not verify"):
        publish(lambda: store, JOB, lambda _: None, images.new_key(), {})


def test_a_job_that_knows_nothing_of_its_source_signs_no_claim(pushed: images.Pushed) -> None:
    made = published(pushed, images.new_key(), JobSource())
    assert CI_JOB not in {attached.predicate_type for attached in made.attached}
    assert made.report is not None
    assert made.report.verdict is Status.PASSED
