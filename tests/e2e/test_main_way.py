"""The main way: built at an annotated tag, signed, attached, verified; and strangers with cosign see the same.

Everything here is asked of one image on each kind of registry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from attest.cli.demo import OTHER_COMMIT
from tests.cli.layouts import write_key_pair
from tests.e2e import pushed, samples, stand
from tests.e2e.attest_command import Attest, Report

SIGNATURE: Final = "https://sigstore.dev/cosign/sign/v1"
STATEMENTS: Final = {
    "https://slsa.dev/provenance/v1",
    "https://cyclonedx.org/bom",
    "https://oci-attest.github.io/predicates/ci-job/v1",
}
KINDS: Final = {"slsaprovenance1": "https://slsa.dev/provenance/v1", "cyclonedx": "https://cyclonedx.org/bom"}


@dataclass(frozen=True, slots=True)
class Published:
    """One image: as people name it, its index, and the manifest of its only platform."""

    tag: str
    index: str
    platform: str
    embedded: bytes  # BuildKit's statement about the provenance

    @property
    def names(self) -> tuple[str, ...]:
        return self.tag, self.platform


@pytest.fixture(scope="module", params=["registry", "referrers_registry"])
def published(request: pytest.FixtureRequest, attest: Attest, checkout: samples.Repository) -> Published:
    tag = f"{request.getfixturevalue(request.param)}/acme/app:1.0.0"
    index = attest.build(tag, ".", cwd=checkout.path)
    name = tag.rpartition(":")[0]
    platform, attestations = pushed.manifest(index)["manifests"]
    statement = pushed.manifest(f"{name}@{attestations['digest']}")["layers"][0]
    return Published(tag, index, f"{name}@{platform['digest']}", pushed.blob(f"{name}@{statement['digest']}"))


def expected_source(checkout: samples.Repository, **changed: str) -> list[str]:
    """What the gate expects, as options; `commit=…` expects something else."""
    facts = {"repository": samples.ORIGIN.removesuffix(".git"), "commit": checkout.commit, "tag": "v1.0.0", **changed}
    return [word for fact, value in facts.items() for word in (f"--source-{fact}", value)]


def predicate_text(statement: bytes) -> bytes:
    """BuildKit and attest write the predicate last; what it is, to the byte, is between its name and the last brace."""
    return statement.partition(b'"predicate":')[2].strip().removesuffix(b"}").strip()


# --- the gate ---------------------------------------------------------------------------------------------------------


def verdict_of(report: Report) -> tuple[int, set[str], set[str]]:
    return report.code, report.those("failed"), report.those("unknown")


@pytest.mark.parametrize("name", ["tag", "index", "platform"])
def test_the_gate_passes_the_right_source(
    attest: Attest, published: Published, checkout: samples.Repository, name: str
) -> None:
    report = attest.verify(getattr(published, name), *expected_source(checkout))

    assert verdict_of(report) == (0, set(), set())
    assert report.those("passed") >= {"signer.identity", "source.repository", "source.commit", "source.tag"}
    assert report.document["image"]["reference"] == getattr(published, name)


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({"commit": OTHER_COMMIT}, "source.commit"),
        ({"tag": "v0.9.0"}, "source.tag"),
        ({"repository": "https://git.example.test/acme/other"}, "source.repository"),
        ({"repository": "https://git.example.invalid/acme/app"}, "source.repository"),
    ],
    ids=["commit", "tag", "repository", "host"],
)
def test_the_gate_refuses_another_source(
    attest: Attest, published: Published, checkout: samples.Repository, changed: Mapping[str, str], failed: str
) -> None:
    report = attest.verify(published.tag, *expected_source(checkout, **changed))

    assert verdict_of(report) == (1, {failed}, set())
    assert report.reasons() == {f"other-{failed.removeprefix('source.')}"}


def test_the_gate_refuses_the_commit_before(attest: Attest, published: Published, checkout: samples.Repository) -> None:
    report = attest.verify(published.tag, "--source-commit", checkout.older_commit)

    assert verdict_of(report) == (1, {"source.commit"}, set())


def test_the_gate_refuses_another_key(
    attest: Attest, published: Published, checkout: samples.Repository, tmp_path: Path
) -> None:
    write_key_pair(tmp_path / "other")

    report = attest.verify(published.tag, *expected_source(checkout), key=tmp_path / "other.pub")

    assert (report.code, report.those("failed")) == (1, {"signer.identity"})
    assert report.those("unknown") == {"source.repository", "source.commit", "source.tag"}


def test_the_gate_is_asked_in_vain_for_nothing(attest: Attest, published: Published) -> None:
    report = attest.verify(published.tag)

    assert verdict_of(report) == (3, set(), {"source.expected"})


# --- strangers --------------------------------------------------------------------------------------------------------


def test_cosign_verifies_the_image(cosign: stand.Cosign, published: Published) -> None:
    found = {claim["critical"]["type"]: claim["critical"]["image"] for claim in cosign.verify(published.tag)}

    assert set(found) == {SIGNATURE, *STATEMENTS}
    assert published.index.endswith(f"@{found[SIGNATURE]['docker-manifest-digest']}")


def test_cosign_accepts_the_platform_for_what_was_said_about_it(cosign: stand.Cosign, published: Published) -> None:
    # The image signature is over the index: what cosign goes by here are the statements.
    assert {claim["critical"]["type"] for claim in cosign.verify(published.platform)} == STATEMENTS


@pytest.mark.parametrize("kind", KINDS)
def test_cosign_verifies_what_is_attested(cosign: stand.Cosign, published: Published, kind: str) -> None:
    by_tag, by_platform = (cosign.verify_attestation(kind, name) for name in published.names)

    assert by_tag == by_platform
    (statement,) = map(json.loads, by_tag)
    assert statement["predicateType"] == KINDS[kind]
    digests = [subject["digest"]["sha256"] for subject in statement["subject"]]
    assert digests == [name.partition("@sha256:")[2] for name in (published.index, published.platform)]


def test_the_provenance_is_what_buildkit_embedded_to_the_byte(cosign: stand.Cosign, published: Published) -> None:
    embedded = predicate_text(published.embedded)
    assert json.loads(embedded)["runDetails"]["metadata"]["buildkit_metadata"]["vcs"]

    (statement,) = cosign.verify_attestation("slsaprovenance1", published.tag)

    assert predicate_text(statement) == embedded


def test_the_sbom_is_what_attest_sbom_prints_to_the_byte(
    attest: Attest, cosign: stand.Cosign, published: Published
) -> None:
    printed = attest.run("sbom", published.tag)

    (statement,) = cosign.verify_attestation("cyclonedx", published.tag)

    assert printed.code == 0
    assert predicate_text(statement).decode() == printed.out.strip()


def test_cosign_refuses_another_key(cosign: stand.Cosign, published: Published, tmp_path: Path) -> None:
    write_key_pair(tmp_path / "other")
    other = tmp_path / "other.pub"

    for name in published.names:
        with pytest.raises(AssertionError, match="accepted signatures do not match"):
            cosign.verify(name, other)
        for kind in KINDS:
            with pytest.raises(AssertionError, match="accepted signatures do not match"):
                cosign.verify_attestation(kind, name, other)


def test_cosign_finds_nothing_that_was_not_attested(cosign: stand.Cosign, published: Published) -> None:
    with pytest.raises(AssertionError, match="none of the attestations matched the predicate type: spdxjson"):
        cosign.verify_attestation("spdxjson", published.tag)


# --- again ------------------------------------------------------------------------------------------------------------


def test_signing_again_attaches_nothing_new(attest: Attest, published: Published, checkout: samples.Repository) -> None:
    def sign() -> list[list[str]]:
        done = attest.run("sign", published.index, "--key", attest.key, *expected_source(checkout))
        assert done.code == 0, done
        return [sorted(pushed.referrers(name)) for name in (published.index, published.platform)]

    once = sign()

    assert len(once[0]) > len(STATEMENTS)
    assert sign() == once
