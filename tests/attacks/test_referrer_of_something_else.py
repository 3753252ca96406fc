"""A registry lists a manifest as this image's referrer that refers to something else: the list proves nothing."""

from __future__ import annotations

from attest.oci.descriptor import SIGSTORE_BUNDLE, artifact_manifest
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import sign_image
from tests import images
from tests.attacks.asking import SIGNATURE, ask, passed, unknown


def test_a_referrer_that_refers_to_something_else_is_not_read(key: SigningKey, pushed: images.Pushed) -> None:
    other = images.push({"linux/arm64": None}, pushed.store)
    pushed.store.root = pushed.root
    bundle = sign_image(pushed.digest, key)
    images.attach(pushed.store, bundle, pushed.root)
    assert passed(ask(pushed, key, SIGNATURE))

    pushed.store.listed.clear()
    images.attach(pushed.store, bundle, other.root)
    pushed.store.listed[pushed.digest] = pushed.store.listed.pop(other.digest)

    unknown(ask(pushed, key, SIGNATURE), "signature.valid", "unsigned")


def test_a_referrer_without_a_subject_is_not_read(key: SigningKey, pushed: images.Pushed) -> None:
    bundle = sign_image(pushed.digest, key)
    layer = pushed.store.put(bundle.content, SIGSTORE_BUNDLE)
    manifest = artifact_manifest(pushed.root, SIGSTORE_BUNDLE, layer, {})
    media_type = "application/vnd.oci.image.manifest.v1+json"
    pushed.store.list_referrer(pushed.digest, pushed.store.put(manifest, media_type))
    assert passed(ask(pushed, key, SIGNATURE))

    pushed.store.listed.clear()
    nowhere = manifest.replace(b'"subject":', b'"annotated":')
    pushed.store.list_referrer(pushed.digest, pushed.store.put(nowhere, media_type))

    unknown(ask(pushed, key, SIGNATURE), "signature.valid", "unsigned")
