"""What a log's entry proves about a signature: nothing, unless it is about this one and the log vouches for it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.trust.identity import NotVerified
from tests.authority import IDENTITY, new_key, text
from tests.sigstore.asking import Change, holds, just_now, material, put, reinclude, seen, signer
from tests.sigstore.bundles import OF_ENVELOPES, Bundles, statement

INTOTO = ("intoto 0.0.1", "intoto 0.0.2")


OTHER_HASH = "0" * 64
OTHER_SIGNATURE = new_key().sign(b"something else", ec.ECDSA(hashes.SHA256()))
OTHER_KEY = new_key().public_key()
OTHER_PEM = text(OTHER_KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
OTHER_DER = text(OTHER_KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
IN_ENVELOPE = ("content", "envelope", "signatures")
IN_V2 = ("hashedRekordV002", "signature")


def once(encoded: str) -> str:
    return base64.b64decode(encoded).decode()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("dsse 0.0.1", put("payloadHash", "value", value=OTHER_HASH)),
        ("dsse 0.0.1", put("signatures", 0, "signature", value=text(OTHER_SIGNATURE))),
        ("dsse 0.0.1", put("signatures", 0, "verifier", value=OTHER_PEM)),
        ("dsse 0.0.1", put("signatures", value=lambda found: found * 2)),
        ("intoto 0.0.1", put("content", "hash", "value", value=OTHER_HASH)),
        ("intoto 0.0.1", put("content", "payloadHash", "value", value=OTHER_HASH)),
        ("intoto 0.0.1", put("publicKey", value=OTHER_PEM)),
        ("intoto 0.0.2", put("content", "payloadHash", "value", value=OTHER_HASH)),
        ("intoto 0.0.2", put("content", "payloadHash", "algorithm", value="sha512")),
        ("intoto 0.0.2", put("content", "envelope", "payloadType", value="text/plain")),
        ("intoto 0.0.2", put("content", "envelope", "payload", value=text(text(b"{}").encode()))),
        ("intoto 0.0.2", put(*IN_ENVELOPE, 0, "sig", value=text(text(OTHER_SIGNATURE).encode()))),
        ("intoto 0.0.2", put(*IN_ENVELOPE, 0, "sig", value=once)),
        ("intoto 0.0.2", put(*IN_ENVELOPE, 0, "publicKey", value=OTHER_PEM)),
        ("intoto 0.0.2", put(*IN_ENVELOPE, value=lambda found: found * 2)),
        ("hashedrekord 0.0.1", put("data", "hash", "value", value=OTHER_HASH)),
        ("hashedrekord 0.0.1", put("signature", "content", value=text(OTHER_SIGNATURE))),
        ("hashedrekord 0.0.1", put("signature", "publicKey", "content", value=OTHER_PEM)),
        ("hashedrekord 0.0.2", put("hashedRekordV002", "data", "digest", value=text(b"0" * 32))),
        ("hashedrekord 0.0.2", put(*IN_V2, "content", value=text(OTHER_SIGNATURE))),
        ("hashedrekord 0.0.2", put(*IN_V2, "verifier", "publicKey", "rawBytes", value=OTHER_DER)),
    ],
)
def test_an_entry_that_differs_in_one_thing_is_about_another_signature(
    kind: str, change: Change, tmp_path: Path
) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(), kind)
    reinclude(bundles, document, lambda _: None)
    assert just_now(seen(bundles, document, tmp_path))
    reinclude(bundles, document, change)
    with pytest.raises(NotVerified, match="another one's"):
        seen(bundles, document, tmp_path)


@pytest.mark.parametrize("by_key", [False, True], ids=["certificate", "key"])
@pytest.mark.parametrize("kind", OF_ENVELOPES)
def test_the_entry_of_another_signature_proves_nothing(kind: str, by_key: bool, tmp_path: Path) -> None:
    bundles = Bundles(by_key=by_key)
    ask: Callable[..., object] = seen if by_key else signer
    document, other = (bundles.envelope(statement(sha256=64 * digit), kind) for digit in "ab")
    assert ask(bundles, document, tmp_path)
    material(document)["tlogEntries"] = material(other)["tlogEntries"]
    with pytest.raises(NotVerified):
        ask(bundles, document, tmp_path)


@pytest.mark.parametrize("by_key", [False, True], ids=["certificate", "key"])
def test_every_entry_of_several_must_be_about_the_signature(by_key: bool, tmp_path: Path) -> None:
    bundles = Bundles(by_key=by_key)
    ask: Callable[..., object] = seen if by_key else signer
    document, other = (bundles.envelope(statement(sha256=64 * digit), "intoto 0.0.2") for digit in "ab")
    entries = material(document)["tlogEntries"]
    entries *= 2
    assert ask(bundles, document, tmp_path)
    entries[1:] = material(other)["tlogEntries"]
    with pytest.raises(NotVerified, match="another one's"):
        ask(bundles, document, tmp_path)
    entries[1:] = entries[:1] * 40
    with pytest.raises(NotVerified, match="more than 32"):
        ask(bundles, document, tmp_path)


@pytest.mark.parametrize("kind", INTOTO)
def test_the_first_bundles_need_a_promise_and_no_proof(kind: str, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind, version="0.1", proof=False, stamps=0)
    assert signer(bundles, document, tmp_path).identity == IDENTITY
    (entry,) = material(document)["tlogEntries"]
    for part in ("integratedTime", "logIndex"):
        changed = {**entry, part: str(int(entry[part]) + 1)}
        material(document)["tlogEntries"] = [changed]
        with pytest.raises(NotVerified, match="SET"):
            signer(bundles, document, tmp_path)
    material(document)["tlogEntries"] = [{name: value for name, value in entry.items() if name != "inclusionPromise"}]
    with pytest.raises(NotVerified, match=r"promise \(SET\), which bundles of v0\.1 need"):
        signer(bundles, document, tmp_path)


@pytest.mark.parametrize("version", ["0.2", "0.3"])
@pytest.mark.parametrize("part", ["inclusionProof", "checkpoint"])
def test_bundles_since_need_a_proof_with_a_checkpoint(part: str, version: str, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), "intoto 0.0.2", version=version)
    (entry,) = material(document)["tlogEntries"]
    assert holds(bundles, document, tmp_path)
    del (entry if part == "inclusionProof" else entry["inclusionProof"])[part]
    with pytest.raises(NotVerified, match=r"which bundles since v0\.2 need"):
        signer(bundles, document, tmp_path)


@pytest.mark.parametrize("by_key", [False, True], ids=["certificate", "key"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("integratedTime", value=lambda found: str(int(found) - 1)), "SET"),
        (put("integratedTime", value="0"), "has no time"),
        (put("integratedTime", value="1e3"), "cannot be read"),
        (put("logIndex", value="77"), "SET"),
        (put("logId", "keyId", value=text(b"0" * 32)), "does not know"),
        (put("inclusionPromise", "signedEntryTimestamp", value=text(OTHER_SIGNATURE)), "SET"),
        (put("canonicalizedBody", value=text(b"[]")), "cannot be read"),
        (put("kindVersion", "version", value="0.0.1"), "another kind"),
        (put("inclusionProof", "hashes", value=lambda found: found[:-1]), "wrong size"),
        (put("inclusionProof", "hashes", 0, value=text(b"0" * 32)), "root hash"),
        (put("inclusionProof", "rootHash", value=text(b"0" * 32)), "root hash"),
        (put("inclusionProof", "logIndex", value="0"), "does not hold"),
        (put("inclusionProof", "checkpoint", "envelope", value=lambda found: "x" + found), "invalid signature"),
        (put("inclusionProof", "checkpoint", "envelope", value="rubbish"), "does not hold"),
        (put("unheardOf", value=lambda _: 1), "does not hold"),
    ],
)
def test_an_entry_that_the_log_does_not_vouch_for_is_refused(
    change: Change, said: str, by_key: bool, tmp_path: Path
) -> None:
    bundles = Bundles(by_key=by_key)
    ask: Callable[..., object] = seen if by_key else signer
    document = bundles.envelope(statement(), "intoto 0.0.2")
    (entry,) = material(document)["tlogEntries"]
    assert ask(bundles, document, tmp_path)
    entry["unheardOf"] = None
    change(entry)
    if entry["unheardOf"] is None:
        del entry["unheardOf"]
    with pytest.raises(NotVerified, match=said):
        ask(bundles, document, tmp_path)


def test_a_checkpoint_of_another_log_is_refused(tmp_path: Path) -> None:
    bundles, stranger = Bundles(by_key=True), Bundles(by_key=True)
    stranger.key = bundles.key
    document, other = (one.envelope(statement(), "intoto 0.0.2") for one in (bundles, stranger))
    (entry,), (foreign,) = material(document)["tlogEntries"], material(other)["tlogEntries"]
    del entry["inclusionPromise"]
    assert just_now(seen(bundles, document, tmp_path))
    entry["inclusionProof"] = foreign["inclusionProof"]
    with pytest.raises(NotVerified, match="does not hold"):
        seen(bundles, document, tmp_path)


@pytest.mark.parametrize("by_key", [False, True], ids=["certificate", "key"])
def test_a_proof_for_a_tree_of_another_size_than_the_checkpoints_is_refused(by_key: bool, tmp_path: Path) -> None:
    """One path leads to one root in trees of two sizes; the log signed one of them."""
    bundles = Bundles(by_key=by_key)
    ask: Callable[..., object] = seen if by_key else signer
    document = bundles.envelope(statement(), "dsse 0.0.1")
    proof = material(document)["tlogEntries"][0]["inclusionProof"]
    log, root = bundles.instance.log_v1, base64.b64decode(proof["rootHash"])
    assert (proof["logIndex"], proof["treeSize"]) == ("1", "2")
    assert ask(bundles, document, tmp_path)
    proof["checkpoint"]["envelope"] = log.checkpoint(3, root)
    with pytest.raises(NotVerified, match="of another size"):
        ask(bundles, document, tmp_path)
