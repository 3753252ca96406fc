"""`attest inspect` on layouts of other projects, against what they say of them and what stands in their blobs.

Written by hand from each project's own expectations (CASES.tsv) and documents; the data is not part of this project.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from attest.cli.main import main

CORPORA: Final = os.environ.get("ATTEST_CORPORA", "")
pytestmark = pytest.mark.skipif(not CORPORA, reason="ATTEST_CORPORA is unset")

SPDX: Final = "https://spdx.dev/Document"
SLSA_V02: Final = "https://slsa.dev/provenance/v0.2"
CONTAINER_GENERATOR: Final = (
    "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml"
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a layout must show: of its root, of each platform, and of what names the index alone."""

    layout: str
    digest: str
    platforms: dict[str, str]
    embedded: tuple[str, ...] = ()
    source: dict[str, dict[str, str]] = field(default_factory=dict)
    mode: str = ""
    builder: str = ""
    of_the_index: dict[str, Any] = field(default_factory=dict)


def by(who: str, **facts: str) -> dict[str, dict[str, str]]:
    return {fact: {"value": value, "vouchedBy": who} for fact, value in facts.items()}


SLSA_VERIFIER: Final = "slsa-verifier/cli/slsa-verifier/testdata/gha_generic_container"
LAYOUTS: Final = (
    Expected(
        layout="docker-attest/test/testdata/unsigned-index",
        digest="sha256:db8f2a6e112ea6396f57d073269ecfac61e8dcdad3a4a643dcb577522492f898",
        platforms={
            "linux/amd64": "sha256:da8b190665956ea07890a0273e2a9c96bfe291662f08e2860e868eef69c34620",
            "linux/arm64": "sha256:7a76cec943853f9f7105b1976afa1bf7cd5bb6afc4e9d5852dd8da7cf81ae86e",
        },
        embedded=(SPDX, SLSA_V02),
        source=by(
            "client",
            repository="git@github.com:docker/image-signer-verifier.git",
            commit="ba33451b352942e366f12662f2c3a0c8ac54d696",
        ),
        mode="max",
    ),
    Expected(
        layout="docker-attest/test/testdata/unsigned-image",
        digest="sha256:7ae6b41655929ad8e1848064874a98ac3f68884996c79907f6525e3045f75390",
        platforms={"linux/amd64": "sha256:7ae6b41655929ad8e1848064874a98ac3f68884996c79907f6525e3045f75390"},
    ),
    Expected(
        layout=f"{SLSA_VERIFIER}/v1.6.0/container_workflow_dispatch",
        digest="sha256:0159a9079cf264809b03fef298492057b31d221c4d22211730942877caa658a1",
        platforms={"linux/amd64": "sha256:7cd9684be65e37236fb3580a327fab44f225d22bc1b8f9ab8fa08c9b85f055ec"},
        embedded=(SLSA_V02,),
        source=by(
            "builder",
            repository="https://github.com/slsa-framework/example-package.git",
            commit="c14c546e54940a410195ede9aa0e7ee2ef1e16d0",
            ref="c14c546e54940a410195ede9aa0e7ee2ef1e16d0",
        ),
        mode="max",
        builder="https://github.com/slsa-framework/example-package/actions/runs/5063709022",
        of_the_index={
            "builder": f"{CONTAINER_GENERATOR}@refs/tags/v1.6.0",
            "commit": "c14c546e54940a410195ede9aa0e7ee2ef1e16d0",
            "ref": "refs/heads/main",
        },
    ),
    Expected(
        layout=f"{SLSA_VERIFIER}/v2.0.0/container_workflow_dispatch",
        digest="sha256:55aee984fd6b1d0e0a19a55265d10d40063a2212bdbabd75b202b1728236548d",
        platforms={"linux/amd64": "sha256:5fa774f16f1c8f4dfa3aa916a3ac9b81e6c59be9339489967d908901770ba530"},
        embedded=(SLSA_V02,),
        source=by(
            "builder",
            repository="https://github.com/slsa-framework/example-package.git",
            commit="693130cb6cb840a7bc9cb18c6510d536a95dc7e6",
            ref="693130cb6cb840a7bc9cb18c6510d536a95dc7e6",
        ),
        mode="min",
        of_the_index={
            "builder": f"{CONTAINER_GENERATOR}@refs/tags/v2.0.0",
            "object": "693130cb6cb840a7bc9cb18c6510d536a95dc7e6",
            "ref": "refs/tags/v13.0.30",
        },
    ),
)

each_layout = pytest.mark.parametrize("expected", LAYOUTS, ids=lambda expected: expected.layout)


def shown_of(expected: Expected) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["inspect", "--format", "json", f"oci-layout:{Path(CORPORA, expected.layout)}"]) == 0
    shown: dict[str, Any] = json.loads(out.getvalue())
    return shown


@each_layout
def test_the_image_is_found_without_a_name(expected: Expected) -> None:
    """Blobs of earlier runs lie there as well, and signatures are no images."""
    shown = shown_of(expected)
    assert shown["digest"] == expected.digest
    assert {platform["platform"]: platform["digest"] for platform in shown["platforms"]} == expected.platforms
    assert shown["problems"] == []


@each_layout
def test_what_buildkit_embedded_is_read(expected: Expected) -> None:
    for platform in shown_of(expected)["platforms"]:
        types = tuple(attestation["predicateType"] for attestation in platform["attestations"])
        assert types == expected.embedded
        assert not any(attestation["signed"] for attestation in platform["attestations"])
        for attestation in platform["attestations"]:
            assert attestation["subjects"] == [platform["digest"]]
        for provenance in platform["provenance"]:
            assert provenance["source"] == expected.source
            assert provenance["mode"] == expected.mode
            assert provenance.get("builder", "") == expected.builder
        assert len(platform["provenance"]) == (SLSA_V02 in expected.embedded)


@each_layout
def test_what_cosign_attested_of_the_index_is_found_under_its_tag(expected: Expected) -> None:
    shown = shown_of(expected)
    if not expected.of_the_index:
        assert shown["attestations"] == []
        return
    (attestation,), (provenance,) = shown["attestations"], shown["provenance"]
    assert attestation["signed"]
    assert attestation["subjects"] == [expected.digest]
    assert [(place["found"], place["on"]) for place in attestation["places"]] == [("cosign-tag", expected.digest)]
    assert provenance["builder"] == expected.of_the_index["builder"]
    said = {fact: claim["value"] for fact, claim in provenance["source"].items()}
    facts = {fact: value for fact, value in expected.of_the_index.items() if fact != "builder"}
    assert said == {**facts, "repository": "https://github.com/slsa-framework/example-package"}
