"""A signature over the index proves what BuildKit embedded in it, link by link; a broken link proves nothing."""

from __future__ import annotations

from attest.errors import NotFound, Unauthorised
from attest.oci.descriptor import IN_TOTO
from attest.policy.report import Status
from attest.reference import Digest
from attest.trust.signing.statements import sign_image
from tests import images
from tests.attacks.asking import ask, passed, trouble


def test_the_path_leads_from_the_signature_to_the_statement() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_index(pushed, key)

    (path,) = ask(pushed, key).paths

    assert path.digests[0] == Digest.of(sign_image(pushed.digest, key).content)
    assert path.digests[1:] == (
        pushed.digest,
        pushed.attestation_manifests["linux/amd64"].digest,
        pushed.statements["linux/amd64"].digest,
    )


def test_a_signature_over_the_attestation_manifest_proves_its_statements() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    manifest = pushed.attestation_manifests["linux/amd64"]
    images.attach(pushed.store, sign_image(manifest.digest, key), manifest)

    report = ask(pushed, key)

    assert passed(report)
    assert report.paths[0].digests[1:] == (manifest.digest, pushed.statements["linux/amd64"].digest)


def test_a_changed_byte_anywhere_that_is_read_fails() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_index(pushed, key)
    read = [*pushed.platforms.values(), *pushed.attestation_manifests.values(), *pushed.statements.values()]
    read += [manifest for listed in pushed.store.listed.values() for manifest in listed]
    assert passed(ask(pushed, key))

    for descriptor in (pushed.root, *read):
        pushed.store.change(descriptor.digest)
        report = ask(pushed, key)
        assert (report.verdict, trouble(report).reason) == (Status.FAILED, "changed"), descriptor
        pushed.store.change(descriptor.digest)
    assert passed(ask(pushed, key))


def test_what_cannot_be_read_is_unknown_and_says_which() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    images.sign_index(pushed, key)
    for error, exit_code in ((NotFound("gone"), 3), (Unauthorised("refused"), 4)):
        pushed.store.errors[pushed.statements["linux/amd64"].digest] = error
        report = ask(pushed, key)
        assert (report.verdict, report.exit_code, trouble(report).reason) == (Status.UNKNOWN, exit_code, error.reason)


def test_a_statement_paired_with_the_wrong_platform_is_not_evidence() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": None, "linux/arm64": None})
    arm64, amd64 = pushed.platforms["linux/arm64"], pushed.platforms["linux/amd64"]
    statement = pushed.store.put(images.embedded(images.local_build(), arm64.digest), IN_TOTO)
    manifest = images.push_attestation_manifest(pushed.store, [statement])
    wrong = images.push(
        {"linux/amd64": None, "linux/arm64": None}, pushed.store, [images.attestation_entry(manifest, amd64.digest)]
    )
    images.sign_index(wrong, key)

    report = ask(wrong, key)
    assert (report.verdict, trouble(report).id) == (Status.FAILED, "subject.digest")
    assert str(arm64.digest) in trouble(report).summary


def test_embedded_provenance_of_another_image_fails_beside_a_good_signature() -> None:
    key = images.new_key()
    other = images.push({"linux/arm64": images.local_build()})
    stolen = other.attestation_manifests["linux/arm64"]
    good = images.push({"linux/amd64": images.local_build()}, other.store)
    images.sign_index(good, key)
    assert passed(ask(good, key))

    entry = images.attestation_entry(stolen, good.platforms["linux/amd64"].digest)
    dressed = images.push({"linux/amd64": None}, other.store, [entry])
    images.sign_index(dressed, key)

    assert (ask(dressed, key).exit_code, trouble(ask(dressed, key)).id) == (1, "subject.digest")
