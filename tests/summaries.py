"""Verification summaries as other verifiers write them, and images that they are about: shared by the tests of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attest.oci.descriptor import Descriptor
from attest.policy.policy import Policy, SummaryRules
from attest.policy.report import Report
from attest.policy.summaries import SUMMARY, Verifier
from attest.trust.keys import SigningKey
from attest.trust.signatures import Trust
from tests import images
from tests.policies import (
    Signed,
    TaggedStore,
    by_key,
    policy,
)

VERIFIER: Final = "https://verifier.test"
NOW: Final = datetime.now(UTC).replace(microsecond=0)
MONTH: Final = timedelta(days=30)

Document = dict[str, Any]


def verifier(key: SigningKey, max_age: timedelta | None = None, name: str = VERIFIER) -> Verifier:
    return Verifier(SummaryRules(name, max_age=max_age), Trust((key.public,)))


def summary(rules: Policy, result: str = "PASSED", ago: timedelta = timedelta(hours=1), **other: Any) -> Document:
    """What a verifier says of the image in a FakeStore."""
    return {
        "verifier": {"id": VERIFIER},
        "timeVerified": (NOW - ago).isoformat(),
        "resourceUri": "registry.test/acme/app:1.0.0",
        "policy": {"uri": "https://policies.test/app.toml", "digest": {"sha256": rules.digest.hex}},
        "verificationResult": result,
        "verifiedLevels": ["SLSA_BUILD_LEVEL_1" if result == "PASSED" else "FAILED"],
        **other,
    }


def tell(signed: Signed, said: Document, key: SigningKey, *about: Descriptor, predicate_type: str = SUMMARY) -> Signed:
    images.sign_about(signed.pushed, about or (signed.pushed.root,), predicate_type, said, key, b"")
    return signed


def unproven(store: TaggedStore | None = None) -> Signed:
    """An image whose evidence stayed elsewhere."""
    return by_key(store=store)


def ask(said: Document, rules: Policy | None = None, max_age: timedelta | None = None, **flags: Any) -> Report:
    """About an image that a verifier said this of."""
    key = images.new_key()
    return tell(unproven(), said, key).ask(rules or policy(), (verifier(key, max_age),), **flags)
