"""What somebody tries who can write to the registry, push branches or set the gate's flags, against a policy."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from attest.ci.git import raw_tag_object
from attest.evidence.provenance import SLSA_V1
from attest.evidence.statement import CI_JOB
from attest.oci.descriptor import OCI_INDEX
from attest.policy.expectations import Expectations
from attest.policy.pattern import Pattern
from attest.policy.policy import BuildRules, SourceRules
from attest.policy.report import Status
from attest.trust.identity import CertifiedSigner, ExpectedIdentity
from attest.trust.scope import Scope
from attest.trust.signatures import Trust
from attest.trust.signing.statements import sign_image
from attest.verification import verify_reference
from tests import images
from tests.policies import AMD64, ARM64, answers, by_key, patterns, policy, saying, the, two_platforms
from tests.pretended_roots import PretendedRoots
from tests.summaries import summary, tell, unproven, verifier

DAYS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))
PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def test_a_denied_image_stays_denied_under_another_index() -> None:
    signed = by_key(images.local_build())
    denied = policy(denied_digests=(signed.pushed.digest,))
    assert signed.ask(policy()).verdict is PASSED
    assert answers(signed.ask(denied)) == {"image.denied": "denied"}

    platform = signed.pushed.platforms[AMD64]
    entry = {**platform.to_json(), "platform": {"os": "linux", "architecture": "amd64"}}
    content = images.encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    signed.pushed.root = signed.pushed.store.root = signed.pushed.store.put(content, OCI_INDEX)

    assert signed.ask(policy()).verdict is PASSED
    assert answers(signed.ask(denied)) == {"image.denied": "denied"}


def test_platforms_of_two_releases_in_one_index_are_no_release() -> None:
    rules = SourceRules(commit_required=True)
    assert two_platforms(images.local_build(), images.local_build()).ask(policy(source=rules)).verdict is PASSED

    mixed = two_platforms(images.local_build(), images.local_build(images.OTHER_COMMIT)).ask(policy(source=rules))

    assert (mixed.verdict, answers(mixed)) == (FAILED, {"source.commit": "contradiction"})


def test_a_flag_does_not_silence_a_failed_summary() -> None:
    key, rules = images.new_key(), policy()
    signed = by_key(images.local_build())
    assert signed.ask(rules, (verifier(key),), repository=images.REPOSITORY).verdict is PASSED

    tell(signed, summary(rules, "FAILED"), key)

    assert signed.ask(rules, (verifier(key),)).verdict is FAILED
    assert signed.ask(rules, (verifier(key),), repository=images.REPOSITORY).verdict is FAILED


def test_a_summary_raises_no_level_above_three_nor_what_is_seen_here() -> None:
    key, rules = images.new_key(), policy()
    levels = ["SLSA_BUILD_LEVEL_99"]
    seen = tell(by_key(images.local_build()), summary(rules, verifiedLevels=levels), key)
    assert seen.ask(rules, (verifier(key),)).level.reached == 1
    assert tell(unproven(), summary(rules, verifiedLevels=levels), key).ask(rules, (verifier(key),)).level.reached == 3


@pytest.mark.parametrize("where", ["tag", "repository", "builder"])
def test_what_no_encoding_has_is_matched_by_nothing(where: str) -> None:
    """A lone surrogate in signed text once ended the whole call with a stack trace."""
    broken = "v1\ud800"
    rules = {
        "tag": policy(source=SourceRules(commit_required=True, tags=patterns("/.*/"))),
        "repository": policy(source=SourceRules(Pattern("/https://.*/"))),
        "builder": policy(build=BuildRules(builders=patterns("/.*/"))),
    }[where]
    build = images.local_build(repository=f"https://h.test/{broken}" if where == "repository" else images.REPOSITORY)
    signed = by_key(saying(build, builder=broken if where == "builder" else ""))
    signed.add({"source": {"tag": broken if where == "tag" else "v1"}}, predicate_type=CI_JOB)

    assert signed.ask(rules).verdict is FAILED


def test_a_hostile_checkout_runs_nothing_when_a_tag_is_looked_up(tmp_path: Path) -> None:
    """A partial clone names a remote to fetch missing objects from, and its configuration a program to do so with."""
    marker, checkout = tmp_path / "ran", tmp_path / "checkout"
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for command in (
        ("init", "--quiet", str(checkout)),
        ("-C", str(checkout), "config", "core.repositoryformatversion", "1"),
        ("-C", str(checkout), "config", "extensions.partialClone", "evil"),
        ("-C", str(checkout), "config", "remote.evil.promisor", "true"),
        ("-C", str(checkout), "config", "remote.evil.url", "ssh://evil.test/x"),
        ("-C", str(checkout), "config", "core.sshCommand", f"touch {marker}; false"),
    ):
        subprocess.run(["git", *command], env=environ, check=True)
    subprocess.run(["git", "-C", str(checkout), "cat-file", "tag", "1" * 40], env=environ, capture_output=True)
    assert marker.exists(), "git itself runs it: otherwise this proves nothing"
    marker.unlink()

    assert raw_tag_object(checkout, "1" * 40, environ) is None
    assert not marker.exists()


# --- The order in which a registry lists things decides nothing -------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1])
def test_one_who_signed_at_two_times_is_believed_as_at_any_of_them_in_any_order(first: int) -> None:
    identity, issuer = "https://gitlab.test/acme/app//.gitlab-ci.yml@refs/tags/v1.0.0", "https://gitlab.test"
    at = [images.new_key(), images.new_key()]
    signers = [
        (key.public, CertifiedSigner(identity, issuer, images.REPOSITORY, images.COMMIT, not_before=day, not_after=day))
        for key, day in zip(at, DAYS, strict=True)
    ]
    windows = [Scope(level=level, not_before=day, not_after=day) for level, day in zip((1, 3), DAYS, strict=True)]
    identities = tuple(ExpectedIdentity(identity, issuer, scope=scope) for scope in windows)
    pushed = images.push({AMD64: images.local_build()})
    for key in (at[first], at[1 - first]):
        images.sign_index(pushed, key, certificate=b"a certificate")
    expected = Expectations(images.REPOSITORY, images.COMMIT)

    report = verify_reference(pushed.store, Trust((), identities, PretendedRoots(tuple(signers))), expected)

    assert (report.verdict, report.level.reached) == (PASSED, 3)


@pytest.mark.parametrize("index_first", [True, False])
def test_a_signature_over_the_manifest_beside_one_over_the_index_does_not_loosen_it(index_first: bool) -> None:
    """A statement of another build of the same manifest is set aside where the index itself is signed."""
    key = images.new_key()
    pushed = images.push({AMD64: images.local_build()})
    hosts = [pushed.root, pushed.attestation_manifests[AMD64]]
    for host in hosts if index_first else reversed(hosts):
        images.attach(pushed.store, sign_image(host.digest, key), host)
    other = images.embedded(images.local_build(images.OTHER_COMMIT), images.push({ARM64: None}).digest)
    other_build = other.replace(
        b'"subject": [',
        b'"subject": [{"name": "", "digest": {"sha256": "%b"}}, ' % (pushed.platforms[AMD64].digest.hex.encode()),
    )
    signature = images.signature_of(other_build, key)
    bundle = images.bundle_of(other_build, [signature], key.public.hint)
    images.attach(pushed.store, replace(bundle, predicate_type=SLSA_V1), pushed.platforms[AMD64])

    report = verify_reference(pushed.store, Trust((key.public,)), Expectations(images.REPOSITORY, images.COMMIT))

    assert report.verdict is PASSED
    assert the(report, "source.commit").found == (images.COMMIT,)


def test_a_good_time_is_not_lent_to_an_index_that_was_signed_at_a_bad_one() -> None:
    """An old signature over one platform is genuine, and says nothing of the index that it was put into."""
    identity, issuer = "https://gitlab.test/acme/app//.gitlab-ci.yml@refs/tags/v1.0.0", "https://gitlab.test"
    keys = [images.new_key(), images.new_key()]
    signers = tuple(
        (key.public, CertifiedSigner(identity, issuer, images.REPOSITORY, images.COMMIT, not_before=day, not_after=day))
        for key, day in zip(keys, DAYS, strict=True)
    )
    windows = [Scope(level=level, not_before=day, not_after=day) for level, day in zip((3, 1), DAYS, strict=True)]
    trust = Trust(
        (), tuple(ExpectedIdentity(identity, issuer, scope=scope) for scope in windows), PretendedRoots(signers)
    )
    pushed = images.push({AMD64: images.local_build(), ARM64: images.local_build()})
    images.sign_index(pushed, keys[1], certificate=b"a certificate")
    expected = Expectations(images.REPOSITORY, images.COMMIT)
    assert verify_reference(pushed.store, trust, expected).level.reached == 1

    good = images.push({AMD64: images.local_build()}, pushed.store)
    platform, pushed.store.root = good.platforms[AMD64], pushed.root
    good.root = platform
    images.sign_index(good, keys[0], certificate=b"a certificate")

    report = verify_reference(pushed.store, trust, expected)
    assert (report.verdict, report.level.reached) == (PASSED, 1)
