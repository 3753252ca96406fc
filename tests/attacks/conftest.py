"""What most attacks start from: an image that nobody has signed yet, and every way in which it can be signed."""

from __future__ import annotations

from pathlib import Path

import pytest

from attest.trust.keys import SigningKey
from tests import images
from tests.attacks.certified import Annotated, Certified, CertifiedBundle, Sigstore
from tests.attacks.ways import KeyBundle, KeyEnvelope, Way


@pytest.fixture
def key() -> SigningKey:
    return images.new_key()


@pytest.fixture
def pushed() -> images.Pushed:
    """One platform, and no provenance but what a test attaches."""
    return images.push({"linux/amd64": None})


@pytest.fixture
def sigstore(tmp_path: Path) -> Sigstore:
    return Sigstore(tmp_path)


@pytest.fixture(params=["bundle", "annotations"])
def certified(request: pytest.FixtureRequest, sigstore: Sigstore) -> Certified:
    """Signed with a certificate, in both forms."""
    return CertifiedBundle(sigstore) if request.param == "bundle" else Annotated(sigstore)


@pytest.fixture(params=["key-bundle", "key-envelope", "bundle", "annotations"])
def way(request: pytest.FixtureRequest, key: SigningKey, sigstore: Sigstore) -> Way:
    """Signed with a key or a certificate, each in both forms; the parameter is the way's `name`."""
    ways = (KeyBundle(key), KeyEnvelope(key), CertifiedBundle(sigstore), Annotated(sigstore))
    return next(way for way in ways if way.name == request.param)
