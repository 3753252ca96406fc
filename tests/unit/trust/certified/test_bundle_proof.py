"""Bundles of every shape: by whose certificate or key, and when."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attest.errors import UsageError
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import NotVerified
from tests.authority import IDENTITY, ISSUER, new_key, text
from tests.sigstore.asking import holds, just_now, material, parsed, seen, signer
from tests.sigstore.bundles import FILE, OF_ENVELOPES, OF_FILES, Bundles, Document, statement

INTOTO = ("intoto 0.0.1", "intoto 0.0.2")


@pytest.mark.parametrize("kind", OF_ENVELOPES)
@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_an_envelope_is_verified_by_its_certificate_whatever_the_log_keeps_of_it(
    kind: str, version: str, tmp_path: Path
) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind, version=version)
    if kind == "hashedrekord 0.0.2" and version == "0.1":  # Rekor v2 promises nothing
        with pytest.raises(NotVerified):
            signer(bundles, document, tmp_path)
        return
    found = signer(bundles, document, tmp_path)
    assert (found.identity, found.issuer) == (IDENTITY, ISSUER)
    assert found.not_after - found.not_before == timedelta(minutes=10)
    assert just_now(found.not_before)


@pytest.mark.parametrize("kind", OF_FILES)
@pytest.mark.parametrize("version", ["0.2", "0.3"])
def test_a_signature_over_a_file_is_verified_by_its_certificate(kind: str, version: str, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.file(kind=kind, version=version)
    assert signer(bundles, document, tmp_path).identity == IDENTITY


@pytest.mark.parametrize("kind", OF_ENVELOPES)
@pytest.mark.parametrize("stamps", [0, 1])
def test_the_time_of_a_keys_signature_is_what_log_and_authority_say(kind: str, stamps: int, tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    at = seen(bundles, bundles.envelope(statement(), kind, stamps=stamps), tmp_path)
    if kind == "hashedrekord 0.0.2" and not stamps:  # Rekor v2 tells no time
        assert at is None
    else:
        assert just_now(at)


@pytest.mark.parametrize("kind", OF_FILES)
def test_the_time_of_a_keys_signature_over_a_file_is_known_too(kind: str, tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    assert just_now(seen(bundles, bundles.file(kind=kind), tmp_path))


def test_of_several_times_the_first_counts(tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    bundles.instance.log_v1.late = 3600
    logged = seen(bundles, bundles.envelope(statement(), "intoto 0.0.2", stamps=0), tmp_path)
    assert logged is not None
    assert not just_now(logged)
    assert just_now(seen(bundles, bundles.envelope(statement(), "intoto 0.0.2"), tmp_path))


def test_a_key_without_log_and_timestamps_has_no_time(tmp_path: Path) -> None:
    bundles = Bundles(by_key=True)
    document = bundles.envelope(statement(), "", stamps=0)
    assert seen(bundles, document, tmp_path) is None
    document["verificationMaterial"] = {"publicKey": {}}  # what is empty, protobuf's JSON may leave out
    assert TrustedRoots(tmp_path / "missing.json").time_of(parsed(document), bundles.public) is None


@pytest.mark.parametrize("kind", ["dsse 0.0.1", "intoto 0.0.2"])
def test_a_certificate_that_was_not_valid_when_the_log_saw_it_is_refused(kind: str, tmp_path: Path) -> None:
    bundles = Bundles()
    assert holds(bundles, bundles.envelope(statement(), kind, stamps=0), tmp_path)
    bundles.lies = {"start": datetime.now(UTC) - timedelta(minutes=15)}
    with pytest.raises(NotVerified, match="not valid"):
        signer(bundles, bundles.envelope(statement(), kind, stamps=0), tmp_path)


@pytest.mark.parametrize("kind", INTOTO)
@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"sct": False}, "no certificate log"),
        ({"sct_key": new_key()}, "does not know"),
        ({"eku": [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]}, "not for code signing"),
        ({"ca": True}, "an authority.s own"),
        ({"signer": new_key()}, "no authority"),
        ({"names": [x509.UniformResourceIdentifier("https://a.test"), x509.DNSName("b.test")]}, "2 names"),
    ],
    ids=["no SCT", "another certificate log", "another purpose", "an authority's", "self-made", "two names"],
)
def test_a_certificate_that_is_not_the_authoritys_for_signing_is_refused(
    lies: Document, said: str, kind: str, tmp_path: Path
) -> None:
    bundles = Bundles()
    assert holds(bundles, bundles.envelope(statement(), kind), tmp_path)
    bundles.lies = lies
    with pytest.raises(NotVerified, match=said):
        signer(bundles, bundles.envelope(statement(), kind), tmp_path)


def test_a_signature_of_another_key_than_the_certificates_is_refused(tmp_path: Path) -> None:
    bundles = Bundles()
    assert holds(bundles, bundles.envelope(statement(), "intoto 0.0.2"), tmp_path)
    bundles.lies = {"key": new_key()}
    with pytest.raises(NotVerified, match="does not hold"):
        signer(bundles, bundles.envelope(statement(), "intoto 0.0.2"), tmp_path)


@pytest.mark.parametrize("kind", ["dsse 0.0.1", "intoto 0.0.2"])
def test_an_authority_that_comes_with_the_bundle_is_not_believed(kind: str, tmp_path: Path) -> None:
    bundles, stranger = Bundles(), Bundles()
    document = bundles.envelope(statement(), kind, version="0.2")
    authority = {"rawBytes": text(stranger.instance.authority.root.public_bytes(Encoding.DER))}
    material(document)["x509CertificateChain"]["certificates"].append(authority)
    assert holds(bundles, document, tmp_path)
    bundles.instance.authority.certify = stranger.instance.authority.certify  # type: ignore[method-assign]
    document = bundles.envelope(statement(), kind, version="0.2")
    material(document)["x509CertificateChain"]["certificates"].append(authority)
    with pytest.raises(NotVerified, match=r"no authority|failed to build"):
        signer(bundles, document, tmp_path)


@pytest.mark.parametrize("kind", ["dsse 0.0.1", "intoto 0.0.2"])
def test_an_envelope_of_another_type_holds_no_statement(kind: str, tmp_path: Path) -> None:
    bundles = Bundles()
    assert holds(bundles, bundles.envelope(statement(), kind), tmp_path)
    with pytest.raises(NotVerified, match="not the statement"):
        signer(bundles, bundles.envelope(statement(), kind, payload_type="application/json"), tmp_path)


@pytest.mark.parametrize("kind", INTOTO)
def test_a_changed_payload_is_refused(kind: str, tmp_path: Path) -> None:
    bundles = Bundles()
    document = bundles.envelope(statement(), kind)
    assert holds(bundles, document, tmp_path)
    document["dsseEnvelope"]["payload"] = text(statement(sha256="b" * 64))
    with pytest.raises(NotVerified, match="another one's"):
        signer(bundles, document, tmp_path)


def test_a_certificate_where_another_version_has_it_is_refused(tmp_path: Path) -> None:
    bundles = Bundles()
    document, older = (bundles.envelope(statement(), "intoto 0.0.2", version=version) for version in ("0.3", "0.2"))
    assert holds(bundles, document, tmp_path)
    assert holds(bundles, older, tmp_path)
    certificate, chain = material(document)["certificate"], material(older)["x509CertificateChain"]
    for wrong, here in ((document, older), (older, document)):
        wrong["mediaType"], wrong["was"] = here["mediaType"], wrong["mediaType"]
        with pytest.raises(NotVerified, match="is not where bundles of v"):
            signer(bundles, {name: value for name, value in wrong.items() if name != "was"}, tmp_path)
        wrong["mediaType"] = wrong.pop("was")
    for more in ({"x509CertificateChain": chain}, {"publicKey": {"hint": ""}}):
        with pytest.raises(NotVerified, match="more than one"):
            signer(bundles, {**document, "verificationMaterial": {**material(document), **more}}, tmp_path)
    assert certificate


def test_a_check_with_keys_alone_loads_nothing_of_sigstore(tmp_path: Path) -> None:
    """Unless there is a log's proof to look at, and a root was given."""
    bundles = Bundles(by_key=True)
    (tmp_path / "key.pub").write_bytes(bundles.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "file").write_bytes(FILE)
    program = """
import sys
from pathlib import Path
from attest.evidence.bundle import parse_any_bundle
from attest.reference import Digest
from attest.trust.artifacts import who_signed_artifact
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.keys import load_public_key
from attest.trust.signatures import Trust
folder, roots = Path(sys.argv[1]), sys.argv[2:]
bundle = parse_any_bundle((folder / "bundle.json").read_bytes(), "a bundle")
trust = Trust((load_public_key(str(folder / "key.pub"), {}),), (), TrustedRoots(Path(roots[0])) if roots else None)
who_signed_artifact(bundle, Digest.of((folder / "file").read_bytes()), trust)
print("sigstore" in sys.modules)
"""

    def loads_sigstore(document: Document, *roots: str) -> bool:
        (tmp_path / "bundle.json").write_text(json.dumps(document))
        command = [sys.executable, "-c", program, str(tmp_path), *roots]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3], check=True)
        return done.stdout.strip() == "True"

    root = str(bundles.trusted_root(tmp_path))
    assert not loads_sigstore(bundles.file())
    assert not loads_sigstore(bundles.file(kind="", stamps=0), root)
    assert loads_sigstore(bundles.file(), root)


@pytest.mark.parametrize("kind", OF_ENVELOPES)
def test_the_first_entry_of_a_log_comes_without_a_number(kind: str, tmp_path: Path) -> None:
    """Go's and JavaScript's writers omit what is zero or empty."""
    bundles = Bundles()
    for log in (bundles.instance.log_v1, bundles.instance.log_v2):
        log.tree.leaves.clear()
    document = bundles.envelope(statement(), kind)
    (entry,) = document["verificationMaterial"]["tlogEntries"]
    proof = entry["inclusionProof"]
    assert (int(entry.pop("logIndex")), int(proof.pop("logIndex")), proof.pop("hashes")) == (0, 0, [])

    assert signer(bundles, document, tmp_path).identity == IDENTITY

    proof["treeSize"] = "2"
    with pytest.raises(NotVerified):
        signer(bundles, document, tmp_path)


def test_a_certificate_whose_issuer_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """It is parsed when somebody asks for it, which was once behind the refusal, for its hint."""
    bundles = Bundles()
    document = bundles.envelope(statement())
    held = document["verificationMaterial"]["certificate"]
    der = base64.b64decode(held["rawBytes"])
    names = x509.load_der_x509_certificate(der).issuer
    written = names.public_bytes()
    at = written.rfind(str(next(iter(names)).value).encode()) - 2
    spoilt = written[:at] + b"\x1e" + written[at + 1 :]
    held["rawBytes"] = text(der.replace(written, spoilt))

    with pytest.raises(NotVerified):
        signer(bundles, document, tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda root: root.update(tlogs="none", ctlogs=None),
        lambda root: root["tlogs"][0]["publicKey"]["validFor"].update(end=5),
        lambda root: root["certificateAuthorities"][0]["validFor"].update(end=["2020-01-01T00:00:00Z"]),
    ],
)
def test_a_trusted_root_of_which_a_part_is_something_else_is_none(
    spoil: Callable[[Document], None], tmp_path: Path
) -> None:
    bundles = Bundles()
    path = bundles.trusted_root(tmp_path)
    TrustedRoots(path).require_usable()
    root = json.loads(path.read_text())
    spoil(root)
    path.write_text(json.dumps(root))

    with pytest.raises(UsageError):
        TrustedRoots(path).require_usable()
