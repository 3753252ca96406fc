"""Builds that end in nothing: refused before they start, contradicted after them, failed or interrupted."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.running import interrupted
from tests.e2e import pushed, samples, stand
from tests.e2e.attest_command import Attest

FAILING = "FROM {base}\nRUN echo about to fail && exit 3\n"
ENDLESS = "FROM {base}\nRUN echo under way && sleep {seconds}\n"


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """What is temporary goes here, and must be gone afterwards."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_a_dirty_tree_is_refused_before_the_build(
    attest: Attest, registry: str, sample_repository: samples.Repository
) -> None:
    (sample_repository.path / "hello.txt").write_text("changed\n")
    (sample_repository.path / "new.txt").write_text("untracked\n")
    image = f"{registry}/dirty/app"

    done = attest.run("build", "--tag", f"{image}:1", "--key", attest.key, ".", cwd=sample_repository.path)

    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[:2] == [
        "attest: .: the working tree has uncommitted changes; nothing was built",
        "Changed or untracked: hello.txt, new.txt",
    ]
    assert pushed.tags(image) == []


def test_what_is_advised_for_a_dirty_tree_helps(
    attest: Attest, registry: str, sample_repository: samples.Repository
) -> None:
    (sample_repository.path / "hello.txt").write_text("changed\n")
    image, words = f"{registry}/dirty/advised:1", ("build", "--tag", f"{registry}/dirty/advised:1")
    refused = attest.run(*words, "--key", attest.key, ".", cwd=sample_repository.path)
    assert refused.err.splitlines()[-1] == "Commit, ignore or remove them; or build without --key."

    unsigned = attest.run(*words, ".", cwd=sample_repository.path)
    assert unsigned.code == 0, unsigned
    name = unsigned.out.splitlines()[0]
    signed = attest.run("sign", name, "--key", attest.key, "--source-commit", sample_repository.commit)
    assert signed.code == 1, signed

    sample_repository.git("checkout", "--quiet", "hello.txt")
    attest.build(image, ".", cwd=sample_repository.path)
    assert attest.verify(image, "--source-commit", sample_repository.commit).code == 0


def test_what_contradicts_the_job_is_not_signed(
    attest: Attest, either_registry: str, checkout: samples.Repository
) -> None:
    other = "https://git.example.test/acme/other"
    job = {"GITLAB_CI": "true", "CI_PROJECT_URL": other, "CI_COMMIT_SHA": checkout.commit, "CI_COMMIT_TAG": "v1.0.0"}
    image = f"{either_registry}/contradicted/app:1"

    done = attest.run("build", "--tag", image, "--key", attest.key, ".", cwd=checkout.path, **job)

    assert (done.code, done.out) == (1, "")
    said = [line for line in done.err.splitlines() if line.startswith(("attest: ", "repository: "))]
    assert "the provenance contradicts this job; nothing was attached" in said[-2]
    assert said[-1] == (f"repository: the provenance says {samples.ORIGIN}, this job says {other} (CI_PROJECT_URL)")
    index = said[-2].split()[1].rstrip(":")
    assert pushed.referrers(index) == []
    assert attest.verify(image, "--signature-only").reasons() == {"unsigned"}


@pytest.mark.parametrize("program", ["buildx", "buildctl"])
def test_a_checkout_of_another_commit_than_the_jobs_is_not_built(
    attest: Attest, buildkitd: str, registry: str, checkout: samples.Repository, program: str
) -> None:
    job = {"GITLAB_CI": "true", "CI_COMMIT_SHA": checkout.older_commit, "BUILDKIT_HOST": buildkitd}
    image = f"{registry}/elsewhere/app"

    words = ("build", "--program", program, "--tag", f"{image}:1", "--key", attest.key, ".")
    done = attest.run(*words, cwd=checkout.path, **job)

    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[:2] == [
        "attest: .: not the commit that this job is about; nothing was built",
        f"The checkout is at {checkout.commit} (git HEAD in .), "
        f"the job is about {checkout.older_commit} (CI_COMMIT_SHA).",
    ]
    assert pushed.tags(image) == []


def test_ignored_files_do_not_make_a_tree_dirty(
    attest: Attest, registry: str, sample_repository: samples.Repository
) -> None:
    (sample_repository.path / ".git" / "info" / "exclude").write_text("built/\n")
    (sample_repository.path / "built").mkdir()
    (sample_repository.path / "built" / "out").touch()
    image = f"{registry}/ignored/app:1"

    done = attest.run("build", "--tag", image, "--key", attest.key, ".", cwd=sample_repository.path)

    assert done.code == 0, done
    assert "attest: note: files that git ignores may come into the image" in done.err
    assert attest.verify(image, "--source-commit", sample_repository.commit).code == 0


@pytest.mark.parametrize(
    "given",
    [
        ("--build-arg", "API_TOKEN=correct-horse", "."),
        ("--build-arg", "ADDRESS=https://ada:correct-horse@example.test/", "."),
        ("https://ada:correct-horse@git.example.test/acme/app.git",),
        ("--label", "by=ghp_0123456789abcdefghijABCDEFGHIJ012345", "."),
        (".", "--", "--build-arg", "API_TOKEN=correct-horse"),
    ],
    ids=["name", "address", "context", "label", "after-the-dashes"],
)
def test_credentials_are_seen_before_the_push(
    attest: Attest, registry: str, checkout: samples.Repository, given: tuple[str, ...]
) -> None:
    image = f"{registry}/credentials/app"

    done = attest.run("build", "--tag", f"{image}:1", "--key", attest.key, *given, cwd=checkout.path)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("attest: the build would publish credentials in its provenance\n")
    assert "correct-horse" not in done.err
    assert "ghp_" not in done.err
    assert pushed.tags(image) == []


def test_a_build_argument_that_is_meant_is_published(
    attest: Attest, registry: str, checkout: samples.Repository
) -> None:
    image = f"{registry}/credentials/meant:1"
    given = ("--build-arg", "API_TOKEN=none-of-them", "--allow-build-arg", "API_TOKEN")

    attest.build(image, *given, "--file=Dockerfile.scratch", ".", cwd=checkout.path)

    assert attest.verify(image, "--source-commit", checkout.commit).code == 0


def test_a_build_that_fails_leaves_nothing(
    attest: Attest, registry: str, base_image: str, tmp_path: Path, temporary: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(FAILING.format(base=base_image))
    targets = {"registry": f"{registry}/failed/app:1", "layout": f"oci-layout:{tmp_path / 'images'}:1"}
    files = (f"--metadata-file={tmp_path / 'metadata.json'}", f"--sbom-output={tmp_path / 'sbom.json'}")
    before = sorted(tmp_path.rglob("*"))

    for target in targets.values():
        words = ("build", "--tag", target, "--key", attest.key, *files, context)
        done = attest.run(*words, cwd=tmp_path, TMPDIR=str(temporary))

        assert (done.code, done.out) == (5, "")
        how, why = done.err.splitlines()[-2:]
        assert re.fullmatch(r"attest: (docker buildx|buildx) build exited with 1", how)
        assert why.startswith("ERROR: failed to build: failed to solve: process ")
        assert "exit code: 3" in why
        assert "about to fail" in done.err

    assert sorted(tmp_path.rglob("*")) == before
    assert pushed.tags(targets["registry"].rpartition(":")[0]) == []


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def under_way(process: subprocess.Popen[str]) -> str:
    """Read until the step says that it runs; its own text comes before it as well."""
    said = ""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        if re.search(r"^#\d+ [\d.]+ under way$", line.strip()):
            return said
    raise AssertionError(f"the build ended:\n{said}")


def runs(argument: str) -> bool:
    """Whether any process on this machine, in whatever container, has this argument."""
    found = (place.read_bytes() for place in Path("/proc").glob("[0-9]*/cmdline") if place.exists())
    return any(argument.encode() in words.split(b"\0") for words in found)


@pytest.mark.parametrize(
    ("program", "only_attest"),
    [("buildx", False), ("buildx", True), ("buildctl", False)],
    ids=["terminal", "kill", "buildctl"],
)
def test_an_interrupted_build_leaves_nothing(
    attest: Attest,
    buildkitd: str,
    registry: str,
    base_image: str,
    tmp_path: Path,
    temporary: Path,
    program: str,
    only_attest: bool,
) -> None:
    context, image, seconds = tmp_path / "context", f"{registry}/interrupted/app", f"600.{stand.free_port()}"
    context.mkdir()
    (context / "Dockerfile").write_text(ENDLESS.format(base=base_image, seconds=seconds))
    env = {**attest.environment, "BUILDKIT_HOST": buildkitd, "TMPDIR": str(temporary)}
    words = ("build", "--program", program, "--tag", f"{image}:1", "--key", attest.key, context)

    done = interrupted(*words, env=env, cwd=tmp_path, when=under_way, only_attest=only_attest)

    assert (done.code, done.out) == (130, "")
    assert done.err.splitlines()[-1] == "attest: interrupted"
    assert "CANCELED" in done.err
    assert not list(temporary.iterdir())
    assert pushed.tags(image) == []
    deadline = time.monotonic() + 5
    while runs(seconds) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(seconds), "BuildKit still runs the step"
