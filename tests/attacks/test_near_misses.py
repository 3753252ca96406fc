"""Nearly right: the refusal says what was nearly right, and what to do. Each is refused all the same."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from attest.errors import InvalidKey
from attest.evidence.statement import COSIGN_SIGN
from attest.policy.report import Status
from attest.trust.identity import ExpectedIdentity
from attest.trust.keys import load_public_key
from attest.trust.signing.statements import sign_image
from tests import authority, images
from tests.attacks.asking import COMMIT, SIGNATURE, ask, passed, refused, trouble
from tests.attacks.certified import Certified, Sigstore
from tests.authority import IDENTITY, ISSUER
from tests.cosign_tags import payload, signature_layer, tag


def test_a_signature_over_the_platform_is_none_over_the_index() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build(), "linux/arm64": images.local_build()})
    platform = pushed.platforms["linux/amd64"]
    images.attach(pushed.store, sign_image(platform.digest, key), platform)

    report = ask(pushed, key, SIGNATURE)

    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "unsigned")
    assert trouble(report).hint == f"A signature exists, over {platform.digest}, not over the index."


def test_a_signature_over_the_platform_does_not_vouch_for_what_the_index_embeds() -> None:
    key = images.new_key()
    pushed = images.push({"linux/amd64": images.local_build()})
    platform = pushed.platforms["linux/amd64"]
    images.attach(pushed.store, sign_image(platform.digest, key), platform)

    report = ask(pushed, key, COMMIT)

    assert (report.verdict, trouble(report).reason) == (Status.UNKNOWN, "unsigned")
    assert trouble(report).hint.startswith(f"A signature exists, over {platform.digest}, which does not lead to")
    images.sign_index(pushed, key)
    assert passed(ask(pushed, key, COMMIT))


@pytest.mark.parametrize("form", ["bundle", "cosign 2"])
def test_a_signature_over_another_tags_digest_is_named_with_its_name(form: str) -> None:
    key = images.new_key()
    pushed, other = images.push({"linux/amd64": images.local_build()}), images.push({"linux/amd64": None})
    name = "registry.test/acme/app:v0.9.0"
    if form == "bundle":
        statement = images.embedded({}, other.digest, predicate_type=COSIGN_SIGN)
        named = statement.replace(b"pkg:docker/app@1", name.encode())
        bundle = images.bundle_of(named, [images.signature_of(named, key)], key.public.hint)
        images.attach(pushed.store, bundle, pushed.root)
    else:
        content = payload(other.digest).replace(b'"x"', f'"{name}"'.encode())
        _, kind, notes = signature_layer(other.digest, signature=key.sign(content))
        tag(pushed.store, pushed.digest, "sig", (content, kind, notes))

    report = ask(pushed, key, SIGNATURE)

    refused(report, "subject.digest", "subject", f"about {other.digest}, not about this image (it says {name})")
    assert "another tag" in trouble(report).hint


def test_an_identity_that_differs_only_in_its_ref_is_told(certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed)
    name, _, _ = IDENTITY.rpartition("@")
    expected = ExpectedIdentity(f"{name}@refs/heads/another", ISSUER)

    report = certified.ask(pushed, SIGNATURE, expected)

    refused(report, "signature.valid", "other-identity", "only the branch or tag that it ran for differs")


def test_a_certificate_that_was_valid_at_another_time_is_told(certified: Certified, pushed: images.Pushed) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))
    start = certified.sigstore.instance.authority.now - timedelta(hours=1)

    certified.sign(pushed, start=start)

    report = certified.ask(pushed)
    refused(report, "signature.valid", "certificate")
    hint = trouble(report).hint
    assert hint.startswith(f"The certificate was valid at another time, from {start:%Y-%m-%dT%H:%M:%SZ} until")
    assert hint.endswith("sign again.")


def test_the_private_key_of_the_pair_is_told_from_the_public_one(tmp_path: Path) -> None:
    pem = authority.new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "cosign.key").write_bytes(pem)

    with pytest.raises(InvalidKey, match="a private key, where the public key is needed") as caught:
        load_public_key(str(tmp_path / "cosign.key"), {})

    assert caught.value.remedy == "Give the .pub file of the pair."


def test_a_log_that_this_trusted_root_does_not_know_is_told(
    certified: Certified, sigstore: Sigstore, pushed: images.Pushed
) -> None:
    certified.sign(pushed)
    assert passed(certified.ask(pushed))

    def another_log(root: dict[str, Any]) -> None:
        strange = Sigstore(sigstore.folder).instance.trusted_root()
        root["tlogs"] = strange["tlogs"]

    report = sigstore.ask(pushed, SIGNATURE, tamper=another_log)

    refused(report, "signature.valid", "certificate")
    assert "is unknown to this trusted root" in trouble(report).hint
    assert "--update-trusted-root" in trouble(report).hint


def test_an_authority_that_this_trusted_root_does_not_know_is_told(
    certified: Certified, sigstore: Sigstore, pushed: images.Pushed
) -> None:
    certified.sign(pushed)

    def another_authority(root: dict[str, Any]) -> None:
        root["certificateAuthorities"] = Sigstore(sigstore.folder).instance.trusted_root()["certificateAuthorities"]

    report = sigstore.ask(pushed, SIGNATURE, tamper=another_authority)

    refused(report, "signature.valid", "certificate")
    assert "no authority of this trusted root" in trouble(report).hint
