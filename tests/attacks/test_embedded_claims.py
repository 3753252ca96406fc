"""Whoever makes the image embeds what they like in it; the signature over the index must not vouch for it unseen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from attest.ci.interface import JobSource, Stated
from attest.errors import SourceContradiction
from attest.evidence.statement import CI_JOB
from attest.oci.descriptor import IN_TOTO
from attest.policy.expectations import Expectations
from attest.policy.report import Status
from attest.publishing import publish
from attest.reference import Digest
from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.asking import ask, passed

AMD64 = "linux/amd64"
JOB = JobSource(
    repository=Stated(images.REPOSITORY, "CI_PROJECT_URL"),
    commit=Stated(images.COMMIT, "CI_COMMIT_SHA"),
    ref=Stated("refs/merge-requests/1/head", "CI_MERGE_REQUEST_REF_PATH"),
)
OTHER_TAG = Expectations(tag="v9.9.9")


def push_with(*more: bytes) -> images.Pushed:
    """An image whose attestation manifest lists these statements beside honest provenance."""
    pushed = images.push({AMD64: None})
    image = pushed.platforms[AMD64]
    honest = images.embedded(images.local_build(), image.digest)
    statements = [pushed.store.put(content, IN_TOTO) for content in (honest, *more)]
    manifest = images.push_attestation_manifest(pushed.store, statements)
    return images.push({AMD64: None}, pushed.store, [images.attestation_entry(manifest, image.digest)])


def sign(pushed: images.Pushed, key: SigningKey, job: JobSource = JOB) -> None:
    publish(lambda: pushed.store, job, lambda _: None, key, {})


def platform() -> Digest:
    return images.push({AMD64: None}).platforms[AMD64].digest


def test_an_embedded_claim_of_a_job_is_nobodys() -> None:
    key = images.new_key()
    claim = {"source": {"repository": images.REPOSITORY, "commit": images.COMMIT, "tag": "v9.9.9"}}
    pushed = push_with(images.embedded(claim, platform(), predicate_type=CI_JOB))
    sign(pushed, key)
    assert passed(ask(pushed, key, Expectations(images.REPOSITORY, images.COMMIT)))

    assert ask(pushed, key, OTHER_TAG).verdict is Status.UNKNOWN


def test_a_second_provenance_is_not_signed_along_whatever_else_it_names() -> None:
    honest = push_with()
    sign(honest, images.new_key())
    for subjects in ((platform(),), (platform(), Digest.of(b"else"))):
        more = images.embedded(images.git_build("refs/tags/v9.9.9"), *subjects)
        with pytest.raises(SourceContradiction, match="2 provenance statements for linux/amd64; nothing was attached"):
            sign(push_with(more), images.new_key())


def _fields(job: JobSource) -> dict[str, Any]:
    return {name: getattr(job, name) for name in ("repository", "commit", "ref")}


def test_signing_another_source_for_the_same_image_is_refused_before_it_is_attached() -> None:
    key = images.new_key()
    pushed = push_with()
    tagged = {tag: JobSource(**_fields(JOB), tag=Stated(tag, "--source-tag")) for tag in ("v1.0.0-rc1", "v1.0.0")}
    sign(pushed, key, tagged["v1.0.0-rc1"])
    before = json.dumps({str(on): len(listed) for on, listed in pushed.store.listed.items()})

    with pytest.raises(SourceContradiction, match="already signed another source"):
        sign(pushed, key, tagged["v1.0.0"])

    assert json.dumps({str(on): len(listed) for on, listed in pushed.store.listed.items()}) == before
    assert passed(ask(pushed, key, Expectations(tag="v1.0.0-rc1")))
