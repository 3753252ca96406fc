"""When it was signed: whose word counts for it, and since when and until when."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rfc3161_client import decode_timestamp_response

from attest.errors import UsageError
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import NotVerified
from tests.authority import IDENTITY
from tests.sigstore.asking import holds, just_now, material, period, seen, signer
from tests.sigstore.bundles import Bundles, Document, statement

KINDS = [("dsse 0.0.1", 0), ("intoto 0.0.2", 0), ("hashedrekord 0.0.2", 1)]


@pytest.mark.parametrize(("kind", "stamps"), KINDS)
def test_a_log_must_have_been_in_use_to_the_second(kind: str, stamps: int, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind, stamps=stamps)
    (entry,) = material(document)["tlogEntries"]
    logged = datetime.fromtimestamp(int(entry["integratedTime"]), UTC)
    at = logged if kind != "hashedrekord 0.0.2" else seen_by_authority(document)
    root = bundles.instance.trusted_root()
    for log in root["tlogs"]:
        log["publicKey"]["validFor"] = period(at - timedelta(days=1), at)
    assert holds(bundles, document, tmp_path, tlogs=root["tlogs"])
    for log in root["tlogs"]:
        log["publicKey"]["validFor"] = period(at - timedelta(days=1), at - timedelta(seconds=1))
    with pytest.raises(NotVerified, match="not in use"):
        signer(bundles, document, tmp_path, tlogs=root["tlogs"])


@pytest.mark.parametrize("kind", ["dsse 0.0.1", "hashedrekord 0.0.2"])
def test_for_a_key_too_a_log_must_have_been_in_use(kind: str, tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(), kind)
    assert just_now(seen(bundles, document, tmp_path))
    root, now = bundles.instance.trusted_root(), datetime.now(UTC)
    for log in root["tlogs"]:
        log["publicKey"]["validFor"] = period(now - timedelta(days=2), now - timedelta(days=1))
    with pytest.raises(NotVerified, match="not in use"):
        seen(bundles, document, tmp_path, tlogs=root["tlogs"])


@pytest.mark.parametrize("kind", ["dsse 0.0.1", "intoto 0.0.2"])
def test_a_root_with_a_log_needs_a_log_of_certificates(kind: str, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind)
    assert holds(bundles, document, tmp_path)
    with pytest.raises(NotVerified, match=r"does not know|not found"):
        signer(bundles, document, tmp_path, ctlogs=[])


def seen_by_authority(document: Document) -> datetime:
    """When the only timestamp is of."""
    (stamp,) = material(document)["timestampVerificationData"]["rfc3161Timestamps"]
    return decode_timestamp_response(base64.b64decode(stamp["signedTimestamp"])).tst_info.gen_time


@pytest.mark.parametrize(("kind", "stamps"), KINDS)
def test_a_certificates_log_must_have_been_in_use(kind: str, stamps: int, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind, stamps=stamps)
    (log,) = bundles.instance.trusted_root()["ctlogs"]
    at = bundles.instance.authority.now
    log["publicKey"]["validFor"] = period(at - timedelta(days=1), at)
    assert holds(bundles, document, tmp_path, ctlogs=[log])
    log["publicKey"]["validFor"] = period(at - timedelta(days=1), at - timedelta(seconds=1))
    with pytest.raises(NotVerified, match="not in use"):
        signer(bundles, document, tmp_path, ctlogs=[log])


@pytest.mark.parametrize(("kind", "stamps"), KINDS)
def test_an_authority_must_have_been_in_use(kind: str, stamps: int, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind, stamps=stamps)
    (authority,) = bundles.instance.trusted_root()["certificateAuthorities"]
    now = datetime.now(UTC)
    authority["validFor"] = period(now - timedelta(days=1), now + timedelta(days=1))
    assert holds(bundles, document, tmp_path, certificateAuthorities=[authority])
    authority["validFor"] = period(now - timedelta(days=2), now - timedelta(days=1))
    with pytest.raises(NotVerified, match=r"not in use|no authority"):
        signer(bundles, document, tmp_path, certificateAuthorities=[authority])


@pytest.mark.parametrize("by_key", [False, True], ids=["certificate", "key"])
def test_a_timestamp_of_another_signature_proves_nothing(by_key: bool, tmp_path: Path) -> None:
    bundles = Bundles(by_key=by_key)
    ask: Callable[..., object] = seen if by_key else signer
    document = bundles.envelope(statement(), "hashedrekord 0.0.2")
    assert ask(bundles, document, tmp_path)
    material(document)["timestampVerificationData"]["rfc3161Timestamps"] = [bundles.stamp(b"another signature")]
    with pytest.raises(NotVerified, match=r"no timestamp in it holds|not enough sources"):
        ask(bundles, document, tmp_path)


@pytest.mark.parametrize("stamps", [["rubbish"], ["!"]])
def test_a_timestamp_that_is_none_is_refused(stamps: list[str], tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(), "intoto 0.0.2")
    assert seen(bundles, document, tmp_path)
    found = [{"signedTimestamp": stamp} for stamp in stamps]
    material(document)["timestampVerificationData"]["rfc3161Timestamps"] = found
    with pytest.raises(NotVerified, match=r"cannot be read|not base64"):
        seen(bundles, document, tmp_path)


def test_one_timestamp_twice_and_too_many_of_them_are_refused(tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(), "intoto 0.0.2")
    stamps = material(document)["timestampVerificationData"]["rfc3161Timestamps"]
    stamps *= 2
    with pytest.raises(NotVerified, match="one timestamp twice"):
        seen(bundles, document, tmp_path)
    stamps *= 20
    with pytest.raises(NotVerified, match="more than 32"):
        seen(bundles, document, tmp_path)


def test_a_timestamp_authority_that_is_not_known_or_not_in_use_proves_nothing(tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(), "", stamps=1)
    assert just_now(seen(bundles, document, tmp_path))
    (authority,) = bundles.instance.trusted_root()["timestampAuthorities"]
    now = datetime.now(UTC)
    authority["validFor"] = period(now - timedelta(days=2), now - timedelta(days=1))
    stranger = Bundles().instance.trusted_root()["timestampAuthorities"]
    for authorities in ([authority], stranger, []):
        with pytest.raises(NotVerified, match="no timestamp in it holds"):
            seen(bundles, document, tmp_path, timestampAuthorities=authorities)


WITHOUT_LOGS: Document = {"tlogs": [], "ctlogs": []}


def test_where_an_instance_keeps_no_logs_timestamps_are_enough(tmp_path: Path) -> None:
    bundles = Bundles(lies={"sct": False})
    document = bundles.envelope(statement(), "")
    assert signer(bundles, document, tmp_path, **WITHOUT_LOGS).identity == IDENTITY
    TrustedRoots(tmp_path / "trusted_root.json").require_usable()
    without = bundles.envelope(statement(), "", stamps=0)
    with pytest.raises(NotVerified, match="nothing says when"):
        signer(bundles, without, tmp_path, **WITHOUT_LOGS)
    material(document)["timestampVerificationData"]["rfc3161Timestamps"] = [bundles.stamp(b"another")]
    with pytest.raises(NotVerified, match="no timestamp in it holds"):
        signer(bundles, document, tmp_path, **WITHOUT_LOGS)


@pytest.mark.parametrize("logs", ["tlogs", "ctlogs"])
def test_where_an_instance_keeps_a_log_it_is_asked_for(logs: str, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), "")
    assert holds(bundles, document, tmp_path, **WITHOUT_LOGS)
    some: Document = {name: [] for name in WITHOUT_LOGS if name != logs}
    with pytest.raises(NotVerified, match="without a log entry"):
        signer(bundles, document, tmp_path, **some)


def test_a_certificate_of_an_instance_without_logs_still_runs_out(tmp_path: Path) -> None:
    bundles = Bundles(lies={"sct": False})
    assert holds(bundles, bundles.envelope(statement(), ""), tmp_path, **WITHOUT_LOGS)
    bundles.lies = {"sct": False, "start": datetime.now(UTC) - timedelta(minutes=15)}
    with pytest.raises(NotVerified, match="not valid"):
        signer(bundles, bundles.envelope(statement(), ""), tmp_path, **WITHOUT_LOGS)


@pytest.mark.parametrize(
    "changes",
    [
        {"tlogs": [], "timestampAuthorities": []},
        {"mediaType": "application/json"},
        {"timestampAuthorities": [{"certChain": {"certificates": []}, "validFor": {"start": "2024-01-01T00:00:00Z"}}]},
    ],
    ids=["nothing tells the time", "another type", "an authority without certificates"],
)
def test_a_root_that_can_prove_nothing_is_a_usage_error(changes: Document, tmp_path: Path) -> None:
    bundles = Bundles()
    TrustedRoots(bundles.trusted_root(tmp_path)).require_usable()
    with pytest.raises(UsageError, match="not a trusted root"):
        TrustedRoots(bundles.trusted_root(tmp_path, **changes)).require_usable()


def test_a_log_that_does_not_say_since_when_it_is_in_use_is_no_log(tmp_path: Path) -> None:
    bundles = Bundles()
    root = bundles.instance.trusted_root()
    del root["tlogs"][0]["publicKey"]["validFor"]["start"]
    with pytest.raises(UsageError, match="since when"):
        TrustedRoots(bundles.trusted_root(tmp_path, tlogs=root["tlogs"])).require_usable()


def test_without_authorities_a_root_tells_the_time_of_keys_alone(tmp_path: Path) -> None:
    by_key, by_certificate = Bundles(by_key=True), Bundles()
    none: Document = {"certificateAuthorities": []}
    assert just_now(seen(by_key, by_key.envelope(statement(), "intoto 0.0.2"), tmp_path, **none))
    document = by_certificate.envelope(statement(), "intoto 0.0.2")
    with pytest.raises(NotVerified, match="no authority"):
        signer(by_certificate, document, tmp_path, **none)
    with pytest.raises(UsageError, match="no certificate authority"):
        TrustedRoots(tmp_path / "trusted_root.json").require_usable()
