"""What a policy says of the image itself: its tag, its digest, its name, its signature."""

from __future__ import annotations

import pytest

from attest.evidence.statement import CI_JOB
from attest.oci.descriptor import OCI_INDEX, Descriptor
from attest.policy.report import Report, Status
from attest.reference import Digest, Platform
from attest.trust.identity import CertifiedSigner
from attest.trust.signatures import Trust
from tests import images
from tests.policies import (
    AMD64,
    ARM64,
    IDENTITY,
    ISSUER,
    PIPELINE,
    Signed,
    TaggedStore,
    answers,
    by_certificate,
    by_key,
    patterns,
    policy,
    the,
    two_platforms,
)

PASSED, FAILED, UNKNOWN = Status.PASSED, Status.FAILED, Status.UNKNOWN


def claimed(tag: str, store: TaggedStore) -> Signed:
    """A build whose signer says that its source has this tag."""
    source = {"tag": tag} if tag else {"branch": "main"}
    return by_key(images.local_build(), store=store).add({"source": source}, predicate_type=CI_JOB)


def ask(signed: Signed, template: str = "{source_tag}") -> Report:
    return signed.ask(policy({"image_tag": 7}, image_tag=template))


def test_an_image_tag_is_its_source_s() -> None:
    report = ask(claimed("v1.0.0", TaggedStore("v1.0.0")))
    assert report.verdict is PASSED
    check = the(report, "image.tag")
    assert (check.expected, check.origin, check.found) == ("{source_tag}", "policy.toml:7", ("v1.0.0",))
    assert ask(claimed("1.0", TaggedStore("app-1.0-alpine")), "app-{source_tag}-alpine").verdict is PASSED


@pytest.mark.parametrize("tag", ["v2.0.0", "latest", "v1.0.0-alpine", "v1.0", "V1.0.0"])
def test_an_old_image_under_a_new_tag_is_old(tag: str) -> None:
    """Whoever can write to the registry moves a tag; every signature of the old image holds."""
    assert ask(claimed("v1.0.0", TaggedStore("v1.0.0"))).verdict is PASSED

    report = ask(claimed("v1.0.0", TaggedStore(tag)))

    assert (report.verdict, answers(report)) == (FAILED, {"image.tag": "other-tag"})


def test_a_tag_that_is_followed_by_something_is_another_tag() -> None:
    assert ask(claimed("v1.0.0", TaggedStore("v1.0.0-evil")), "{source_tag}-alpine").verdict is FAILED


def test_asked_by_digest_alone_the_tag_is_not_known() -> None:
    pushed = by_key(images.local_build(), store=TaggedStore("v1.0.0")).pushed
    report = ask(claimed("v1.0.0", TaggedStore(None, pushed.digest)))
    assert answers(report) == {"image.tag": "no-tag"}
    assert ask(claimed("v1.0.0", TaggedStore("v1.0.0", pushed.digest))).verdict is PASSED


def test_a_source_without_a_tag_gives_the_image_none() -> None:
    assert answers(ask(claimed("", TaggedStore("main")))) == {"image.tag": "no-claim"}
    bare = by_key(images.git_build("v1.0.0"), store=TaggedStore("v1.0.0"))
    assert answers(ask(bare)) == {"image.tag": "no-claim"}


def test_a_tag_that_only_a_signer_names_is_none_beside_a_certificate() -> None:
    for signer, reason in ((CertifiedSigner(IDENTITY, ISSUER), "no-claim"), (PIPELINE, "")):
        signed = by_certificate(images.local_build(), signer=signer, store=TaggedStore("v1.0.0"))
        signed.add({"source": {"tag": "v1.0.0"}}, predicate_type=CI_JOB)
        assert the(ask(signed), "image.tag").reason == reason


def test_every_tag_that_is_named_must_make_the_image_s() -> None:
    """The right one beside a wrong one is wrong, in either order."""
    for tags in (("v1.0.0", "v2.0.0"), ("v2.0.0", "v1.0.0")):
        signed = by_key(images.local_build(), store=TaggedStore("v1.0.0"))
        for tag in tags:
            signed.add({"source": {"tag": tag}}, predicate_type=CI_JOB)
        assert the(ask(signed), "image.tag").reason == "other-tag"


def test_the_image_tag_of_every_platform_is_looked_at() -> None:
    signed = two_platforms(images.local_build(), images.local_build())
    for platform, tag in ((AMD64, "1.0.0"), (ARM64, "0.9.0")):
        signed.add({"source": {"tag": tag}}, platform, CI_JOB)
    asked = [check for check in ask(signed).checks if check.id == "image.tag" and check.status is not PASSED]
    assert [(check.platform, check.reason) for check in asked] == [(ARM64, "other-tag")]


def test_a_dirty_tree_has_no_tag() -> None:
    dirty = by_key(images.local_build(f"{images.COMMIT}-dirty"), store=TaggedStore("v1.0.0"))
    dirty.add({"source": {"tag": "v1.0.0"}}, predicate_type=CI_JOB)
    assert ask(dirty).verdict is not PASSED


# --- Denied digests


@pytest.mark.parametrize("which", ["index", "platform", "other platform", "attestation manifest"])
def test_an_image_of_which_anything_is_denied_fails(which: str) -> None:
    key = images.new_key()
    embedded = images.push({AMD64: images.local_build(), ARM64: images.local_build()})
    images.sign_index(embedded, key)
    signed = Signed(embedded, key, Trust((key.public,)))
    digests = {
        "index": embedded.digest,
        "platform": embedded.platforms[AMD64].digest,
        "other platform": embedded.platforms[ARM64].digest,
        "attestation manifest": embedded.attestation_manifests[AMD64].digest,
    }
    innocent = signed.ask(policy(denied_digests=(Digest.of(b"something else"),)))
    assert (innocent.verdict, the(innocent, "image.denied").status) == (PASSED, PASSED)

    report = signed.ask(policy({"denied_digests": 3}, denied_digests=(digests[which],)))

    assert (report.verdict, answers(report)) == (FAILED, {"image.denied": "denied"})
    check = the(report, "image.denied")
    assert (check.found, check.origin) == ((str(digests[which]),), "policy.toml:3")


def test_a_platform_that_is_denied_fails_though_another_one_is_asked_for() -> None:
    signed = two_platforms(images.local_build(), images.local_build())
    denied = policy(denied_digests=(signed.pushed.platforms[ARM64].digest,))
    assert signed.ask(policy(), platforms=(Platform.parse(AMD64),)).verdict is PASSED
    assert signed.ask(denied, platforms=(Platform.parse(AMD64),)).verdict is FAILED


# --- Whom the policy speaks for


@pytest.mark.parametrize(
    ("images_", "is_covered"),
    [
        (("registry.test/acme/app",), True),
        (("registry.test/acme/other", "/registry\\.test/acme/.*/"), True),
        (("registry.test/acme/other",), False),
        (("registry.test/acme",), False),
        (("/registry\\.test/acm/",), False),
        (("/acme/app/",), False),
    ],
)
def test_a_policy_speaks_for_the_images_that_it_names(images_: tuple[str, ...], is_covered: bool) -> None:
    report = by_key(images.local_build()).ask(policy({"images": 2}, images=patterns(*images_)))
    assert (report.verdict is PASSED) == is_covered
    assert answers(report) == ({} if is_covered else {"image.covered": "not-covered"})
    assert the(report, "image.covered").origin == "policy.toml:2"


# --- A signature over the image


def test_a_policy_may_ask_for_a_signature_over_the_image_besides() -> None:
    signed = by_key(images.local_build())
    assert signed.ask(policy()).verdict is PASSED
    assert answers(signed.ask(policy(signature_required=True))) == {"signature.valid": "unsigned"}

    images.sign_index(signed.pushed, signed.key)

    assert signed.ask(policy(signature_required=True)).verdict is PASSED


def test_a_signature_over_another_image_is_none_over_this() -> None:
    signed = by_key(images.local_build())
    other = images.push({AMD64: images.local_build(), ARM64: None})
    bundle = images.sign_about(other, (other.root,), "https://sigstore.dev/cosign/sign/v1", {}, signed.key, b"")
    root = Descriptor.of(signed.pushed.store.contents[signed.pushed.digest], OCI_INDEX)
    images.attach(signed.pushed.store, bundle, root)
    assert answers(signed.ask(policy(signature_required=True))) == {"subject.digest": "subject"}


def test_what_nobody_asked_for_is_left_out() -> None:
    asked = {check.id for check in by_key(images.local_build()).ask(policy()).checks}
    assert asked == {"image.digest", "signer.identity", "source.repository"}
