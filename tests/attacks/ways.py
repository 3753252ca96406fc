"""Every way to sign an image: with a key or a certificate, each as a bundle and as cosign 1 and 2 wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from attest.evidence.statement import PAYLOAD_TYPE
from attest.policy.expectations import Expectations
from attest.policy.report import Report
from attest.reference import Digest
from attest.trust.keys import SigningKey
from attest.trust.signing.statements import SignedBundle, sign_image
from tests import images
from tests.attacks.asking import SIGNATURE, ask
from tests.attacks.certified import Annotated, CertifiedBundle, Tamper, untouched
from tests.cosign_tags import envelope, payload, signature_layer, tag


@dataclass
class KeyBundle:
    """A Sigstore bundle v0.3 with a key's hint."""

    key: SigningKey
    name: str = "key-bundle"

    def ask(self, pushed: images.Pushed, expected: Expectations = SIGNATURE) -> Report:
        return ask(pushed, self.key, expected)

    def sign(self, pushed: images.Pushed, about: Digest | None = None) -> None:
        images.attach(pushed.store, sign_image(about or pushed.digest, self.key), pushed.root)

    def attest(
        self, pushed: images.Pushed, statement: bytes, tamper: Tamper = untouched, *, kind: str = PAYLOAD_TYPE
    ) -> None:
        signature = images.signature_of(statement, self.key, kind)
        bundle = json.loads(images.bundle_of(statement, [signature], self.key.public.hint, kind).content)
        tamper(bundle["dsseEnvelope"])
        pushed.store.listed.pop(pushed.digest, None)
        images.attach(pushed.store, SignedBundle(images.encode(bundle), ""), pushed.root)


@dataclass
class KeyEnvelope:
    """cosign 1 and 2: payload or envelope under a tag, which name no key."""

    key: SigningKey
    name: str = "key-envelope"

    def ask(self, pushed: images.Pushed, expected: Expectations = SIGNATURE) -> Report:
        return ask(pushed, self.key, expected)

    def sign(self, pushed: images.Pushed, about: Digest | None = None) -> None:
        digest = about or pushed.digest
        tag(pushed.store, pushed.digest, "sig", signature_layer(digest, signature=self.key.sign(payload(digest))))

    def attest(
        self, pushed: images.Pushed, statement: bytes, tamper: Tamper = untouched, *, kind: str = PAYLOAD_TYPE
    ) -> None:
        content, media_type, annotations = envelope(statement, images.signature_of(statement, self.key, kind))
        document = {**json.loads(content), "payloadType": kind}
        tamper(document)
        tag(pushed.store, pushed.digest, "att", (images.encode(document), media_type, annotations))


Way = KeyBundle | KeyEnvelope | CertifiedBundle | Annotated
# Reason and words of each for a signature that is not over what it stands beside: only a bundle's hint names a key.
CHANGED: Final = {
    "key-bundle": ("bad-signature", "its signature does not hold: the content was changed"),
    "key-envelope": ("other-key", "signed with another key"),
    "bundle": ("certificate", "DSSE: invalid signature"),
    "annotations": ("certificate", "its log entry is another one's"),
}
