"""Policies as values, images to hold against them, and who is believed: shared by the tests of the verdict."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from attest.evidence.collect import fetch
from attest.evidence.provenance import SLSA_V1
from attest.policy.corroboration import Corroborated, corroborate
from attest.policy.expectations import Expectations
from attest.policy.pattern import Pattern
from attest.policy.policy import Policy, SourceRules
from attest.policy.report import Check, Report
from attest.policy.summaries import Verifier
from attest.reference import Digest, ImageReference, RegistryReference
from attest.trust.authentication import authenticate
from attest.trust.identity import CertifiedSigner, ExpectedIdentity
from attest.trust.keys import PublicKey, SigningKey
from attest.trust.scope import ANYWHERE, Scope
from attest.trust.signatures import Trust
from attest.verification import verify_reference
from tests import images
from tests.fake_store import FakeStore
from tests.pretended_roots import PretendedRoots

AMD64: Final = "linux/amd64"
ARM64: Final = "linux/arm64"
ISSUER: Final = "https://gitlab.example.test"
IDENTITY: Final = f"{ISSUER}/acme/app//.gitlab-ci.yml@refs/tags/{images.TAG}"
PIPELINE: Final = CertifiedSigner(IDENTITY, ISSUER, images.REPOSITORY, images.COMMIT, f"refs/tags/{images.TAG}")
FROM_HERE: Final = SourceRules(repository=Pattern(images.REPOSITORY))
CERTIFICATE: Final = b"a certificate"

Rules = Any


def policy(lines: Mapping[str, int] | None = None, **rules: Rules) -> Policy:
    """A policy with these rules, and nothing but the repository expected of the source unless told."""
    return Policy("policy.toml", Digest.of(b"the policy"), lines or {}, **{"source": FROM_HERE, **rules})


def patterns(*texts: str) -> tuple[Pattern, ...]:
    return tuple(map(Pattern, texts))


def saying(
    predicate: images.Predicate,
    *,
    definition: Mapping[str, Any] | None = None,
    builder: str = "",
    finished: str = "",
    dependencies: Sequence[str] = (),
    complete: bool = False,
    listed: bool = False,
    hermetic: bool = False,
) -> images.Predicate:
    """The same build, of which the provenance says more: `complete` of its materials, `listed` of its parameters."""
    said = copy.deepcopy(predicate)
    said["buildDefinition"].update(definition or {})
    said["buildDefinition"]["resolvedDependencies"] = [{"uri": uri} for uri in dependencies]
    said["runDetails"]["builder"]["id"] = builder
    said["runDetails"]["metadata"].update(
        {
            "finishedOn": finished,
            "buildkit_completeness": {"request": listed, "resolvedDependencies": complete},
            "buildkit_hermetic": hermetic,
        }
    )
    return said


class TaggedStore(FakeStore):
    """A store whose image is asked for under another name."""

    def __init__(self, tag: str | None = images.TAG, digest: Digest | None = None, name: str = "acme/app") -> None:
        super().__init__()
        self.named = RegistryReference("registry.test", name, tag, digest)

    @property
    def reference(self) -> ImageReference:
        return self.named


@dataclass(frozen=True)
class Signed:
    """An image, who signed what is said of it, and whom a verifier believes."""

    pushed: images.Pushed
    key: SigningKey
    trust: Trust

    def ask(self, rules: Policy | None = None, verifiers: Sequence[Verifier] = (), **flags: Any) -> Report:
        return verify_reference(self.pushed.store, self.trust, Expectations(policy=rules, **flags), verifiers=verifiers)

    def corroborated(self, expected: Expectations) -> tuple[Corroborated, ...]:
        """What is known of each platform's source."""
        image, evidence = fetch(self.pushed.store)
        statements = authenticate(image, evidence, self.trust).statements
        return tuple(corroborate(platform, statements, expected) for platform in image.platforms)

    def add(self, predicate: images.Predicate, platform: str = AMD64, predicate_type: str = SLSA_V1) -> Signed:
        """One statement more by the same signer, about the index and the platform."""
        about = (self.pushed.root, self.pushed.platforms[platform])
        certificate = CERTIFICATE if self.trust.identities else b""
        images.sign_about(self.pushed, about, predicate_type, predicate, self.key, certificate)
        return self

    def believed(self, scope: Scope) -> Signed:
        """The same image for somebody who believes the signer that far."""
        keys = tuple(replace(key, scope=scope) for key in self.trust.keys)
        identities = tuple(replace(one, scope=scope) for one in self.trust.identities)
        return replace(self, trust=replace(self.trust, keys=keys, identities=identities))


def by_key(*predicates: images.Predicate, store: FakeStore | None = None, scope: Scope = ANYWHERE) -> Signed:
    """An image for one platform, with these provenance statements, signed with a key."""
    key = images.new_key()
    signed = Signed(images.push({AMD64: None}, store), key, Trust((PublicKey("cosign.pub", key.public.key, scope),)))
    for predicate in predicates:
        signed.add(predicate)
    return signed


def by_certificate(
    *predicates: images.Predicate,
    signer: CertifiedSigner = PIPELINE,
    scope: Scope = ANYWHERE,
    store: FakeStore | None = None,
) -> Signed:
    """An image for one platform, with these provenance statements, signed by a pipeline with its certificate."""
    key = images.new_key()
    identity = ExpectedIdentity(signer.identity, signer.issuer, scope=scope)
    trust = Trust((), (identity,), PretendedRoots(((key.public, signer),)))
    signed = Signed(images.push({AMD64: None}, store), key, trust)
    for predicate in predicates:
        signed.add(predicate)
    return signed


def two_platforms(amd64: images.Predicate | None, arm64: images.Predicate | None) -> Signed:
    """An image for two platforms, provenance of each signed with one key."""
    key = images.new_key()
    signed = Signed(images.push({AMD64: None, ARM64: None}), key, Trust((key.public,)))
    for platform, predicate in ((AMD64, amd64), (ARM64, arm64)):
        if predicate is not None:
            signed.add(predicate, platform)
    return signed


def the(report: Report, check_id: str) -> Check:
    """The one check of this id."""
    (check,) = (check for check in report.checks if check.id == check_id)
    return check


def answers(report: Report) -> dict[str, str]:
    """Each check that did not pass, by its id, with its reason."""
    return {check.id: check.reason for check in report.checks if check.reason}
