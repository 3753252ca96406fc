"""`attest sign` of recordings in jobs that know something: their source, a tag's object, what must stay secret.

What is refused leaves no trace in the layout.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.recordings.conftest import Signer
from tests.recordings.expected import (
    FEATURE,
    INITIAL,
    MAIN,
    ORIGIN,
    PASSED,
    SERVED,
    TAG_OBJECT,
    WITH_A_CREDENTIAL,
    Answer,
    failed,
    unknown,
)
from tests.recordings.reading import answer, copy_of, inspect, sign, verify

COMMIT, REPOSITORY, TAG, BRANCH = "--source-commit", "--source-repository", "--source-tag", "--source-branch"


@pytest.fixture(autouse=True)
def _outside_of_any_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def checkout(sample_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job runs in the sample repository."""
    monkeypatch.chdir(sample_repository)


# --- What agrees is signed --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("local-v1-max", {REPOSITORY: ORIGIN, COMMIT: MAIN, BRANCH: "main"}),
        ("multiplatform", {REPOSITORY: ORIGIN, COMMIT: MAIN, TAG: "v2.0.0"}),
        ("cred-remote", {REPOSITORY: ORIGIN, COMMIT: MAIN}),
        ("buildctl-local-max", {REPOSITORY: ORIGIN, COMMIT: MAIN, TAG: "v2.0.0"}),
        ("remote-v1-max-branch", {REPOSITORY: SERVED, COMMIT: MAIN, BRANCH: "main"}),
        ("remote-v1-max-commit", {REPOSITORY: SERVED, COMMIT: INITIAL}),
        ("remote-v1-max-commit", {COMMIT: INITIAL, TAG: "v1.0.0"}),  # a commit is no other ref than the tag
        ("bk-v0.24.0-max-remote-tag", {REPOSITORY: SERVED, COMMIT: INITIAL, TAG: "v1.0.0"}),
        ("bk-v0.11.6-sbom", {REPOSITORY: ORIGIN, COMMIT: MAIN, TAG: "v2.0.0"}),
    ],
)
def test_what_agrees_with_the_job_is_signed_and_then_proven(
    name: str, source: dict[str, str], signer: Signer, tmp_path: Path
) -> None:
    folder = copy_of(name, tmp_path)
    said = [word for pair in source.items() for word in pair]

    run = sign(folder, signer.key, *said)

    assert run.exit == 0, run.err
    assert answer(verify(folder, "--key", signer.pub, *said)) == PASSED


def test_signing_again_attaches_nothing(signer: Signer, tmp_path: Path) -> None:
    folder = copy_of("multiplatform", tmp_path)
    assert sign(folder, signer.key, COMMIT, MAIN).exit == 0
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert sign(folder, signer.key, COMMIT, MAIN).exit == 0

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files


def test_what_was_signed_is_shown_beside_what_was_embedded(signer: Signer) -> None:
    (platform,) = inspect(signer.signed("sbom-tiny"))["platforms"]

    assert [(each["predicateType"], each["signed"]) for each in platform["attestations"]] == [
        ("https://spdx.dev/Document", False),
        ("https://slsa.dev/provenance/v1", False),
        ("https://slsa.dev/provenance/v1", True),
        ("https://cyclonedx.org/bom", True),
    ]
    signed, embedded = (without_attestation(provenance) for provenance in platform["provenance"][::-1])
    assert signed == embedded
    assert len(inspect(signer.signed("sbom-tiny"))["signatures"]) == 1


def without_attestation(provenance: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in provenance.items() if key != "attestation"}


def test_the_signer_hears_what_verifiers_will_stumble_over(signer: Signer, tmp_path: Path) -> None:
    run = sign(copy_of("named-ctx", tmp_path), signer.key, COMMIT, MAIN)

    assert run.exit == 0
    assert "named context 127.0.0.1:5000/base:1" in run.err


# --- What contradicts the job is not ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "source", "exit_code", "said"),
    [
        ("local-v1-max", (COMMIT, FEATURE), 1, f"{MAIN}, this job says {FEATURE}"),
        ("local-v1-max", (REPOSITORY, SERVED), 1, ORIGIN),
        ("multiplatform", (COMMIT, FEATURE), 1, MAIN),
        ("forged-vcs", (REPOSITORY, ORIGIN), 1, "torvalds/linux"),
        ("forged-vcs", (COMMIT, MAIN), 1, "0bad"),
        ("dirty-check", (COMMIT, MAIN), 1, "uncommitted changes"),
        ("dirty-check", (TAG, "v1.0.0"), 1, "nothing was attached"),
        ("remote-v1-max-branch", (TAG, "v1.0.0"), 1, "the provenance says main"),
        ("remote-v1-max-branch", (BRANCH, "feature"), 1, "the provenance says main"),
        ("remote-v1-max-commit", (COMMIT, MAIN), 1, INITIAL),
        # Not contradicted: the object may be a tag's.
        ("remote-v1-max-branch", (COMMIT, INITIAL), 3, f"the git object {MAIN}"),
        ("remote-v1-max-tag", (COMMIT, INITIAL), 3, f"the git object {TAG_OBJECT}"),
    ],
)
def test_what_contradicts_the_job_is_not_signed(
    name: str, source: tuple[str, str], exit_code: int, said: str, signer: Signer, tmp_path: Path
) -> None:
    folder = copy_of(name, tmp_path)
    before = (folder / "index.json").read_bytes()

    run = sign(folder, signer.key, *source)

    assert (run.exit, run.out) == (exit_code, "")
    assert said in run.err
    assert (folder / "index.json").read_bytes() == before


def test_a_build_argument_that_is_called_token_is_not_signed(signer: Signer, tmp_path: Path) -> None:
    folder = copy_of(WITH_A_CREDENTIAL, tmp_path)
    before = (folder / "index.json").read_bytes()

    run = sign(folder, signer.key)

    assert (run.exit, run.out) == (2, "")
    assert "TOKEN" in run.err
    assert "supersecretarg" not in run.err
    assert (folder / "index.json").read_bytes() == before


def test_a_build_argument_that_is_meant_is_signed(signer: Signer, tmp_path: Path) -> None:
    folder = copy_of(WITH_A_CREDENTIAL, tmp_path)

    run = sign(folder, signer.key, "--allow-build-arg", "TOKEN")

    assert run.exit == 0, run.err
    assert "supersecretarg" not in run.out + run.err
    assert answer(verify(folder, "--key", signer.pub, COMMIT, MAIN)) == PASSED


@pytest.mark.parametrize("secret", ["CI_REGISTRY_PASSWORD", "NPM_TOKEN"])
def test_the_value_of_a_secret_variable_is_not_signed(
    secret: str, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(secret, "supersecretarg")
    folder = copy_of(WITH_A_CREDENTIAL, tmp_path)
    before = (folder / "index.json").read_bytes()

    run = sign(folder, signer.key)

    assert (run.exit, run.out) == (2, "")
    assert secret in run.err
    assert "supersecretarg" not in run.err
    assert (folder / "index.json").read_bytes() == before


# --- Annotated tags ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ((COMMIT, INITIAL), PASSED),
        ((COMMIT, MAIN), failed("other-commit")),
        # People take a tag's object name for its commit, and it names the commit as firmly.
        ((COMMIT, TAG_OBJECT), PASSED),
        # A bare #v1.0.0 is the branch of that name if there is one, whatever the object says.
        ((TAG, "v1.0.0"), unknown("ambiguous-ref")),
        ((BRANCH, "v1.0.0"), unknown("ambiguous-ref")),
        ((TAG, "v2.0.0"), failed("other-tag")),
    ],
)
@pytest.mark.parametrize("name", ["remote-v1-max-tag", "remote-v02-max-tag", "bk-v0.11.6-max-remote-tag"])
def test_a_tag_object_that_git_knows_is_signed_along_and_peeled(
    name: str, question: tuple[str, str], expected: Answer, signer: Signer, tmp_path: Path, checkout: None
) -> None:
    folder = copy_of(name, tmp_path)

    run = sign(folder, signer.key)

    assert run.exit == 0, run.err
    assert answer(verify(folder, "--key", signer.pub, *question)) == expected


def test_a_tag_object_that_git_knows_agrees_with_its_commit(signer: Signer, tmp_path: Path, checkout: None) -> None:
    folder = copy_of("remote-v1-max-tag", tmp_path)
    said = (COMMIT, INITIAL, TAG, "v1.0.0")

    assert sign(folder, signer.key, COMMIT, MAIN).exit == 1
    assert sign(folder, signer.key, *said).exit == 0
    assert answer(verify(folder, "--key", signer.pub, *said)) == PASSED


def test_git_knows_the_commits_of_the_table(checkout: None) -> None:
    """expected.py names no commit that is not in the sample repository."""
    names = {"origin/main": MAIN, "origin/feature": FEATURE, "v1.0.0": TAG_OBJECT, "v1.0.0^{}": INITIAL}
    names["light1"] = INITIAL

    found = {name: subprocess.run(["git", "rev-parse", name], capture_output=True, text=True) for name in names}

    assert {name: run.stdout.strip() for name, run in found.items()} == names
