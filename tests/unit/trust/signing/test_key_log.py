"""A key's signatures in a transparency log: Rekor v1 and v2, honest and lying."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from sigstore_models.bundle.v1 import Bundle

from attest.errors import InvalidKey, Unreachable, Unreadable
from attest.evidence.collect import fetch
from attest.policy.report import Status
from attest.publishing import sign_only
from attest.trust.keys import PublicKey, SigningKey
from attest.trust.patience import Patience
from attest.trust.signing.key_log import LoggedKeySigner
from attest.trust.signing.sigstore_instance import load_instance
from tests import images
from tests.authority import new_key
from tests.sigstore.instance import REKOR_V1, REKOR_V2, TSA, Fault, Instance, running
from tests.sigstore.logs import Entry, LogV1

PATIENT = Patience(seconds=60, attempts=2, pause=0)
REKORS = {1: REKOR_V1, 2: REKOR_V2}


@pytest.fixture
def sigstore() -> Iterator[Instance]:
    with running() as instance:
        yield instance


@pytest.fixture
def pushed() -> images.Pushed:
    return images.push({"linux/amd64": None})


def signer(sigstore: Instance, folder: Path, rekor: int, key: SigningKey | None = None) -> LoggedKeySigner:
    path = folder / "trust-config.json"
    path.write_text(sigstore.trust_config(rekor))
    seen: list[PublicKey] = []

    def announce(public: PublicKey) -> None:
        assert not seen
        assert not sigstore.asked
        seen.append(public)

    return LoggedKeySigner(key or images.new_key(), load_instance(path, PATIENT), announce, PATIENT)


@pytest.mark.parametrize("rekor", REKORS)
def test_a_logged_signature_has_an_entry_and_a_time_and_verifies_with_the_key(
    rekor: int, sigstore: Instance, pushed: images.Pushed, tmp_path: Path
) -> None:
    by = signer(sigstore, tmp_path, rekor)
    made = sign_only(lambda: pushed.store, by)

    assert made.report is not None
    assert made.report.verdict is Status.PASSED
    (signed,) = fetch(pushed.store)[1].signed
    assert signed.bundle is not None
    material = Bundle.from_json(signed.bundle.raw).verification_material
    assert material.public_key is not None
    assert material.public_key.hint == by.key.public.hint
    assert len(material.tlog_entries) == 1
    assert sigstore.asked == [TSA, REKORS[rekor]]


@pytest.mark.parametrize("rekor", REKORS)
@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.BABBLES])
def test_a_log_that_fails_is_named_and_nothing_is_attached(
    rekor: int, fault: Fault, sigstore: Instance, pushed: images.Pushed, tmp_path: Path
) -> None:
    sigstore.faults[REKORS[rekor]] = fault
    with pytest.raises(Unreachable if fault is Fault.DOWN else Unreadable, match="the transparency log"):
        sign_only(lambda: pushed.store, signer(sigstore, tmp_path, rekor))
    assert not pushed.store.listed


def test_a_log_that_signs_with_another_key_is_found_out(
    sigstore: Instance, pushed: images.Pushed, tmp_path: Path
) -> None:
    sigstore.log_v1.signing_key = new_key()
    with pytest.raises(Unreadable, match="the transparency log"):
        sign_only(lambda: pushed.store, signer(sigstore, tmp_path, 1))
    assert not pushed.store.listed


def test_an_entry_about_another_signature_is_found_out(
    sigstore: Instance, pushed: images.Pushed, tmp_path: Path
) -> None:
    class Mistaken(LogV1):
        """Answers every question with the entry of the first."""

        def add(self, request: Mapping[str, Any]) -> Entry:
            self.first = getattr(self, "first", request)
            return super().add(self.first)

    sigstore.log_v1 = Mistaken()
    by = signer(sigstore, tmp_path, 1)
    first = images.push({"linux/arm64": None})
    assert sign_only(lambda: first.store, by).report is not None
    with pytest.raises(Unreadable, match="its entry is about something else"):
        sign_only(lambda: pushed.store, by)
    assert not pushed.store.listed


def test_a_key_that_the_log_does_not_take_is_refused_before_it_is_asked(sigstore: Instance, tmp_path: Path) -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    key = SigningKey(PublicKey("ed25519.key", private.public_key()), private)
    assert signer(sigstore, tmp_path, 1, key).name == "ed25519.key"
    with pytest.raises(InvalidKey, match=r"ed25519\.key: .* keeps signatures of ECDSA keys only"):
        signer(sigstore, tmp_path, 2, key)
    assert not sigstore.asked


def test_without_a_log_a_key_leaves_no_trace(sigstore: Instance, pushed: images.Pushed) -> None:
    key = images.new_key()
    sign_only(lambda: pushed.store, key)
    (signed,) = fetch(pushed.store)[1].signed
    assert signed.bundle is not None
    assert json.loads(signed.bundle.raw)["verificationMaterial"] == {
        "publicKey": {"hint": key.public.hint},
        "tlogEntries": [],
    }
    assert not sigstore.asked
