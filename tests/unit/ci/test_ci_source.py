from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from attest.ci.git import GitRefused
from attest.ci.source import Job, JobSource, Stated, source_of_this_job
from attest.errors import UsageError

COMMIT = "8dedf8a5c843d0666ef68b007798d94260e2feb3"
OTHER = "1d48664a" * 5
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example.com/acme/app",
    "CI_COMMIT_SHA": COMMIT,
    "CI_COMMIT_REF_PROTECTED": "true",
    "CI_JOB_ID": "4711",
    "CI_JOB_URL": "https://gitlab.example.com/acme/app/-/jobs/4711",
    "CI_PIPELINE_ID": "815",
    "CI_PIPELINE_URL": "https://gitlab.example.com/acme/app/-/pipelines/815",
    "CI_PIPELINE_SOURCE": "push",
    "CI_RUNNER_ID": "12",
    "CI_RUNNER_DESCRIPTION": "docker runner, building 3",
    "CI_CONFIG_PATH": ".gitlab-ci.yml",
    "CI_JOB_TOKEN": "very-secret",
}
TAG_PIPELINE = {**GITLAB, "CI_COMMIT_TAG": "v1.0.0"}
BRANCH_PIPELINE = {**GITLAB, "CI_COMMIT_BRANCH": "main"}
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/app",
    "GITHUB_SHA": COMMIT,
    "GITHUB_REF": "refs/tags/v1.0.0",
    "GITHUB_REF_PROTECTED": "false",
    "GITHUB_JOB": "build",
    "GITHUB_RUN_ID": "99",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_EVENT_NAME": "push",
    "RUNNER_NAME": "GitHub Actions 7",
    "GITHUB_WORKFLOW_REF": "acme/app/.github/workflows/release.yml@refs/tags/v1.0.0",
}
NO_FLAGS: Mapping[str, str] = {}


def test_a_tag_pipeline_of_gitlab_says_everything() -> None:
    assert source_of_this_job(TAG_PIPELINE, None, NO_FLAGS) == JobSource(
        platform="gitlab",
        repository=Stated("https://gitlab.example.com/acme/app", "CI_PROJECT_URL"),
        commit=Stated(COMMIT, "CI_COMMIT_SHA"),
        ref=Stated("refs/tags/v1.0.0", "CI_COMMIT_TAG"),
        tag=Stated("v1.0.0", "CI_COMMIT_TAG"),
        protected=True,
        job=Job(
            id="4711",
            url="https://gitlab.example.com/acme/app/-/jobs/4711",
            pipeline_id="815",
            pipeline_url="https://gitlab.example.com/acme/app/-/pipelines/815",
            pipeline_source="push",
            runner_id="12",
            runner_description="docker runner, building 3",
            configuration_path=".gitlab-ci.yml",
        ),
    )


def test_a_tag_run_of_github_says_everything() -> None:
    repository = Stated("https://github.com/acme/app", "GITHUB_SERVER_URL and GITHUB_REPOSITORY")
    assert source_of_this_job(GITHUB, None, NO_FLAGS) == JobSource(
        platform="github",
        repository=repository,
        commit=Stated(COMMIT, "GITHUB_SHA"),
        ref=Stated("refs/tags/v1.0.0", "GITHUB_REF"),
        tag=Stated("v1.0.0", "GITHUB_REF"),
        protected=False,
        job=Job(
            id="build",
            pipeline_id="99",
            pipeline_url="https://github.com/acme/app/actions/runs/99/attempts/2",
            pipeline_source="push",
            runner_description="GitHub Actions 7",
            configuration_path=".github/workflows/release.yml",
        ),
    )


@pytest.mark.parametrize(
    ("environ", "ref", "branch"),
    [
        (BRANCH_PIPELINE, "refs/heads/main", "main"),
        ({**GITLAB, "CI_MERGE_REQUEST_REF_PATH": "refs/merge-requests/7/head"}, "refs/merge-requests/7/head", None),
        ({**GITHUB, "GITHUB_REF": "refs/heads/feature/x"}, "refs/heads/feature/x", "feature/x"),
        ({**GITHUB, "GITHUB_REF": "refs/pull/7/merge"}, "refs/pull/7/merge", None),
    ],
)
def test_branches_and_merge_requests_are_no_tags(environ: Mapping[str, str], ref: str, branch: str | None) -> None:
    job = source_of_this_job(environ, None, NO_FLAGS)
    assert job.ref is not None
    assert (job.ref.value, job.branch, job.tag) == (ref, branch, None)


def test_nothing_known_is_nothing_said() -> None:
    assert source_of_this_job({}, None, NO_FLAGS) == JobSource()


def test_empty_and_broken_variables_are_not_known() -> None:
    job = source_of_this_job(
        {"GITLAB_CI": "true", "CI_PROJECT_URL": "", "CI_COMMIT_SHA": "8dedf8a5", "CI_COMMIT_REF_PROTECTED": "maybe"},
        None,
        NO_FLAGS,
    )
    assert job == JobSource(platform="gitlab")


@pytest.mark.parametrize("flags", [{}, {"--source-repository": "https://u:very-secret@gitlab.example.com/acme/app"}])
def test_no_secret_of_the_job_is_in_its_claim(flags: Mapping[str, str]) -> None:
    environ = {**TAG_PIPELINE, "CI_PROJECT_URL": "https://gitlab-ci-token:very-secret@gitlab.example.com/acme/app"}
    job = source_of_this_job(environ, None, flags)
    assert "very-secret" not in repr(job)
    assert job.repository is not None
    assert job.repository.value == "https://gitlab.example.com/acme/app"


def test_a_flag_wins_over_the_platform_and_says_so() -> None:
    job = source_of_this_job(
        TAG_PIPELINE, None, {"--source-commit": COMMIT.upper(), "--source-tag": "refs/tags/v1.0.0"}
    )
    assert job.commit == Stated(COMMIT, "--source-commit")
    assert job.tag == Stated("v1.0.0", "--source-tag")
    assert job.ref == Stated("refs/tags/v1.0.0", "--source-tag")
    assert job.repository == Stated("https://gitlab.example.com/acme/app", "CI_PROJECT_URL")
    assert job.protected is True


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"--source-commit": "8dedf8a5"}, "not a full commit"),
        ({"--source-commit": "main"}, "not a full commit"),
        ({"--source-commit": COMMIT + "0"}, "not a full commit"),
        ({"--source-commit": COMMIT + "-dirty"}, "not a full commit"),
        ({"--source-commit": ""}, "no value"),
        ({"--source-tag": " "}, "no value"),
        ({"--source-repository": ""}, "no value"),
        ({"--source-tag": "v1", "--source-branch": "main"}, "one of them"),
    ],
)
def test_a_flag_that_says_nothing_certain_is_refused(flags: Mapping[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        source_of_this_job(TAG_PIPELINE, None, flags)


def test_a_sha256_commit_is_full() -> None:
    assert source_of_this_job({}, None, {"--source-commit": "ab" * 32}).commit == Stated("ab" * 32, "--source-commit")


def test_another_commit_takes_nothing_from_the_jobs_own_ref() -> None:
    job = source_of_this_job(TAG_PIPELINE, None, {"--source-commit": OTHER})
    assert job.repository == Stated("https://gitlab.example.com/acme/app", "CI_PROJECT_URL")
    assert (job.ref, job.tag, job.protected) == (None, None, None)
    assert (job.platform, job.job.id) == ("gitlab", "4711")


def test_another_repository_takes_nothing_from_the_jobs_own_source() -> None:
    job = source_of_this_job(TAG_PIPELINE, None, {"--source-repository": "https://gitlab.example.com/other/app"})
    assert (job.commit, job.ref, job.tag, job.protected) == (None, None, None, None)
    assert job.job.id == "4711"


def test_another_way_to_write_the_repository_is_the_same_source() -> None:
    job = source_of_this_job(TAG_PIPELINE, None, {"--source-repository": "git@gitlab.example.com:acme/app.git"})
    assert job.commit == Stated(COMMIT, "CI_COMMIT_SHA")
    assert job.tag == Stated("v1.0.0", "CI_COMMIT_TAG")


def test_another_tag_is_not_protected_because_the_jobs_own_is() -> None:
    job = source_of_this_job(TAG_PIPELINE, None, {"--source-tag": "v2.0.0"})
    assert job.tag == Stated("v2.0.0", "--source-tag")
    assert job.protected is None


def test_a_branch_by_flag_takes_no_tag_from_the_platform() -> None:
    job = source_of_this_job(TAG_PIPELINE, None, {"--source-branch": "main"})
    assert (job.branch, job.tag, job.protected) == ("main", None, None)


def run(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Alex", "-c", "user.email=alex@example.com")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(directory), *identity, *arguments]
    return subprocess.run(command, env=clean, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    run(tmp_path, "init", "--quiet", "--initial-branch=main")
    run(tmp_path, "commit", "--quiet", "--allow-empty", "--message=one")
    run(tmp_path, "tag", "v1.0.0")
    run(tmp_path, "remote", "add", "origin", "https://gitlab.example.com/acme/app.git")
    return tmp_path


@pytest.fixture
def path() -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"]}


def test_git_answers_where_no_platform_does(checkout: Path, path: Mapping[str, str]) -> None:
    job = source_of_this_job(path, checkout, NO_FLAGS)
    assert job.platform == "git"
    assert job.commit == Stated(run(checkout, "rev-parse", "HEAD"), f"git HEAD in {checkout}")
    assert job.tag == Stated("v1.0.0", f"git tag at HEAD in {checkout}")


def test_git_is_not_asked_where_the_platform_says_everything(tmp_path: Path) -> None:
    (tmp_path / "git").write_text(f"#!/bin/sh\n: > {tmp_path}/asked\n")
    (tmp_path / "git").chmod(0o755)
    source_of_this_job({**TAG_PIPELINE, "PATH": str(tmp_path)}, tmp_path, NO_FLAGS)
    assert not (tmp_path / "asked").exists()
    source_of_this_job({**GITLAB, "PATH": str(tmp_path)}, tmp_path, NO_FLAGS)
    assert (tmp_path / "asked").exists()


def test_a_checkout_of_another_commit_does_not_lend_its_tag(checkout: Path, path: Mapping[str, str]) -> None:
    job = source_of_this_job({**path, **GITLAB}, checkout, NO_FLAGS)  # a job without ref, at another commit
    assert job.commit == Stated(COMMIT, "CI_COMMIT_SHA")
    assert (job.ref, job.tag) == (None, None)


def test_a_checkout_of_the_same_commit_does(checkout: Path, path: Mapping[str, str]) -> None:
    flags = {"--source-commit": run(checkout, "rev-parse", "HEAD")}
    job = source_of_this_job(path, checkout, flags)
    assert job.commit == Stated(flags["--source-commit"], "--source-commit")
    assert job.tag == Stated("v1.0.0", f"git tag at HEAD in {checkout}")


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
def test_gits_refusal_matters_only_where_its_answer_is_needed(checkout: Path, path: Mapping[str, str]) -> None:
    os.chown(checkout, 65534, 65534)
    os.chown(checkout / ".git", 65534, 65534)
    with pytest.raises(GitRefused):
        source_of_this_job(path, checkout, NO_FLAGS)
    flags = {"--source-commit": COMMIT, "--source-repository": "https://gitlab.example.com/acme/app"}
    assert source_of_this_job(path, checkout, flags).commit == Stated(COMMIT, "--source-commit")
