"""The cases of sigstore-conformance, sigstore-go and sigstore-python, judged as their own tests judge them.

What their tests ask of a policy that the protocol has no words for is named in BEYOND_THE_PROTOCOL.
"""

from __future__ import annotations

import base64
import csv
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from attest.evidence.bundle import parse_any_bundle
from attest.evidence.certificate import claimed_identity
from attest.reference import Digest
from attest.trust.artifacts import who_signed_artifact
from attest.trust.certified.certificates import TrustedRoots
from attest.trust.identity import NotVerified
from attest.trust.keys import load_public_key
from attest.trust.scope import Scope
from attest.trust.signatures import Trust
from tests.conformance.client import identity, verify

CORPORA: Final = os.environ.get("ATTEST_CORPORA", "")
pytestmark = pytest.mark.skipif(not CORPORA, reason="ATTEST_CORPORA is unset")

Row = dict[str, str]

BEACON: Final = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/"
    ".github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
GITHUB: Final = "https://token.actions.githubusercontent.com"
PRODUCTION: Final = Path(CORPORA, "trusted-roots/production/trusted_root.json")
STAGING: Final = Path(CORPORA, "trusted-roots/staging/trusted_root.json")

# Policies of sigstore-go: how much of something a verifier asks for. A client of the protocol is told of no numbers.
BEYOND_THE_PROTOCOL: Final = {
    "tlog threshold 2": "asks for entries in two logs",
    "signed timestamps 1": "asks for a timestamp authority's word where the log tells the time",
}


def rows(project: str) -> list[Row]:
    if not CORPORA:
        return []
    return list(csv.DictReader(Path(CORPORA, project, "CASES.tsv").read_text().splitlines(), delimiter="\t"))


def name(row: Row) -> str:
    path = Path(row["path"])
    return path.parent.name if path.name == "bundle.sigstore.json" else path.name


def passes(row: Row) -> bool:
    verdict = row["expected"].split()[0]
    assert verdict in ("PASS", "FAIL")
    return verdict == "PASS"


@pytest.mark.parametrize("digest", [False, True], ids=["file", "digest"])
@pytest.mark.parametrize("row", rows("sigstore-conformance"), ids=name)
def test_a_case_of_sigstore_conformance(row: Row, digest: bool) -> None:
    bundle = Path(CORPORA, "sigstore-conformance", row["path"])
    assert row["trusted_root"] in ("own", "production")
    root = bundle.with_name("trusted_root.json") if row["trusted_root"] == "own" else PRODUCTION
    assert row["identity"] in ("default beacon identity", "")
    who = ("--key", bundle.with_name(row["key"])) if row["key"] else identity(BEACON, row["issuer"])
    artifact = (bundle.parent / row["artifact"]).resolve(strict=True)
    assert verify(bundle, artifact, *who, root=root, digest=digest) is passes(row)


def certified(bundle: Path) -> tuple[str, ...]:
    """Whom its certificate names: what these cases are about is not the identity."""
    found = claimed_identity(parse_any_bundle(bundle.read_bytes(), str(bundle)).certificate or b"")
    return identity(found.name or "nobody", found.issuer or "nobody")


def subject(bundle: Path) -> str:
    """The digest that its statement is about, where a case names no file."""
    payload = json.loads(base64.b64decode(json.loads(bundle.read_bytes())["dsseEnvelope"]["payload"]))
    ((algorithm, value),) = payload["subject"][0]["digest"].items()
    return f"{algorithm}:{value}"


GO_IDENTITIES: Final = {
    "issuer=GH actions, SAN ^https://github.com/sigstore/sigstore-js": None,
    "SAN BadSANValue": ("BadSANValue", GITHUB),
    "issuer http://oidc.local:8080 SAN foo!oidc.local": ("foo!oidc.local", "http://oidc.local:8080"),
    "SAN foo@oidc.local": ("foo@oidc.local", "http://oidc.local:8080"),
}
GO_FILES: Final = {"-": "", "same": "sha256:bc103b4a84971ef6459b294a2b98568a2bfb72cded09d4acd1e16366a401f95b"}


@pytest.mark.parametrize("row", rows("sigstore-go"), ids=lambda row: f"{name(row)} {row['policy']}")
def test_a_case_of_sigstore_go(row: Row) -> None:
    if row["policy"] == "key":
        assert a_key_outside_its_time(row) is passes(row)
        return
    bundle = Path(CORPORA, "sigstore-go", row["path"])
    root = bundle.parents[1] / "trusted-roots" / f"{row['trusted_root']}.json"
    expected = GO_IDENTITIES.get(row["policy"])
    who = identity(*expected) if expected else certified(bundle)
    artifact = GO_FILES.get(row["artifact"], row["artifact"]) or subject(bundle)
    # What fails for a threshold alone is good without it: such a row is an exception, and it is known which.
    assert verify(bundle, artifact, *who, root=root) is (row["policy"] in BEYOND_THE_PROTOCOL or passes(row))


def a_key_outside_its_time(row: Row) -> bool:
    """A key that is believed for a time is not something that the protocol has words for; the door for files has."""
    data = Path(CORPORA, "sigstore-go/pkg/testing/data")
    key = load_public_key(str(data / "public-keys/public-key-validity.pem"), {})
    bundle = parse_any_bundle(Path(CORPORA, "sigstore-go", row["path"]).read_bytes(), "a bundle")
    roots = TrustedRoots(data / "trusted-roots/public-key-validity.json")
    content = b"test content"

    def judge(start: datetime, end: datetime) -> bool:
        trust = Trust((type(key)(key.name, key.key, Scope(not_before=start, not_after=end)),), (), roots)
        try:
            who_signed_artifact(bundle, Digest.of(content), trust, content)
        except NotVerified as error:
            assert "is believed only" in str(error)  # noqa: PT017 - for this and no other reason
            return False
        return True

    epoch = datetime.fromtimestamp(0, UTC)
    stamped = roots.time_of(bundle, key)
    assert stamped is not None
    assert judge(epoch, stamped)
    return judge(epoch, datetime.fromtimestamp(1, UTC))


@pytest.fixture
def staging_with_authority(tmp_path: Path) -> Path:
    """Staging's trusted root, and beside its timestamp authority the one of sigstore-python's tests."""
    root = json.loads(STAGING.read_text())
    root["timestampAuthorities"].append(
        json.loads(Path(CORPORA, "sigstore-python/test/assets/tsa/ca.json").read_text())
    )
    path = tmp_path / "trusted_root.json"
    path.write_text(json.dumps(root))
    return path


@pytest.mark.parametrize("row", rows("sigstore-python"), ids=name)
def test_a_case_of_sigstore_python(row: Row, staging_with_authority: Path) -> None:
    bundle = Path(CORPORA, "sigstore-python", row["path"])
    root = {"production": PRODUCTION, "staging": STAGING, "-": STAGING}.get(row["trust"], staging_with_authority)
    artifact: str | Path = Path(CORPORA, "sigstore-python/test/assets", row["artifact"])
    if row["artifact"] == "(dsse)":
        artifact = subject(bundle)
    elif not row["artifact"]:
        artifact = bundle.with_name(bundle.name.partition(".sigstore")[0])
    who = identity("nobody", "nobody") if "invalid_version" in bundle.name else certified(bundle)
    assert isinstance(artifact, str) or artifact.is_file()
    assert verify(bundle, artifact, *who, root=root) is passes(row)


def test_all_cases_are_there_and_two_are_beyond_the_protocol() -> None:
    assert [len(rows(project)) for project in ("sigstore-conformance", "sigstore-go", "sigstore-python")] == [
        34,
        10,
        16,
    ]
    assert {row["policy"] for row in rows("sigstore-go")} >= set(BEYOND_THE_PROTOCOL)
    assert len(BEYOND_THE_PROTOCOL) == 2
