"""The benchmark of many bundles runs, and names everybody whom it measured."""

from __future__ import annotations

import re

import pytest

from attest.evidence.provenance import SLSA_V1
from attest.trust.signatures import Trust
from attest.trust.signing.statements import sign_statement
from bench import bundles
from tests import images

ROW = re.compile(r"^  (.+?) +([0-9.]+) +([0-9.]+) x$", re.MULTILINE)


def test_each_way_of_signing_is_measured_beside_its_peers(capsys: pytest.CaptureFixture[str]) -> None:
    bundles.main(2)

    said = capsys.readouterr().out.split("\n\n")
    assert said[0] == "2 bundles"
    peers = {part.splitlines()[0].partition("  ")[0]: [row[0] for row in ROW.findall(part)] for part in said[1:4]}
    cosign = ["cosign, a process each"] if bundles.COSIGN.exists() else []
    assert peers == {
        "key": ["attest", "cryptography alone", *cosign],
        "keyless, Rekor v1": ["attest", "sigstore's Verifier", *cosign],
        "keyless, Rekor v2 and a timestamp": ["attest", "sigstore's Verifier", *cosign],
    }


def test_the_ratio_is_ours_to_theirs() -> None:
    assert ROW.findall(bundles.table("key", {"attest": 3.0, "a peer": 2.0})) == [
        ("attest", "3.000", "1.00"),
        ("a peer", "2.000", "1.50"),
    ]


def test_a_bundle_that_does_not_verify_is_no_figure() -> None:
    key, other = images.new_key(), images.new_key()
    verify = bundles.with_attest(Trust((key.public,)))
    (statement,) = bundles.statements(1)

    verify(sign_statement(statement, SLSA_V1, key).content)
    with pytest.raises(AssertionError, match="other-key"):
        verify(sign_statement(statement, SLSA_V1, other).content)
